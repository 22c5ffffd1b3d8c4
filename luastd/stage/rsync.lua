--- Stager `rsync`: the root file system is copied to a scratch directory and, when the
--- container has ended, its changes are copied back.
---
--- With `rsync_scratch = 'shared'` this machine copies to a directory that the nodes see; with
--- `'nodes'` every node has its own, and rsync speaks to it through srun. Source: rsync(1), "EXIT
--- VALUES" and `--protect-args`; srun starts no shell, so nothing may be quoted for one.
local bundle = require 'scrun.stage.bundle'
local host = require 'host'
local place = require 'scrun.stage.place'

---@class scrun.stage.rsync
local M = {}

--- Files could not be read or set (an image has files that its user may not read), or went away.
local PARTIAL, VANISHED = 23, 24

--- Marks a root file system that was not copied whole: what it lacks must not be deleted at home.
local PARTIAL_MARK = '/stage-partial'

--- Where the bundle for nodes with scratch of their own is put together.
local HERE = '/bundle'

--- Removes a tree that may hold directories without write permission, as Fedora's images do.
local REMOVE = [[
rm -rf --one-file-system -- "$1" 2>/dev/null && exit
find "$1" -xdev -type d ! -perm -700 -exec chmod u+rwx {} \;
rm -rf --one-file-system -- "$1"]]

---@param output string?
---@return string reason the line that says most
local function reason(output)
  local last = 'no reason given'
  for line in (output or ''):gmatch '[^\r\n]+' do
    if line:find '^rsync: ' or line:find '^srun: error: ' then
      return line
    end
    last = line
  end
  return last
end

--- Override point: rsync's options, for both ways.
---@param ctx scrun.stage.Context
---@return string[]
function M.options(ctx)
  local argv = { '--archive', '--hard-links', '--numeric-ids' }
  if ctx.rootless then
    -- The container maps one user: whatever that user's runtime is to read must be the user's.
    for _, option in ipairs { '--no-owner', '--no-group', '--no-devices', '--no-specials' } do
      argv[#argv + 1] = option
    end
  end
  for _, pattern in ipairs(ctx.settings.rsync_exclude or {}) do
    argv[#argv + 1] = '--exclude=' .. pattern
  end
  for _, option in ipairs(ctx.settings.rsync_options or {}) do
    argv[#argv + 1] = option
  end
  return argv
end

---@param ctx scrun.stage.Context
---@return string[] options that make rsync reach a node by srun
local function through_srun(ctx)
  local words = {}
  for _, word in ipairs(ctx.settings.rsync_shell) do
    -- rsync splits this text at blanks and knows both kinds of quotes.
    words[#words + 1] = word:find '[%s\'"]' and "'" .. word:gsub("'", "'\"'\"'") .. "'" or word
    if #words == 1 then
      words[2] = ('--jobid=%d'):format(ctx.job_id)
    end
  end
  return { '--protect-args', '--rsh=' .. table.concat(words, ' ') }
end

--- Copies one tree; partial success counts, and is told apart.
---@param ctx scrun.stage.Context
---@param extra string[] options
---@param source string
---@param target string
---@return 'whole'|'partial'|nil outcome
---@return string? errmsg
---@return string? code
local function copy(ctx, extra, source, target)
  local argv = { 'rsync' }
  for _, part in ipairs { M.options(ctx), extra, { '--', source, target } } do
    for _, word in ipairs(part) do
      argv[#argv + 1] = word
    end
  end
  local status, output = host.run(argv)
  if status == 0 then
    return 'whole'
  elseif status == PARTIAL or status == VANISHED then
    slurm.log_info('stage %s: %s to %s: %s', ctx.id, source, target, reason(output))
    return status == PARTIAL and 'partial' or 'whole'
  elseif status == 127 then
    return nil, 'rsync is not installed on this host', 'ENOENT'
  end
  return nil, ('rsync %s to %s: %s'):format(source, target, reason(output)), 'EIO'
end

--- Copies the engine's root file system, and notes it when something was left behind.
---@param ctx scrun.stage.Context
---@param extra string[]
---@param source string
---@param target string
---@return true? ok
---@return string? errmsg
---@return string? code
local function copy_rootfs(ctx, extra, source, target)
  local outcome, errmsg, code = copy(ctx, extra, source .. '/', target .. '/')
  if outcome == 'partial' then
    return host.write_file(ctx.spool_dir .. PARTIAL_MARK, '')
  end
  return outcome and true, errmsg, code
end

---@param ctx scrun.stage.Context
---@return boolean
local function on_nodes(ctx)
  return ctx.backend == 'slurm' and ctx.settings.rsync_scratch == 'nodes'
end

--- Runs a command on all nodes of the job.
---@param what string for the message
---@param argv string[]
---@return true? ok
---@return string? errmsg
---@return string? code
local function run_on_nodes(what, argv)
  local status, output = host.run_remote(argv)
  if status == 0 then
    return true
  end
  return nil, ('%s on the nodes: %s'):format(what, reason(output)), 'EIO'
end

--- Where a container's files are, as the nodes see it.
---@param ctx scrun.stage.Context
---@return string? directory
---@return string? errmsg
---@return string? code
function M.choose_directory(ctx)
  local parent, errmsg, code = place.expand(ctx.settings.rsync_dir, ctx)
  return parent and place.inside(parent, ctx), errmsg, code
end

--- Stages to a directory that this machine and the nodes see.
---@param ctx scrun.stage.Context
---@param config oci.Config
---@param rootfs string
---@param directory string
---@return true? ok
---@return string? errmsg
---@return string? code
function M.fill_shared(ctx, config, rootfs, directory)
  local ok, errmsg, code = place.make(ctx, directory)
  if ok then
    ok, errmsg, code = copy_rootfs(ctx, {}, rootfs, directory .. '/rootfs')
  end
  if ok then
    ok, errmsg, code = bundle.carry(config, ctx, directory)
  end
  if ok then
    ok, errmsg, code = bundle.write(config, directory)
  end
  return ok, errmsg, code
end

--- Stages to a directory of each node's own, by way of a bundle in the spool directory.
---@param ctx scrun.stage.Context
---@param config oci.Config
---@param rootfs string
---@param directory string
---@return true? ok
---@return string? errmsg
---@return string? code
function M.fill_nodes(ctx, config, rootfs, directory)
  local here = ctx.spool_dir .. HERE
  local ok, errmsg, code = host.make_dirs(here)
  if ok then
    ok, errmsg, code = place.note(ctx, directory)
  end
  if ok then
    ok, errmsg, code = bundle.carry(config, ctx, here, directory)
  end
  if ok then
    ok, errmsg, code = bundle.write(config, here)
  end
  if ok then
    -- The last directory must be new, and is: another's could be a trap.
    local script = 'umask 077; mkdir -p -- "${1%/*}" && mkdir -- "$1"'
    ok, errmsg, code =
      run_on_nodes('make ' .. directory, { '/bin/sh', '-c', script, 'sh', directory })
  end
  for _, node in ipairs(ctx.nodes) do
    if ok then
      ok, errmsg, code = copy(ctx, through_srun(ctx), here .. '/', node .. ':' .. directory .. '/')
    end
    if ok then
      local target = node .. ':' .. directory .. '/rootfs'
      ok, errmsg, code = copy_rootfs(ctx, through_srun(ctx), rootfs, target)
    end
  end
  return ok and true, errmsg, code
end

--- Copies the container to its nodes.
---@param ctx scrun.stage.Context
---@return true? ok
---@return string? errmsg
---@return string? code
function M.stage_in(ctx)
  local config, rootfs, code = bundle.read(ctx)
  if not config then
    return nil, rootfs, code
  end
  local directory, errmsg
  directory, errmsg, code = M.choose_directory(ctx)
  if not directory then
    return nil, errmsg, code
  end
  bundle.adapt(config, ctx)
  bundle.place(config, ctx, directory, directory .. '/rootfs')
  local fill = on_nodes(ctx) and M.fill_nodes or M.fill_shared
  local ok
  ok, errmsg, code = bundle.attempt(function()
    return fill(ctx, config, rootfs, directory)
  end, function()
    M.remove(ctx)
  end)
  if ok then
    slurm.set_bundle_path(directory)
    slurm.set_root_path(directory .. '/rootfs')
  end
  return ok, errmsg, code
end

--- Copies the changes back over the engine's root file system.
---@param ctx scrun.stage.Context
---@return true? ok
---@return string? errmsg
---@return string? code
function M.bring_back(ctx)
  local config, home, code = bundle.read(ctx)
  if not config then
    return nil, home, code
  elseif config.root.readonly == true then
    return true
  end
  local source = (ctx.root_path or place.recall(ctx) .. '/rootfs') .. '/'
  local extra = on_nodes(ctx) and through_srun(ctx) or {}
  if on_nodes(ctx) then
    source = ctx.nodes[1] .. ':' .. source -- the container's first task ran there
  end
  if not host.stat(ctx.spool_dir .. PARTIAL_MARK) then
    extra[#extra + 1] = '--delete-after'
  end
  local outcome, errmsg
  outcome, errmsg, code = copy(ctx, extra, source, home .. '/')
  return outcome and true, errmsg, code
end

--- Removes the copies, on this machine and on the nodes.
---@param ctx scrun.stage.Context
---@return true? ok
---@return string? errmsg
---@return string? code
function M.remove(ctx)
  local directory = place.recall(ctx)
  if not directory then
    return true
  end
  host.remove_tree(ctx.spool_dir .. PARTIAL_MARK)
  if not on_nodes(ctx) then
    return place.remove(ctx)
  end
  host.remove_tree(ctx.spool_dir .. HERE)
  local ok, errmsg, code =
    run_on_nodes('remove ' .. directory, { '/bin/sh', '-c', REMOVE, 'sh', directory })
  if ok then
    place.forget(ctx)
  end
  return ok, errmsg, code
end

--- Says that a container's changes did not come home, and what is of them.
---@param ctx scrun.stage.Context
---@param errmsg string
---@param directory string?
---@return string
local function tell_loss(ctx, errmsg, directory)
  if not directory then
    return errmsg .. '. the changes are lost'
  end
  local where = on_nodes(ctx) and directory .. ' on ' .. ctx.nodes[1] or directory
  return ('%s. the changes stay in %s'):format(errmsg, where)
end

--- Copies changes back and removes the copies, also when copying back failed: then the failure
--- is told, and the engine's files are as they were before the container ran. Of a job that is
--- over nothing on its nodes can be reached: then the copies stay.
---@param ctx scrun.stage.Context
---@return true? ok
---@return string? errmsg
---@return string? code
function M.stage_out(ctx)
  local ok, errmsg, code = true, nil, nil
  -- A container that never ran (the bundle is still the engine's) has nothing to bring back.
  if ctx.settings.rsync_back ~= false and ctx.bundle ~= ctx.orig_bundle and place.recall(ctx) then
    ok, errmsg, code = M.bring_back(ctx)
  end
  local gone, why, kind = M.remove(ctx)
  if not ok then
    return nil, tell_loss(ctx, errmsg, not gone and place.recall(ctx) or nil), code
  end
  return gone, why, kind
end

return M
