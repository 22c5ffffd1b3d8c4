--- OCI `create`: get resources for a container and leave it ready to start.
--- Source: OCI runtime-spec, runtime.md, "Create"; no process of the user runs before `start`.
---@class scrun.verbs.create
local M = {}
local host = require 'host'

--- Override point: gets the job that the container will run in.
---@param container table
---@return true? ok
---@return string? errmsg
---@return string? code
function M.allocate(container) -- luacheck: ignore 212
  return host.allocate()
end

--- Runs the verb.
---@param container table
---@return true? ok
---@return string? errmsg
---@return string? code
function M.run(container)
  return M.allocate(container)
end

return M
