--- OCI `delete`: release all that a container holds.
--- Source: OCI runtime-spec, runtime.md, "Delete"; runc-delete(8), `--force`.
---@class scrun.verbs.delete
local M = {}
local host = require 'host'
local kill = require 'scrun.verbs.kill'

--- Runs the verb. "Attempting to delete a container that is not stopped MUST have no effect on the
--- container and MUST generate an error"; `--force`, as engines call it, kills it first.
---@param container scrun.Container
---@param request { force: boolean }
---@return true? ok
---@return string? errmsg
---@return string? code
function M.run(container, request)
  local status = container.status
  if status ~= 'stopped' and not request.force then
    local text = 'cannot delete container "%s": it is %s'
    return nil, text:format(container.id, status), 'BAD_STATE'
  end
  if status ~= 'stopped' then
    local ok, errmsg, code = kill.deliver(container, 'KILL')
    if not ok then
      return nil, errmsg, code
    end
    host.wait_ended()
  end
  return host.remove()
end

return M
