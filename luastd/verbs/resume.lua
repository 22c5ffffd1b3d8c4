--- `resume`: let the processes of a paused container go on.
--- Source: runc-resume(8), crun(1).
---@class scrun.verbs.resume
local M = {}
local host = require 'host'
local pause = require 'scrun.verbs.pause'

--- Runs the verb.
---@param container scrun.Container
---@return true? ok
---@return string? errmsg
---@return string? code
function M.run(container)
  if container.status ~= 'paused' then
    local text = 'cannot resume container "%s": it is %s'
    return nil, text:format(container.id, container.status), 'BAD_STATE'
  end
  local status, output, code = host.on_node('proceed', pause.held)
  if not status then
    return nil, ('resume container "%s": %s'):format(container.id, output), code
  elseif status ~= 0 then
    return nil, ('resume container "%s": it is gone'):format(container.id), 'NOT_RUNNING'
  end
  return host.set_status 'running'
end

return M
