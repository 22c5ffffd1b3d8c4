--- `linux.sysctl`: kernel settings of the container's own namespaces.
--- Source: OCI runtime-spec, config-linux.md, "Sysctl"; runtimes refuse a setting of a
--- namespace that the container shares with the node.
local namespaces = require 'scrun.oci.namespaces'
local user = require 'scrun.oci.user'

---@class scrun.oci.sysctl
local M = {}

--- Which namespace a setting belongs to: prefix of the name, kind of namespace.
---@type { [1]: string, [2]: oci.NamespaceType }[]
local OWNER = {
  { 'net.', 'network' },
  { 'fs.mqueue.', 'ipc' },
  { 'kernel.msg', 'ipc' },
  { 'kernel.sem', 'ipc' },
  { 'kernel.shm', 'ipc' },
  { 'kernel.hostname', 'uts' },
  { 'kernel.domainname', 'uts' },
}

--- Whether the namespace that a setting belongs to is the container's own.
---@param config oci.Config
---@param name string
---@return boolean? own nil: it belongs to none
local function is_own(config, name)
  for _, owner in ipairs(OWNER) do
    if name:sub(1, #owner[1]) == owner[1] then
      return namespaces.is_own(config, owner[2])
    end
  end
  return nil
end

---@param config oci.Config
---@param wanted fun(name: string): boolean
---@return oci.Config
local function keep_if(config, wanted)
  local settings = config.linux and config.linux.sysctl
  if not settings then
    return config
  end
  local kept = {}
  for name, value in pairs(settings) do
    if wanted(name) then
      kept[name] = value
    end
  end
  config.linux.sysctl = next(kept) ~= nil and kept or nil
  return config
end

--- Drops the settings of namespaces that the container shares: the node's would change.
---@param config oci.Config
---@return oci.Config
function M.drop_shared(config)
  return keep_if(config, function(name)
    return is_own(config, name) ~= false
  end)
end

--- Drops the settings that only the node's root may change.
---@param config oci.Config
---@return oci.Config
function M.keep_own(config)
  local _, gid = user.ids(config)
  return keep_if(config, function(name)
    if name == 'net.ipv4.ping_group_range' and gid ~= 0 then
      return false -- engines write "0 0", and the kernel refuses a group that is not mapped
    end
    return is_own(config, name) == true
  end)
end

return M
