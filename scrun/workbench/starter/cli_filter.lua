--- The site's cli_filter.lua: runs inside salloc, sbatch, srun and scrontab, as the user.
---
--- Whoever uses another slurm.conf goes around it: what has to hold belongs in job_submit.lua.
--- Options are texts: `scrun lua doc options`.

--- Minutes from which an interactive job is worth a word.
local LONG_MIN = 8 * 60

function slurm_cli_setup_defaults(options)
  options['hint'] = 'nomultithread'
  return slurm.SUCCESS
end

function slurm_cli_pre_submit(options, pack_offset)
  if (options['mem'] or ''):find '^0%D*$' then -- Slurm writes `0?`
    slurm.log_error '--mem=0 takes all the memory of a node: please say how much you need'
    return slurm.ERROR
  end
  if options.type == 'salloc' and slurm.time_str2mins(options['time'] or '') > LONG_MIN then
    slurm.log_info 'a long interactive job: sbatch would wait for its nodes in your place'
  end
  slurm.cli_store(pack_offset, options.type)
  return slurm.SUCCESS
end

function slurm_cli_post_submit(pack_offset, job_id)
  slurm.log_debug('%s: job %d', slurm.cli_retrieve(pack_offset) or '?', job_id)
  return slurm.SUCCESS
end
