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

---@param config oci.Config
---@param name string
---@return boolean
local function may_set(config, name)
  local _, gid = user.ids(config)
  if name == 'net.ipv4.ping_group_range' and gid ~= 0 then
    return false -- engines write "0 0", and the kernel refuses a group that is not mapped
  end
  for _, owner in ipairs(OWNER) do
    if name:sub(1, #owner[1]) == owner[1] then
      return namespaces.is_own(config, owner[2])
    end
  end
  return false
end

--- Drops the settings that only the node's root may change.
---@param config oci.Config
---@return oci.Config
function M.keep_own(config)
  local settings = config.linux and config.linux.sysctl
  if not settings then
    return config
  end
  local kept = {}
  for name, value in pairs(settings) do
    if may_set(config, name) then
      kept[name] = value
    end
  end
  config.linux.sysctl = next(kept) ~= nil and kept or nil
  return config
end

return M
