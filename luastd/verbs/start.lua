--- OCI `start`: run the created container's process.
--- Source: OCI runtime-spec, runtime.md, "Start".
---@class scrun.verbs.start
local M = {}
local host = require 'host'

--- Runs the verb.
---@param container table
---@return true? ok
---@return string? errmsg
---@return string? code
function M.run(container)
  if container.status ~= 'created' then
    return nil, ('cannot start container "%s": it is %s'):format(container.id, container.status),
      'BAD_STATE'
  end
  return host.start_step()
end

return M
