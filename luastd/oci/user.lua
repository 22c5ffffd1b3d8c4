--- `process.user`: who the container's process is, inside the container.
--- Source: OCI runtime-spec, config.md, "POSIX-platform User".
---@class scrun.oci.user
local M = {}

--- The process's ids inside the container; the spec's default is root.
---@param config oci.Config
---@return integer uid
---@return integer gid
function M.ids(config)
  local user = config.process and config.process.user or {}
  return user.uid or 0, user.gid or 0
end

--- Drops supplementary groups: an unprivileged user namespace denies setgroups(2).
---@param config oci.Config
---@return oci.Config
function M.drop_additional_gids(config)
  if config.process and config.process.user then
    config.process.user.additionalGids = nil
  end
  return config
end

--- Makes the process root inside the container, which is the job's user outside of it.
---@param config oci.Config
---@return oci.Config
function M.become_root(config)
  if config.process then
    config.process.user = config.process.user or {}
    config.process.user.uid, config.process.user.gid = 0, 0
  end
  return config
end

return M
