--- A job_submit.lua for a site with three partitions: users say what they need, and the script
--- where that is. It also keeps interactive jobs from holding nodes over the weekend, but not those
--- of scrun: a container has no batch script either, and may well be a service.
---
---     scrun lua run examples/job_submit/job_submit.lua slurm_job_submit \
---       --job examples/job_submit/job.json --uid 1000
---
--- slurmctld waits for this script: it runs no commands and reads no files.

--- Minutes that a job may be interactive.
local INTERACTIVE_MAX_MIN = 8 * 60

--- A job that is at most so long fits between others.
local SHORT_MAX_MIN = 60

local ROOT = 0

--- Which of the GPUs' options a job used, if any: `gres/gpu:a100:2`, `gres:gpu:2`.
local function asks_for_gpus(job_desc)
  for _, field in ipairs { 'tres_per_job', 'tres_per_node', 'tres_per_socket', 'tres_per_task' } do
    local asked = job_desc[field]
    if asked and (asked:find 'gres/gpu' or asked:find 'gres:gpu' or asked:find '^gpu') then
      return true
    end
  end
  return false
end

--- The containers of scrun: their job's name begins so unless the user gives another.
local function is_container(job_desc)
  return (job_desc.name or ''):find '^scrun%-' ~= nil
end

local function has_time_limit(job_desc)
  return job_desc.time_limit ~= slurm.NO_VAL
end

local function choose_partition(job_desc)
  if asks_for_gpus(job_desc) then
    return 'gpu'
  elseif has_time_limit(job_desc) and job_desc.time_limit <= SHORT_MAX_MIN then
    return 'short'
  end
  return 'work'
end

local function is_too_long(job_desc)
  local is_interactive = job_desc.script == nil and not is_container(job_desc)
  return is_interactive and has_time_limit(job_desc) and job_desc.time_limit > INTERACTIVE_MAX_MIN
end

function slurm_job_submit(job_desc, part_list, submit_uid) -- luacheck: ignore 212/part_list
  if job_desc.partition == nil then
    job_desc.partition = choose_partition(job_desc)
    slurm.log_info('uid %d: %s goes to %s', submit_uid, job_desc.name or 'job', job_desc.partition)
  elseif job_desc.partition == 'gpu' and not asks_for_gpus(job_desc) then
    slurm.log_user('partition gpu: ask for GPUs (--gpus=1), or use another partition')
    return slurm.ESLURM_INVALID_GRES
  end
  if submit_uid ~= ROOT and is_too_long(job_desc) then
    slurm.log_user('interactive jobs end after %d minutes: use sbatch', INTERACTIVE_MAX_MIN)
    return slurm.ESLURM_INVALID_TIME_LIMIT
  end
  return slurm.SUCCESS
end

--- Whoever may change a job may do so: `scontrol update` asks nothing of us.
function slurm_job_modify(job_desc, job_rec, part_list, modify_uid) -- luacheck: ignore 212
  return slurm.SUCCESS
end
