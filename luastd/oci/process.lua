--- `process`: settings an ordinary user may not raise.
--- Source: OCI runtime-spec, config.md, "Process"; setrlimit(2), proc(5).
---@class scrun.oci.process
local M = {}

--- Drops resource limits: raising one needs CAP_SYS_RESOURCE on the node, and Slurm sets the
--- job's own.
---@param config oci.Config
---@return oci.Config
function M.drop_rlimits(config)
  if config.process then
    config.process.rlimits = nil
  end
  return config
end

--- Drops the out-of-memory score: lowering it needs CAP_SYS_RESOURCE.
---@param config oci.Config
---@return oci.Config
function M.drop_oom_score(config)
  if config.process then
    config.process.oomScoreAdj = nil
  end
  return config
end

return M
