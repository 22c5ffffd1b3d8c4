--- `ociVersion`: which runtimes accept the bundle.
--- Source: OCI runtime-spec, config.md, "Specification version".
---@class scrun.oci.version
local M = {}

--- Override point: the version written into staged bundles. Engines write their newest one;
--- crun 1.8 answers 1.3.0 with "unknown version specified", while every crun and runc takes
--- 1.0.0 and reads newer members all the same.
M.oldest = '1.0.0'

--- Declares the oldest version.
---@param config oci.Config
---@return oci.Config
function M.lower(config)
  config.ociVersion = M.oldest
  return config
end

return M
