--- OCI `start`: run the created container's process.
--- Source: OCI runtime-spec, runtime.md, "Start".
---@class scrun.verbs.start
local M = {}
local host = require 'host'
local step = require 'scrun.job.step'

--- Override point: the arguments of srun.
---@param container scrun.Container
---@return string[]
function M.argv(container)
  -- By this name signals find the step.
  local request = { srun = container.request.srun, job_name = container.step_name }
  return step.argv({
    job_id = container.job_id,
    bundle = container.bundle,
    args = container.args,
    variables = container.variables,
    terminal = container.terminal,
    adopted = container.request.job_id ~= nil,
  }, request)
end

--- Runs the verb.
---@param container scrun.Container
---@return true? ok
---@return string? errmsg
---@return string? code
function M.run(container)
  if container.status ~= 'created' then
    return nil, ('cannot start container "%s": it is %s'):format(container.id, container.status),
      'BAD_STATE'
  end
  return host.start_step(M.argv(container))
end

return M
