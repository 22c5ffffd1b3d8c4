-- A site's script for specs: copies to scratch by rsync, and adds a variable.
-- luacheck: globals slurm_scrun_stage_in slurm_scrun_stage_out loads
function slurm_scrun_stage_in(
  id, bundle, spool_dir, config_file, job_id, user_id, group_id, job_env
)
  local scratch = '/scratch/' .. user_id .. '/' .. id
  local status, output = slurm.allocator_command('rsync -a -- ' .. bundle .. '/ ' .. scratch .. '/')
  if status ~= 0 then
    slurm.log_error('rsync: %s', output)
    return slurm.ERROR
  end
  loads = (loads or 0) + 1 -- an accidental global
  local file = assert(io.open(config_file))
  local config = slurm.from_json(file:read '*a')
  file:close()
  table.insert(config.process.env, 'JOB=' .. job_id)
  table.insert(config.process.env, 'FIRST=' .. job_env[1])
  local staged = assert(io.open(spool_dir .. '/config.json', 'w'))
  staged:write(slurm.to_json(config))
  staged:close()
  slurm.set_bundle_path(spool_dir)
  slurm.set_root_path(scratch .. '/rootfs')
  slurm.user_msg('staged to ' .. scratch)
  slurm.log_debug('group %d', group_id)
  return slurm.SUCCESS
end

function slurm_scrun_stage_out(_, bundle, orig_bundle, root_path)
  slurm.remote_command('rm -rf -- ' .. root_path)
  return bundle == orig_bundle and slurm.ERROR or slurm.SUCCESS
end
