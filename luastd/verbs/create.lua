--- OCI `create`: get resources for a container and leave it ready to start.
--- Source: OCI runtime-spec, runtime.md, "Create"; no process of the user runs before `start`.
---@class scrun.verbs.create
local M = {}
local host = require 'host'
local job_request = require 'scrun.job.request'
local pod = require 'scrun.job.pod'
local settings = require 'scrun.settings'

--- Override point: what to ask Slurm for.
---@param container scrun.Container
---@param caller { environment: table<string, string>, config: oci.Config }
---@return scrun.job.Request? request
---@return string? errmsg
---@return string? code
function M.request(container, caller)
  return job_request.from(caller.environment, caller.config, settings, container.id)
end

--- Override point: the namespaces of another container that none may join on a node.
---@type table<string, string> kind -> the engine's option for it
M.unjoinable = { pid = '--pid', ipc = '--ipc' }

--- Override point: refuses what only a container of this machine could share. A pod's containers
--- go without (`verbs.start`, leave_namespaces); a network is the node's, whatever is asked for.
---@param container scrun.Container
---@param config oci.Config
---@return true? ok
---@return string? errmsg
---@return string? code
function M.check_namespaces(container, config)
  if container.backend ~= 'slurm' or pod.of(container) then
    return true
  end
  for _, namespace in ipairs(config.linux and config.linux.namespaces or {}) do
    local option = namespace.path and M.unjoinable[namespace.type]
    if option then
      local text = 'linux.namespaces: %s is of this machine, and the container is on a node: '
        .. 'leave %s out, or give it and the other a pod'
      return nil, text:format(namespace.path, option), 'BAD_CONFIG'
    end
  end
  return true
end

--- Override point: finds out whether the step's own options are right, before there is a job.
---@param request scrun.job.Request
---@return true? ok
---@return string? errmsg
---@return string? code
function M.check_step(request)
  if not request.srun[1] then
    return true
  end
  local output = host.check_step_options(request.srun)
  if not output then
    return true
  end
  local told = job_request.explain_refusal(request, output, host.slurm_version())
  local reason = output:match('[^\n]+'):gsub('^srun: ', ''):gsub('^error: ', '')
  return nil, told or 'step refused: ' .. reason, 'BAD_OPTION'
end

--- Override point: gets the job that the container will run in.
---@param request scrun.job.Request
---@return integer? job_id
---@return string? errmsg
---@return string? code
function M.allocate(request)
  local job_id, errmsg, code, output = host.allocate(request)
  if job_id then
    return job_id
  elseif output and output:find('unrecognized option', 1, true) then
    local told = job_request.explain_refusal(request, output, host.slurm_version())
    return nil, told or errmsg, code
  end
  return nil, errmsg, code
end

--- Override point: brings the bundle to the nodes; shipped: the site's `slurm_scrun_stage_in`,
--- or the stager that the setting `stage` names.
---@param container scrun.Container
---@return true? ok
---@return string? errmsg
---@return string? code
function M.stage_in(container) -- luacheck: ignore 212
  return host.stage_in()
end

--- Override point: lets podman, which enters our mount namespace for `cp` of a running container,
--- find the container's root file system there, not this machine's.
---@param container scrun.Container
function M.show_root(container)
  if container.annotations['io.container.manager'] == 'libpod' then
    host.show_root()
  end
end

--- Override point: has the step that is to carry stdout, if there is to be one, begin when the
--- container is created: `start` need not wait for all of it.
---@param container scrun.Container
---@param request scrun.job.Request
function M.begin_output(container, request)
  local step = require 'scrun.job.step' -- not before the job was asked for: it has time then
  local wanted = {
    terminal = container.terminal,
    interactive = container.interactive,
    request = request,
  }
  if step.wants_bytes(wanted, host.job_variables(), settings) then
    host.begin_output()
  end
end

--- Runs the verb. What can be known to be wrong is found before a job is asked for.
---@param container scrun.Container
---@param caller { environment: table<string, string>, config: oci.Config }
---@return true? ok
---@return string? errmsg
---@return string? code
function M.run(container, caller)
  local ok, errmsg, code = host.resolve_command()
  if not ok then
    return nil, errmsg, code
  end
  ok, errmsg, code = M.check_namespaces(container, caller.config)
  if not ok then
    return nil, errmsg, code
  end
  local request
  request, errmsg, code = M.request(container, caller)
  if not request then
    return nil, errmsg, code
  end
  ok, errmsg, code = M.check_step(request)
  if not ok then
    return nil, errmsg, code
  end
  pod.join(container, request)
  ok, errmsg, code = host.load_script()
  if not ok then
    return nil, errmsg, code
  end
  ok, errmsg, code = M.allocate(request)
  if not ok then
    return nil, errmsg, code
  end
  M.begin_output(container, request)
  ok, errmsg, code = M.stage_in(container)
  if ok then
    M.show_root(container)
  end
  return ok, errmsg, code
end

return M
