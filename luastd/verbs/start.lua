--- OCI `start`: run the created container's process.
--- Source: OCI runtime-spec, runtime.md, "Start".
---@class scrun.verbs.start
local M = {}
local carried = require 'scrun.stage.carried'
local host = require 'host'
local json = require 'scrun.json'
local namespaces = require 'scrun.oci.namespaces'
local pod = require 'scrun.job.pod'
local settings = require 'scrun.settings'
local step = require 'scrun.job.step'

--- Override point: the arguments of srun.
---@param container scrun.Container
---@param output? string where stdout goes instead of srun's own; a path on the node
---@return string[]
function M.argv(container, output)
  -- By this name signals find the step.
  local request = { srun = container.request.srun, job_name = container.step_name }
  return step.argv({
    job_id = container.job_id,
    bundle = container.bundle,
    args = container.args,
    variables = container.variables,
    terminal = container.terminal,
    output = output,
    adopted = (container.request.job_id or container.request.pod) ~= nil,
  }, request)
end

--- Whether the staged bundle can be changed. It need not be on this machine: then its path may be
--- anybody's here, with links to files of the user's. An engine's own is not ours to change.
---@param container scrun.Container
---@return boolean
local function is_in_reach(container)
  local is_staged = container.bundle ~= container.variables.SCRUN_SUBMISSION_BUNDLE
  return is_staged and container.owns_bundle
end

--- Edits the staged config.json, where that is in reach.
---@param container scrun.Container
---@param edit fun(config: oci.Config)
local function edit_staged(container, edit)
  if not is_in_reach(container) then
    return
  end
  local path = container.bundle .. '/config.json'
  local file = io.open(path)
  if not file then
    return
  end
  local ok, config = pcall(json.decode, file:read '*a')
  file:close()
  if not ok or type(config) ~= 'table' or type(config.process) ~= 'table' then
    return
  end
  edit(config)
  file = io.open(path, 'w') -- keeps its owner and mode
  if file then
    file:write(json.encode(config))
    file:close()
  end
end

--- Override point: writes the terminal's size into the staged config.json: crun does not look at
--- its own terminal's when it starts. Out of reach, the size comes a moment later.
---@param container scrun.Container
function M.fit(container)
  local rows, columns = host.console_size()
  if rows ~= 0 then
    edit_staged(container, function(config)
      config.process.consoleSize = { height = rows, width = columns }
    end)
  end
end

--- Override point: brings what the engine wrote after `create` into the staged bundle.
---@param container scrun.Container
function M.refresh(container)
  local files = is_in_reach(container) and io.open(container.bundle .. '/files')
  if files then -- most engines' containers have some
    files:close()
    local bundle = container.variables.SCRUN_SUBMISSION_BUNDLE
    carried.refresh(host.config(), bundle, container.bundle)
  end
end

--- Override point: drops the namespaces that a pod's containers are to share by a process of this
--- machine: a node has none of that number, or another one. A site's script may not know pods.
---@param container scrun.Container
function M.leave_namespaces(container)
  edit_staged(container, function(config)
    local had_ipc = namespaces.find(config, 'ipc')
    namespaces.drop_joined(config)
    if had_ipc then
      namespaces.add(config, 'ipc') -- else its /dev/mqueue cannot be mounted
    end
  end)
end

--- Override point: whether the control step begins with the container, not with the first signal.
---@return boolean
function M.wants_control()
  return settings.control_step == 'start'
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
  M.refresh(container)
  if container.terminal then
    M.fit(container)
  end
  if pod.of(container) then
    M.leave_namespaces(container)
  end
  local output
  if step.wants_bytes(container, host.job_variables(), settings) then
    output = host.open_output() -- nil: lines are better than nothing
  end
  local ok, errmsg, code = host.start_step(M.argv(container, output ~= '' and output or nil))
  if ok and M.wants_control() then
    host.begin_control()
  end
  return ok, errmsg, code
end

return M
