--- `pause`: stop all processes of a running container, until `resume`.
---
--- They get SIGSTOP, which needs no operator rights, as `scontrol suspend` does; the job, its time
--- and its accounting go on. Signals are delivered meanwhile: KILL ends the container at once,
--- others take effect when it is resumed, as under runc.
--- Source: runc-pause(8), crun(1); signal(7).
---@class scrun.verbs.pause
local M = {}
local host = require 'host'

--- Processes that somebody in the container had stopped already: they stay so when it is resumed.
---@type string their numbers on the node, apart by spaces
M.held = ''

--- Runs the verb.
---@param container scrun.Container
---@return true? ok
---@return string? errmsg
---@return string? code
function M.run(container)
  if container.status ~= 'running' then
    local text = 'cannot pause container "%s": it is %s'
    return nil, text:format(container.id, container.status), 'BAD_STATE'
  end
  local status, output, code = host.on_node 'halt'
  if not status then
    return nil, ('pause container "%s": %s'):format(container.id, output), code
  elseif status ~= 0 then
    local text = 'pause container "%s": its processes do not hold still'
    return nil, text:format(container.id), 'NOT_PAUSED'
  end
  local ok, errmsg
  ok, errmsg, code = host.set_status 'paused'
  if not ok then
    return nil, errmsg, code
  end
  M.held = output
  return true
end

return M
