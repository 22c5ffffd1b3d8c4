--- The site's job_submit.lua: what is asked of every job that is submitted.
---
--- slurmctld waits for it: be quick, run no commands. Names of fields: `scrun lua doc job_desc`.

--- Minutes of a job that says no time limit.
local DEFAULT_TIME_MIN = 60

--- Partitions whose jobs have to ask for a gpu, or they block one for nothing.
local GPU_PARTITIONS = { gpu = true }

local function wants_gpu(job_desc)
  for _, field in ipairs { 'tres_per_job', 'tres_per_node', 'tres_per_socket', 'tres_per_task' } do
    local asked = job_desc[field]
    if asked and asked:find 'gpu' then
      return true
    end
  end
  return false
end

function slurm_job_submit(job_desc, part_list, submit_uid)
  if job_desc.time_limit == slurm.NO_VAL then
    job_desc.time_limit = DEFAULT_TIME_MIN
  end
  if GPU_PARTITIONS[job_desc.partition or ''] and not wants_gpu(job_desc) then
    slurm.log_user('partition %s: please ask for gpus: --gpus=1', job_desc.partition)
    return slurm.ESLURM_INVALID_GRES
  end
  return slurm.SUCCESS
end

--- `job_desc` has what shall change and nothing else; `job_rec` is the job as it is.
function slurm_job_modify(job_desc, job_rec, part_list, modify_uid)
  return slurm.SUCCESS
end
