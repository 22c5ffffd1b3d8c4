--- A stager that leaves the work to a shipped one, which one its job's partition says.
local host = require 'host'
local partitions = require 'scrun.partitions'

local M = {}

local NOTE = '/partition'

--- Stages as a partition has it.
---@param step 'stage_in'|'stage_out'
---@param ctx scrun.stage.Context
---@param name string? of the partition
local function stage(step, ctx, name)
  local policy = partitions.of(name)
  ctx.settings = setmetatable(policy.settings or {}, { __index = ctx.settings })
  return require('scrun.stage.' .. policy.stager)[step](ctx)
end

--- The choice is noted: whoever stages out after a crash has no environment of the job.
function M.stage_in(ctx)
  local name = host.getenv 'SLURM_JOB_PARTITION'
  local ok, errmsg, code = host.write_file(ctx.spool_dir .. NOTE, name or '')
  if not ok then
    return nil, errmsg, code
  end
  return stage('stage_in', ctx, name)
end

function M.stage_out(ctx)
  local noted = host.read_file(ctx.spool_dir .. NOTE)
  if not noted then
    return true -- stage_in never came so far
  end
  return stage('stage_out', ctx, noted)
end

return M
