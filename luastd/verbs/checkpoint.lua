--- `checkpoint`: save a running container to disk, as runc does with CRIU. Not here.
--- Source: runc-checkpoint(8); criu(8), "needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE".
---@class scrun.verbs.checkpoint
local M = {}

--- Override point: a site that can save a job's processes does it here.
---@param facts scrun.Facts
---@return true? ok
---@return string? errmsg
---@return string? code
function M.run(facts)
  local text = 'cannot checkpoint container "%s": CRIU would have to be root on the node, which '
    .. 'Slurm makes nobody. let the program save its own state'
  return nil, text:format(facts.id), 'NOT_SUPPORTED'
end

return M
