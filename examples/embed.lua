--- A small scrun.lua: the container runs from a copy of its bundle, and its changes come back.
local host = require 'host'

local function copy(source, target)
  local status, output = host.run { 'cp', '-a', '--', source .. '/.', target }
  if status ~= 0 then
    error('copy ' .. source .. ': ' .. output, 0)
  end
end

function slurm_scrun_stage_in(id, bundle, spool_dir, config_file, job_id, _, _, job_env)
  local config = assert(slurm.from_json(assert(host.read_file(config_file))))
  local source = config.root.path
  if source:sub(1, 1) ~= '/' then
    source = bundle .. '/' .. source
  end
  local staged = spool_dir .. '/' .. id
  assert(host.make_dirs(staged .. '/rootfs'))
  copy(source, staged .. '/rootfs')

  config.root.path = staged .. '/rootfs'
  config.process.rlimits = nil
  for _, entry in pairs(job_env) do
    table.insert(config.process.env, entry)
  end
  assert(host.write_file(staged .. '/config.json', slurm.to_json(config)))
  slurm.set_bundle_path(staged)
  slurm.set_root_path(staged .. '/rootfs')
  slurm.log_info('job %d: staged %s', job_id, id)
  return slurm.SUCCESS
end

function slurm_scrun_stage_out(id, bundle, orig_bundle, root_path, orig_root_path, _, _, job_id)
  if bundle ~= orig_bundle then
    copy(root_path, orig_root_path)
    assert(host.remove_tree(bundle))
  end
  slurm.log_info('job %d: %s is back', job_id, id)
  return slurm.SUCCESS
end
