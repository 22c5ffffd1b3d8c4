--- Stager `shared`: the nodes see the engine's files, and nothing is copied.
---
--- The container runs from a private bundle that holds an edited config.json and little else;
--- `root.path` stays the engine's root file system, so changes land there by themselves.
local binds = require 'scrun.oci.binds'
local bundle = require 'scrun.stage.bundle'
local host = require 'host'
local idmap = require 'scrun.oci.idmap'
local origin = require 'scrun.stage.origin'
local place = require 'scrun.stage.place'

---@class scrun.stage.shared
local M = {}

--- Override point: chooses the directory of the private bundle. In the engine's bundle it lies
--- on a file system that the nodes have to see anyway, and goes with it at the latest.
---@param ctx scrun.stage.Context
---@return string? directory
---@return string? errmsg
---@return string? code
function M.choose_directory(ctx)
  if ctx.settings.shared_dir then
    local parent, errmsg, code = place.expand(ctx.settings.shared_dir, ctx)
    return parent and place.inside(parent, ctx), errmsg, code
  elseif ctx.backend == 'local' then
    return ctx.spool_dir .. '/bundle'
  end
  return place.inside(ctx.bundle, ctx, '.scrun-')
end

--- Asks the nodes whether they see a directory.
---@param directory string
---@return true? ok
---@return string? errmsg
---@return string? code
local function check_nodes(directory)
  local status = host.run_remote { 'test', '-d', directory }
  if status == 0 then
    return true
  end
  local text = 'nodes do not see root file system %q. set stage = "rsync", or keep images on a '
    .. 'shared file system'
  return nil, text:format(directory), 'ENOENT'
end

--- Prepares the container for its node.
---@param ctx scrun.stage.Context
---@return true? ok
---@return string? errmsg
---@return string? code
function M.stage_in(ctx)
  local config, rootfs, code = bundle.read(ctx)
  if not config then
    return nil, rootfs, code
  end
  if ctx.backend == 'slurm' and ctx.rootless and idmap.has_shifted_root(config, ctx.user_id) then
    local text = "linux.uidMappings: the image's files belong to a subordinate id, which nodes do "
      .. 'not map. use --userns=host, or set stage = "rsync"'
    return nil, text, 'BAD_CONFIG'
  end
  local directory, errmsg
  directory, errmsg, code = M.choose_directory(ctx)
  if not directory then
    return nil, errmsg, code
  end
  return bundle.attempt(function()
    return M.fill(ctx, config, rootfs, directory)
  end, function()
    M.stage_out(ctx)
  end)
end

--- Makes the private bundle and announces it.
---@param ctx scrun.stage.Context
---@param config oci.Config
---@param rootfs string absolute
---@param directory string
---@return true? ok
---@return string? errmsg
---@return string? code
function M.fill(ctx, config, rootfs, directory)
  local ok, errmsg, code = place.make(ctx, directory)
  if not ok then
    local advice = '. set shared_dir to a directory that this machine and the nodes can write'
    return nil, errmsg .. (ctx.settings.shared_dir and '' or advice), code
  end
  if ctx.backend == 'slurm' and ctx.settings.shared_check then
    ok, errmsg, code = check_nodes(rootfs)
    if not ok then
      return nil, errmsg, code
    end
  end
  bundle.adapt(config, ctx)
  if ctx.backend == 'slurm' then
    rootfs = origin.find(rootfs, ctx.bundle)
  end
  bundle.place(config, ctx, directory, rootfs)
  if ctx.backend == 'slurm' then
    ok, errmsg, code = bundle.carry(config, ctx, directory)
    if not ok then
      return nil, errmsg, code
    end
  else
    binds.make_absolute(config, ctx.bundle)
  end
  ok, errmsg, code = bundle.write(config, directory)
  if ok then
    slurm.set_bundle_path(directory)
  end
  return ok, errmsg, code
end

--- Removes the private bundle.
---@param ctx scrun.stage.Context
---@return true? ok
---@return string? errmsg
---@return string? code
function M.stage_out(ctx)
  return place.remove(ctx)
end

return M
