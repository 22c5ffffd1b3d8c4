--- A scrun.lua for a site whose nodes see the users' images: nothing is copied, and every container
--- gets the site's file systems without anybody asking for them.
---
--- The engine's own config.json stays as it is. The container runs from a directory of its own
--- inside the engine's bundle, which holds an edited config.json and little else.
local bundles = require 'scrun.stage.bundle'
local host = require 'host'
local settings = require 'scrun.settings'

--- What each container sees of the site, under the same path; what is not there is left out.
local SITE_DIRECTORIES = { '/scratch', '/software' }

local function staged_bundle(bundle, job_id)
  return ('%s/.scrun-%d'):format(bundle, job_id)
end

local function add_site_directories(config)
  config.mounts = config.mounts or {}
  for _, path in ipairs(SITE_DIRECTORIES) do
    if host.stat(path) then
      table.insert(config.mounts, {
        destination = path,
        type = 'bind',
        source = path,
        options = { 'rbind', 'nosuid', 'nodev' },
      })
    end
  end
end

function slurm_scrun_stage_in(
  id, bundle, spool_dir, config_file, job_id, user_id, group_id, job_env
)
  local container = {
    id = id,
    bundle = bundle,
    spool_dir = spool_dir,
    config_file = config_file,
    job_id = job_id,
    user_id = user_id,
    group_id = group_id,
    job_env = job_env,
    backend = 'slurm',
    rootless = user_id ~= 0,
    settings = settings,
  }
  local staged = staged_bundle(bundle, job_id)
  local config, rootfs = bundles.read(container)
  assert(config, rootfs) -- an error in here ends the creation; its text reaches the user
  assert(host.make_dirs(staged))
  bundles.adapt(config, container) -- what crun cannot do for an ordinary user goes out
  bundles.place(config, container, staged, rootfs)
  assert(bundles.carry(config, container, staged)) -- resolv.conf and the like, the engine's files
  add_site_directories(config)
  assert(bundles.write(config, staged))
  slurm.set_bundle_path(staged)
  slurm.log_info('%s runs from %s', id, staged)
  return slurm.SUCCESS
end

function slurm_scrun_stage_out(_, bundle, orig_bundle)
  if bundle ~= orig_bundle then
    assert(host.remove_tree(bundle))
  end
  return slurm.SUCCESS
end
