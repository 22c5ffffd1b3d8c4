--- The site's scrun.lua: prepares containers for the nodes of their jobs.
---
--- It takes for granted that the nodes see the users' images, and tells the user when they do not.
--- Nothing is copied: a container runs from a directory of its own inside the engine's bundle.
local bundles = require 'scrun.stage.bundle'
local host = require 'host'
local settings = require 'scrun.settings'

--- What every container sees of the site, under the same path; what is not there is left out.
local SITE_DIRECTORIES = { '/scratch', '/software' }

local function quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
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

--- Called right after the allocation, before the container is created.
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
  local config, rootfs = bundles.read(container)
  assert(config, rootfs) -- an error in here ends the creation; its text reaches the user

  local status = slurm.remote_command('test -d ' .. quote(rootfs))
  if status ~= 0 then
    slurm.user_msg(('the nodes do not see %s: keep images on a shared file system'):format(rootfs))
    return slurm.ERROR
  end

  local staged = ('%s/.scrun-%d'):format(bundle, job_id)
  assert(host.make_dirs(staged))
  bundles.adapt(config, container) -- what a runtime cannot do for an ordinary user goes out
  bundles.place(config, container, staged, rootfs)
  assert(bundles.carry(config, container, staged)) -- resolv.conf and the like, the engine's files
  add_site_directories(config)
  assert(bundles.write(config, staged))
  slurm.set_bundle_path(staged)
  slurm.log_info('%s runs from %s', id, staged)
  return slurm.SUCCESS
end

--- Called right after the container's step has ended; `bundle` is what stage-in has set.
function slurm_scrun_stage_out(_, bundle, orig_bundle)
  if bundle ~= orig_bundle then
    assert(host.remove_tree(bundle))
  end
  return slurm.SUCCESS
end
