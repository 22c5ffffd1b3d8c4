--- The srun command line of the container's step.
--- Source: srun(1), `--container`, `--export`, `--no-kill`.
---@class scrun.job.step
local M = {}

---@class scrun.job.Container
---@field job_id integer
---@field bundle string as the nodes see it
---@field args string[] the container's command; args[1] absolute, since slurmstepd looks a bare
--- name up on the node
---@field variables? table<string, string> of ours (SCRUN_*), which the container's process gets
---@field output? string file of the node that takes stdout
---@field terminal? boolean the step gets a pseudoterminal
---@field adopted? boolean the allocation is not ours: share its resources with its other steps

--- Override point: which variables srun hands on; those of Slurm itself always come along.
---@param variables? table<string, string>
---@return string option
function M.export(variables)
  local names = {}
  for name in pairs(variables or {}) do
    if not name:find '[,=%s]' then -- srun has no way to quote these
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return '--export=' .. (names[1] and table.concat(names, ',') or 'NONE')
end

--- Override point: whether stdout is to come byte by byte, not in whole lines. Of several tasks
--- lines would be torn apart, and labels are for lines.
---@param container scrun.Container
---@param job_variables string[] `NAME=value`
---@param settings scrun.settings
---@return boolean
function M.wants_bytes(container, job_variables, settings)
  if container.terminal or settings.output == 'lines' then
    return false
  end
  local wanted = settings.output == 'bytes' or container.interactive
  for _, option in ipairs(container.request.srun) do
    wanted = wanted or option == '--unbuffered'
    if option == '--label' then
      return false
    end
  end
  return wanted and M.has_one_task(container, job_variables)
end

--- Override point: whether srun begins one task. In an allocation that was there before its own
--- options tell, and else the number of nodes, each of which has a task.
---@param container scrun.Container
---@param job_variables string[] `NAME=value`
---@return boolean
function M.has_one_task(container, job_variables)
  local count = {} ---@type table<string, string>
  for _, entry in ipairs(job_variables) do
    local name, value = entry:match '^SLURM_([A-Z_]+)=(.*)$'
    if name then
      count[name] = value
    end
  end
  local request = container.request
  -- That of a pod comes with all variables of its salloc, by which srun goes.
  local is_found = request.job_id and not request.job_variables
  local nodes = is_found and (count.JOB_NUM_NODES or count.NNODES)
  local has_several = nodes and nodes ~= '1' -- what carries stdout is on the first of them
  for _, option in ipairs(request.srun) do
    local name, value = option:match '^%-%-([%w-]+)=(.*)$'
    if has_several and (name == 'nodelist' or name == 'exclude') then
      return false
    elseif name == 'ntasks-per-gpu' or name == 'ntasks-per-tres' then
      return false -- as many for each of what the job has
    elseif name == 'ntasks' then
      return value == '1'
    elseif name == 'nodes' then
      nodes = value
    elseif name and name:find '^ntasks%-per%-' and value ~= '1' then
      return false
    end
  end
  local tasks = nodes or count.TASKS_PER_NODE or count.NTASKS
  return tasks == nil or tasks == '1'
end

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
    M.export(container.variables), -- beside it the container's environment is config.json's
    '--chdir=/', -- srun's own may be nowhere on the node; the process's is config.json's
    '--no-kill', -- a node lost ends its own tasks only, as the manual's lua-command has it
  }
  if request.job_name then
    argv[#argv + 1] = '--job-name'
    argv[#argv + 1] = request.job_name
  end
  if container.terminal then
    argv[#argv + 1] = '--pty'
  end
  if container.output then
    argv[#argv + 1] = '--output=' .. container.output
    argv[#argv + 1] = '--unbuffered' -- for stderr; the file is what it is
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
