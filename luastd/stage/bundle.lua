--- What every stager does to a bundle's config.json and to the files it names.
local binds = require 'scrun.oci.binds'
local carried = require 'scrun.stage.carried'
local env = require 'scrun.oci.env'
local host = require 'host'
local oci_config = require 'scrun.oci.config'
local remote = require 'scrun.oci.remote'
local root = require 'scrun.oci.root'
local rootless = require 'scrun.oci.rootless'

---@class scrun.stage.bundle
local M = {}

local OWNER_ONLY = 448 -- 0700

---@param path string
---@return boolean
local function exists(path)
  return host.stat(path) ~= nil
end

--- Reads the submitted config.json.
---@param ctx scrun.stage.Context
---@return oci.Config? config
---@return string? rootfs absolute; with nil config: errmsg
---@return string? code
function M.read(ctx)
  local config, errmsg, code = oci_config.read(ctx.config_file)
  if not config then
    return nil, errmsg, code
  end
  local rootfs = root.path(config, ctx.orig_bundle or ctx.bundle)
  if not rootfs then
    return nil, ctx.config_file .. ': root.path is missing', 'BAD_CONFIG'
  end
  return config, rootfs
end

--- Edits a config for the place and the user that its container will have.
---@param config oci.Config
---@param ctx scrun.stage.Context
---@return oci.Config the same, changed in place
function M.adapt(config, ctx)
  if ctx.backend == 'slurm' then
    remote.adapt(config)
  end
  if ctx.rootless then
    rootless.adapt(config, {
      uid = ctx.user_id,
      gid = ctx.group_id,
      inner_user = ctx.settings.rootless_user,
      exists = exists,
    })
  end
  local wanted = env.filter(ctx.settings.env_keep or {}, ctx.settings.env_drop)
  return env.merge(config, ctx.job_env or {}, wanted)
end

--- Points a config at its staged root file system, and tells its process where it runs: of the
--- job's variables these two were made before (scrun(1), OUTPUT ENVIRONMENT VARIABLES).
---@param config oci.Config
---@param ctx scrun.stage.Context
---@param directory string the staged bundle, as the nodes see it
---@param rootfs string likewise
---@return oci.Config the same, changed in place
function M.place(config, ctx, directory, rootfs)
  root.set_path(config, rootfs)
  local wanted = env.filter(ctx.settings.env_keep or {}, ctx.settings.env_drop)
  local names = { 'SCRUN_BUNDLE=' .. directory, 'SCRUN_ROOTFS_PATH=' .. rootfs }
  return env.merge(config, names, wanted)
end

---@param source string
---@param target string
---@return true? ok
---@return string? errmsg
---@return string? code
local function copy(source, target)
  local found = host.stat(source)
  if found and found.type == 'directory' then
    local status, output = host.run { 'cp', '-a', '--', source, target }
    if status ~= 0 then
      return nil, ('copy %s: %s'):format(source, output or 'cp did not start'), 'EIO'
    end
    return true
  end
  local data, errmsg, code = host.read_file(source)
  if not data then
    return nil, errmsg, code
  end
  return host.write_file(target, data, found and found.mode % 512)
end

--- Whether a file that `start` cannot copy again is not filled yet, and the node has one.
---@param mount oci.Mount
---@return boolean
local function is_better_there(mount)
  local found = carried.is_nodes_own(mount) and host.stat(mount.source)
  return found and found.size == 0 or false
end

--- Copies the engine's own files that the config binds (resolv.conf, hosts …) to where the
--- container will find them, and points the mounts there. `start` copies anew what has changed.
---@param config oci.Config
---@param ctx scrun.stage.Context
---@param directory string the staged bundle, on this machine
---@param seen_as? string the same directory as the nodes see it
---@return true? ok
---@return string? errmsg
---@return string? code
function M.carry(config, ctx, directory, seen_as)
  local own, dropped = binds.plan(config, {
    id = ctx.id,
    bundle = ctx.orig_bundle or ctx.bundle,
    stat = host.stat,
    mount_size = host.mount_size,
  })
  for _, mount in ipairs(dropped) do
    local text = 'stage %s: no bind at %s: %s is missing'
    slurm.log_info(text, ctx.id, mount.destination, mount.source)
  end
  if #own == 0 then
    return true
  end
  local ok, errmsg, code = host.make_dirs(directory .. '/files', OWNER_ONLY)
  for _, mount in ipairs(own) do
    local place = carried.place(mount)
    if seen_as and is_better_there(mount) then
      mount.source = mount.destination
    else
      if ok then
        ok, errmsg, code = copy(mount.source, directory .. place)
      end
      mount.source = (seen_as or directory) .. place
    end
  end
  return ok, errmsg, code
end

--- Writes the staged config.json.
---@param config oci.Config
---@param directory string
---@return true? ok
---@return string? errmsg
---@return string? code
function M.write(config, directory)
  return oci_config.write(directory .. '/config.json', config)
end

--- Runs the steps of a stager; when they fail or raise (a cancelled container raises in the
--- next primitive), `undo` runs before the failure goes on.
---@param steps fun(): true?, string?, string?
---@param undo fun()
---@return true? ok
---@return string? errmsg
---@return string? code
function M.attempt(steps, undo)
  local finished, ok, errmsg, code = pcall(steps)
  if finished and ok then
    return true
  end
  pcall(undo) -- the first failure is the one to tell
  if not finished then
    error(ok, 0)
  end
  return nil, errmsg, code
end

return M
