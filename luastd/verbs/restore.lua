--- `restore`: continue a container that `checkpoint` saved. Nothing was.
--- Source: runc-restore(8).
---@class scrun.verbs.restore
local M = {}

--- Override point: see verbs/checkpoint.lua.
---@param facts scrun.Facts
---@return true? ok
---@return string? errmsg
---@return string? code
function M.run(facts)
  local text = 'cannot restore container "%s": containers in jobs are not checkpointed either'
  return nil, text:format(facts.id), 'NOT_SUPPORTED'
end

return M
