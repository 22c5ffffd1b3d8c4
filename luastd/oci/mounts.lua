--- `mounts`: edits that need no look at the file system; oci/binds.lua has those that do.
--- Source: OCI runtime-spec, config.md, "Mounts"; mount_namespaces(7) and user_namespaces(7)
--- for which file systems an unprivileged user may mount.
local lists = require 'scrun.oci.lists'
local namespaces = require 'scrun.oci.namespaces'

---@class scrun.oci.mounts
local M = {}

--- Drops the mounts for which `unwanted` answers true.
---@param config oci.Config
---@param unwanted fun(mount: oci.Mount): boolean?
---@return oci.Config
function M.drop_if(config, unwanted)
  config.mounts = lists.without(config.mounts, unwanted)
  return config
end

--- A bind is told by its type or by its options: the spec asks for the option, runtimes take
--- either, and engines write both.
---@param mount oci.Mount
---@return boolean
function M.is_bind(mount)
  if mount.type == 'bind' then
    return true
  end
  for _, option in ipairs(mount.options or {}) do
    if option == 'bind' or option == 'rbind' then
      return true
    end
  end
  return false
end

--- Drops `uid=` and `gid=`: they name ids the user namespace does not map (crun and runc:
--- `mount devpts: Invalid argument`).
---@param config oci.Config
---@return oci.Config
function M.drop_id_options(config)
  for _, mount in ipairs(config.mounts or {}) do
    mount.options = lists.without(mount.options, function(option)
      return option:find '^[ug]id=' ~= nil
    end)
  end
  return config
end

--- Drops id-mapped mounts' mappings: they need privilege over the source's file system.
---@param config oci.Config
---@return oci.Config
function M.drop_id_mappings(config)
  for _, mount in ipairs(config.mounts or {}) do
    mount.uidMappings, mount.gidMappings = nil, nil
    mount.options = lists.without(mount.options, function(option)
      return option:find '^r?idmap' ~= nil
    end)
  end
  return config
end

---@param mount oci.Mount
---@param source string
---@param extra? string
local function bind_instead(mount, source, extra)
  mount.type, mount.source = 'bind', source
  mount.options = { 'rbind', 'nosuid', 'noexec', 'nodev', extra }
end

--- Binds the node's /proc, /sys where the container shares the namespace they show, and drops
--- mqueue there: the kernel lets only that namespace's owner mount a new one.
---@param config oci.Config
---@return oci.Config
function M.borrow_kernel_views(config)
  for _, mount in ipairs(config.mounts or {}) do
    if mount.type == 'proc' and not namespaces.is_own(config, 'pid') then
      bind_instead(mount, '/proc')
    elseif mount.type == 'sysfs' and not namespaces.is_own(config, 'network') then
      bind_instead(mount, '/sys', 'ro')
    end
  end
  return M.drop_if(config, function(mount)
    return mount.type == 'mqueue' and not namespaces.is_own(config, 'ipc')
  end)
end

return M
