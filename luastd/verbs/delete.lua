--- OCI `delete`: release all that a container holds.
--- Source: OCI runtime-spec, runtime.md, "Delete"; runc-delete(8), `--force`.
---@class scrun.verbs.delete
local M = {}
local host = require 'host'

--- Runs the verb. A container that was created and never started may be deleted, as with runc.
---@param container scrun.Container
---@param request { force: boolean }
---@return true? ok
---@return string? errmsg
---@return string? code
function M.run(container, request)
  local status = container.status
  if (status == 'running' or status == 'creating') and not request.force then
    local text = 'cannot delete container "%s": it is %s'
    return nil, text:format(container.id, status), 'BAD_STATE'
  end
  if status ~= 'stopped' then
    local ok, errmsg, code = host.signal('KILL')
    if not ok then
      return nil, errmsg, code
    end
    host.wait_ended()
  end
  return host.remove()
end

return M
