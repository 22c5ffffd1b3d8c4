--- OCI `create`: get resources for a container and leave it ready to start.
--- Source: OCI runtime-spec, runtime.md, "Create"; no process of the user runs before `start`.
---@class scrun.verbs.create
local M = {}
local host = require 'host'
local job_request = require 'scrun.job.request'
local settings = require 'scrun.settings'

--- Override point: what to ask Slurm for.
---@param container table
---@param caller { environment: table<string, string>, config: table }
---@return table? request see job/request.lua
---@return string? errmsg
---@return string? code
function M.request(container, caller)
  return job_request.from(caller.environment, caller.config, settings, container.id)
end

--- Override point: gets the job that the container will run in.
---@param request table
---@return integer? job_id
---@return string? errmsg
---@return string? code
function M.allocate(request)
  return host.allocate(request)
end

--- Override point: brings the bundle to the nodes; shipped: the site's `slurm_scrun_stage_in`.
---@return true? ok
---@return string? errmsg
---@return string? code
function M.stage_in(container) -- luacheck: ignore 212
  return host.stage_in()
end

--- Runs the verb.
---@param container table
---@param caller { environment: table<string, string>, config: table }
---@return true? ok
---@return string? errmsg
---@return string? code
function M.run(container, caller)
  local command, errmsg, code = host.resolve_command()
  if not command then
    return nil, errmsg, code
  end
  local request
  request, errmsg, code = M.request(container, caller)
  if not request then
    return nil, errmsg, code
  end
  M.pending = { request = request, command = command } -- start needs both
  local job_id
  job_id, errmsg, code = M.allocate(request)
  if not job_id then
    return nil, errmsg, code
  end
  return M.stage_in(container)
end

return M
