--- The directory that a stager makes for one container: its name, its making, its removal.
---
--- Its path is noted in the spool directory before it exists, so that whoever cleans up, even
--- after a crash or under changed settings, removes what was made and nothing else.
local host = require 'host'

---@class scrun.stage.place
local M = {}

local NOTE = '/stage-directory'
local OWNER_ONLY = 448 -- 0700
local OTHERS_WRITE = { [2] = true, [3] = true, [6] = true, [7] = true }

---@param ctx scrun.stage.Context
---@return string? name nil: nobody knows it
local function user_name(ctx)
  for _, name in ipairs { 'SCRUN_USER', 'USER', 'LOGNAME' } do
    for _, entry in ipairs(ctx.job_env or {}) do
      if entry:sub(1, #name + 1) == name .. '=' then
        return entry:sub(#name + 2)
      end
    end
  end
  return host.getenv 'USER'
end

--- Fills the patterns %u, %U, %j, %n and %% of a setting.
---@param pattern string
---@param ctx scrun.stage.Context
---@return string? path
---@return string? errmsg
---@return string? code
function M.expand(pattern, ctx)
  local value = {
    u = user_name(ctx),
    U = ('%d'):format(ctx.user_id),
    j = ('%d'):format(ctx.job_id),
    n = ctx.id,
    ['%'] = '%',
  }
  local bad
  local path = pattern:gsub('%%(.?)', function(letter)
    bad = bad or (not value[letter] and letter or nil)
    return value[letter]
  end)
  if bad then
    return nil, ('directory %q: %%%s stands for nothing here'):format(pattern, bad), 'BAD_CONFIG'
  elseif path:sub(1, 1) ~= '/' then
    return nil, ('directory %q is not absolute'):format(pattern), 'BAD_CONFIG'
  end
  return (path:gsub('(.)/+$', '%1'))
end

--- A name in a directory that containers share: ids repeat between users and engines, job ids
--- do not.
---@param parent string
---@param ctx scrun.stage.Context
---@param prefix? string of the name
---@return string
function M.inside(parent, ctx, prefix)
  return ('%s/%s%s.%d'):format(parent, prefix or '', ctx.id, ctx.job_id)
end

--- Notes a directory for `recall`.
---@param ctx scrun.stage.Context
---@param directory string
---@return true? ok
---@return string? errmsg
---@return string? code
function M.note(ctx, directory)
  return host.write_file(ctx.spool_dir .. NOTE, directory)
end

--- The directory that `note` was told of.
---@param ctx scrun.stage.Context
---@return string? directory nil: staging never came so far
function M.recall(ctx)
  return (host.read_file(ctx.spool_dir .. NOTE))
end

---@param ctx scrun.stage.Context
function M.forget(ctx)
  host.remove_tree(ctx.spool_dir .. NOTE)
end

--- Is a directory ours alone? Elsewhere others could put a config.json of theirs into it.
---@param ctx scrun.stage.Context
---@param directory string
---@return boolean
local function is_private(ctx, directory)
  local found, spool = host.stat(directory), host.stat(ctx.spool_dir)
  if not found or not spool or found.type ~= 'directory' or found.uid ~= spool.uid then
    return false
  end
  local group, others = math.floor(found.mode / 8) % 8, found.mode % 8
  return not OTHERS_WRITE[group] and not OTHERS_WRITE[others]
end

--- Makes an empty directory, mode 0700, in the place of one that an earlier container left.
---@param ctx scrun.stage.Context
---@param directory string absolute
---@return true? ok
---@return string? errmsg
---@return string? code
function M.make(ctx, directory)
  local ok, errmsg, code = M.note(ctx, directory)
  if not ok then
    return nil, errmsg, code
  end
  if host.stat(directory) then
    ok, errmsg, code = host.remove_tree(directory)
    if not ok then
      return nil, errmsg, code
    end
  end
  ok, errmsg, code = host.make_dirs(directory, OWNER_ONLY)
  if ok and not is_private(ctx, directory) then
    return nil, ('directory %q is writable by others'):format(directory), 'NO_PERMISSION'
  end
  return ok, errmsg, code
end

--- Removes what `make` made; nothing to remove is fine.
---@param ctx scrun.stage.Context
---@return true? ok
---@return string? errmsg
---@return string? code
function M.remove(ctx)
  local directory = M.recall(ctx)
  if directory and host.stat(directory) then
    local ok, errmsg, code = host.remove_tree(directory)
    if not ok then
      return nil, errmsg, code
    end
  end
  M.forget(ctx)
  return true
end

return M
