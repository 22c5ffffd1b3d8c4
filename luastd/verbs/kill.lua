--- OCI `kill`: deliver a signal to the container's process, or to all of its processes.
--- Source: OCI runtime-spec, runtime.md, "Kill"; runc-kill(8), crun(1), `--all`.
---@class scrun.verbs.kill
local M = {}
local host = require 'host'

--- Override point: signals the site delivers as another one, e.g. `{ TERM = 'USR1' }`.
---@type table<string, string>
M.translate = {}

--- Override point: chooses the signal to deliver.
---@param requested string name without `SIG`
---@return string signal name without `SIG`
function M.choose_signal(requested)
  return M.translate[requested] or requested
end

--- Tells whether the kernel ends all of the container's processes with the first.
---@return boolean
local function has_own_processes()
  for _, namespace in ipairs((host.config().linux or {}).namespaces or {}) do
    if namespace.type == 'pid' and not namespace.path then
      return true
    end
  end
  return false
end

--- Delivers a signal. Without a namespace of its own for processes KILL is for all, as in runc: the
--- container would not end while another lives.
---@param container scrun.Container
---@param signal string name without `SIG`
---@param all? boolean
---@return true? ok
---@return string? errmsg
---@return string? code
function M.deliver(container, signal, all)
  if container.status == 'running' or container.status == 'paused' then
    if (all or signal == 'KILL' and not has_own_processes()) and host.signal_all(signal) then
      return true
    end
  end
  return host.signal(signal)
end

--- Runs the verb. A container that is still being created is let go of: its engine gave up.
---@param container scrun.Container
---@param request { signal: string, all?: boolean }
---@return true? ok
---@return string? errmsg
---@return string? code
function M.run(container, request)
  if container.status == 'stopped' then
    if request.all then -- as runc: engines send KILL to all after the end
      return true
    end
    return nil, 'container not running', 'NOT_RUNNING'
  end
  return M.deliver(container, M.choose_signal(request.signal), request.all)
end

return M
