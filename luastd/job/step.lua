--- The srun command line of the container's step.
--- Source: srun(1), `--container`, `--export`, `--no-kill`.
---@class scrun.job.step
local M = {}

---@class scrun.job.Container
---@field job_id integer
---@field bundle string as the nodes see it
---@field args string[] the container's command; args[1] absolute, since slurmstepd looks a bare
--- name up on the node
---@field terminal? boolean the step gets a pseudoterminal
---@field adopted? boolean the allocation is not ours: share its resources with its other steps

--- Override point: options in front of those that the request brings.
---@param container scrun.job.Container
---@param request scrun.job.Request
---@return string[]
function M.options(container, request)
  local argv = {
    '--jobid',
    ('%d'):format(container.job_id),
    '--container',
    container.bundle,
    '--export=NONE', -- the container's environment is config.json's
    '--no-kill', -- a node lost ends its own tasks only, as the manual's lua-command has it
  }
  if request.job_name then
    argv[#argv + 1] = '--job-name'
    argv[#argv + 1] = request.job_name
  end
  if container.terminal then
    argv[#argv + 1] = '--pty'
  end
  if container.adopted then
    argv[#argv + 1] = '--overlap'
  end
  return argv
end

--- The arguments for srun; its path and oci.conf's SrunArgs are the host's to add.
---@param container scrun.job.Container
---@param request scrun.job.Request
---@return string[]
function M.argv(container, request)
  local argv = M.options(container, request)
  for _, option in ipairs(request.srun) do
    argv[#argv + 1] = option
  end
  argv[#argv + 1] = '--'
  for _, word in ipairs(container.args) do
    argv[#argv + 1] = word
  end
  return argv
end

return M
