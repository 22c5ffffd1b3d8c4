--- OCI `kill`: deliver a signal to the container's process.
--- Source: OCI runtime-spec, runtime.md, "Kill".
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
  return host.signal(M.choose_signal(request.signal))
end

return M
