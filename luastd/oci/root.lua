--- `root`: where the container's root file system is.
--- Source: OCI runtime-spec, config.md, "Root".
---@class scrun.oci.root
local M = {}

--- The root file system's absolute path: a relative one counts from the bundle.
---@param config oci.Config
---@param bundle string absolute
---@return string? path nil: the config names none
function M.path(config, bundle)
  local path = config.root and config.root.path
  if not path or path == '' then
    return nil
  elseif path:sub(1, 1) == '/' then
    return path
  end
  return (bundle:gsub('/+$', '')) .. '/' .. path
end

--- Points the config at another root file system; `readonly` stays as it was.
---@param config oci.Config
---@param path string absolute, since the bundle moves too
---@return oci.Config
function M.set_path(config, path)
  config.root = config.root or {}
  config.root.path = path
  return config
end

return M
