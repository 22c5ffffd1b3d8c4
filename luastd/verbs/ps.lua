--- `ps`: the processes of a container.
---
--- Programs and people ask for different things. `--format json` is what containerd reads: numbers
--- of processes of this machine, of which a container has one, its anchor. The table is for people,
--- and shows the processes on the container's node.
--- Source: runc-ps(8), crun(1); containerd asks when it starts, and forgets a container of which it
--- hears no number.
---@class scrun.verbs.ps
local M = {}
local host = require 'host'

--- Runs the verb.
---@param container scrun.Container
---@param request { format?: string, args: string[] } args: options of ps(1)
---@return true? ok
---@return string? text; with nil: errmsg
---@return string? code
function M.run(container, request)
  local format = request.format or 'table'
  if format == 'json' then
    return true, ('[%s]'):format(container.variables.SCRUN_PID)
  elseif format ~= 'table' then
    return nil, ('ps --format: "%s" is neither table nor json'):format(format), 'EINVAL'
  elseif container.status ~= 'running' and container.status ~= 'paused' then
    return true, 'PID' -- there are none
  end
  local status, output, code = host.on_node('show', table.unpack(request.args))
  if not status then
    return nil, ('ps of container "%s": %s'):format(container.id, output), code
  elseif status ~= 0 then
    local reason = output:match '[^\n]+' or 'its processes cannot be seen'
    return nil, ('ps of container "%s": %s'):format(container.id, reason), 'EINVAL'
  end
  return true, output
end

return M
