--- `linux.uidMappings`, `linux.gidMappings`: who the container's ids are outside of it.
--- Source: OCI runtime-spec, config-linux.md, "User namespace mappings"; user_namespaces(7):
--- without subordinate ids and newuidmap an ordinary user may map one id, the own one.
local namespaces = require 'scrun.oci.namespaces'
local user = require 'scrun.oci.user'

---@class scrun.oci.idmap
local M = {}

--- Whether the files of the container's root are another's than the user's: an engine has shifted
--- them to a subordinate id (`podman run --userns=keep-id`).
---@param config oci.Config as the engine wrote it
---@param uid integer the user; in an engine's own user namespace that is 0
---@return boolean
function M.has_shifted_root(config, uid)
  for _, mapping in ipairs((config.linux or {}).uidMappings or {}) do
    if mapping.containerID == 0 then
      return mapping.hostID ~= 0 and mapping.hostID ~= uid
    end
  end
  return false
end

--- Gives the container a user namespace in which its process is the job's user outside. An
--- engine's own mappings go: they speak of ids in the engine's user namespace, not the node's.
---@param config oci.Config
---@param uid integer the job's user on the node
---@param gid integer the job's group on the node
---@return oci.Config
function M.map_process(config, uid, gid)
  local inner_uid, inner_gid = user.ids(config)
  namespaces.add(config, 'user')
  namespaces.find(config, 'user').path = nil
  config.linux.uidMappings = { { containerID = inner_uid, hostID = uid, size = 1 } }
  config.linux.gidMappings = { { containerID = inner_gid, hostID = gid, size = 1 } }
  return config
end

return M
