--- The global `scrun` of specs: a site's script, run as a container's creation runs it, without a
--- cluster. The script gets the real `slurm` table; what differs is what it stands on.
---
---     local bundle = scrun.bundle()
---     scrun.load 'scrun.lua'
---     scrun.answer('^rsync ', 23, 'rsync: disk full')
---     local ok, errmsg = scrun.stage_in { bundle = bundle }
---
--- No command runs unless `scrun.run` says so: it is noted in `scrun.commands` and has status 0.
local bundles = require 'luastd.test.bundle'
local scope = require 'luastd.test.scope'
local show = require 'luastd.test.show'
local snapshots = require 'luastd.test.snapshot'

---@class scrun.test.site
local M = {}

---@class scrun.test.Command
---@field kind 'allocator_command'|'remote_command'|'run'|'run_remote'
---@field text string as a shell would read it
---@field argv? string[] of host.run and host.run_remote

---@type scrun.test.Command[] commands since the test began, in order
M.commands = {}
---@type { level: string, text: string }[] what was logged since the test began
M.log = {}
---@type string[] what slurm.user_msg told the user since the test began
M.messages = {}

local host -- functions of the runner, see `install`
local rules = {} -- how commands are answered, the newest last
local loaded -- the globals before the script that is loaded
local last -- of the newest stage_in: what stage_out is given

local function quote(word)
  if word:find '^[%w_@%%+=:,./-]+$' then
    return word
  end
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

local function text_of(argv)
  local words = {}
  for at, word in ipairs(argv) do
    words[at] = quote(tostring(word))
  end
  return table.concat(words, ' ')
end

--- Answers the host: true to run a command, else its status, output and stderr.
local function answer(kind, command)
  local is_list = type(command) == 'table'
  local text = is_list and text_of(command) or command
  M.commands[#M.commands + 1] = { kind = kind, text = text, argv = is_list and command or nil }
  for at = #rules, 1, -1 do
    local rule = rules[at]
    if not rule.pattern or text:find(rule.pattern) then
      if rule.run then
        return true
      elseif rule.body then
        return rule.body(text, kind)
      end
      return rule.status, rule.output, rule.stderr
    end
  end
  return 0, ''
end

local function add_rule(rule)
  rules[#rules + 1] = rule
  snapshots.add {
    revert = function()
      for at = #rules, 1, -1 do
        if rules[at] == rule then
          table.remove(rules, at)
        end
      end
    end,
  }
end

--- Answers commands whose text has `pattern`, a Lua pattern, until the test or block ends. The
--- newest answer counts.
---@param pattern string
---@param status integer|fun(text: string, kind: string): integer, string a function answers itself
---@param output? string
---@param stderr? string for a script that asks for it apart
function M.answer(pattern, status, output, stderr)
  local body = type(status) == 'function' and status or nil
  add_rule {
    pattern = pattern,
    body = body,
    status = not body and status or nil,
    output = output or '',
    stderr = stderr,
  }
end

--- Runs the commands that have `pattern`, on this machine; without one: all.
---@param pattern? string
function M.run(pattern)
  add_rule { pattern = pattern, run = true }
end

--- Takes back the script that was loaded, with all globals and modules of it.
function M.unload()
  if loaded then
    scope.put_back(loaded)
    loaded = nil
  end
end

local function begin_load()
  M.unload()
  local shot = scope.take()
  loaded = shot
  rawset(_G, 'arg', nil) -- it would tell a script that it is run by the interpreter
  snapshots.add {
    revert = function()
      if loaded == shot then
        M.unload()
      end
    end,
  }
  M.clear()
end

--- Loads a script with a fresh `slurm` table. What an earlier one left is taken back first, and
--- this one when the test ends, or the block where it was loaded for all tests.
---@param path? string beside the spec or above; default: the site's scrun.lua
---@return true? ok
---@return string? errmsg as the user would get it
---@return string? code
function M.load(path)
  begin_load()
  return host.load(path)
end

--- Uses a stager module, `scrun.stage.NAME`, in the place of a script.
---@param name string
---@return true? ok
---@return string? errmsg
---@return string? code
function M.stager(name)
  begin_load()
  return host.stager(name)
end

--- Forgets what was noted; done when a test begins.
function M.clear()
  M.commands, M.log, M.messages = {}, {}, {}
end

--- An empty directory, which is removed after the spec file.
---@return string path
function M.directory()
  return host.directory()
end

--- Makes a bundle with a root file system and a spool directory; removed after the spec file.
---@param options? scrun.test.BundleOptions
---@return scrun.test.Bundle
function M.bundle(options)
  return bundles.make(host.directory(), options or {})
end

--- A config.json as podman makes it, to change and give to `bundle`.
M.config = bundles.config

--- Reads the config.json of a bundle.
---@param directory string
---@return oci.Config
function M.read_config(directory)
  return bundles.read(directory)
end

---@param env table<string|integer, any>
---@return string[]
local function entries(env)
  local list = {}
  for _, name in ipairs(show.sorted_keys(env)) do
    local value = env[name]
    list[#list + 1] = type(name) == 'number' and value or name .. '=' .. tostring(value)
  end
  return list
end

---@class scrun.test.Stage
---@field bundle? scrun.test.Bundle|string default: a new one
---@field id? string default `web`
---@field spool_dir? string
---@field config_file? string
---@field job_id? integer default 7
---@field user_id? integer default 1000
---@field group_id? integer default 1000
---@field job_env? table<string|integer, any> by name, or a list of NAME=value
---@field context? table what stager modules get besides: rootless, backend, nodes, settings …

---@class scrun.test.Staged
---@field bundle string where the container will run from
---@field root_path string
---@field config oci.Config the config.json there, decoded

---@param given scrun.test.Stage
local function complete(given)
  local bundle = given.bundle or M.bundle()
  if type(bundle) == 'string' then
    bundle = { path = bundle, rootfs = bundle .. '/rootfs', spool_dir = given.spool_dir }
  end
  local job_id = given.job_id or 7
  local env = { SLURM_JOB_ID = job_id, HOME = '/home/alice', USER = 'alice' }
  return {
    id = given.id or 'web',
    bundle = bundle.path,
    spool_dir = given.spool_dir or bundle.spool_dir or host.directory(),
    config_file = given.config_file or bundle.path .. '/config.json',
    job_id = job_id,
    user_id = given.user_id or 1000,
    group_id = given.group_id or 1000,
    job_env = entries(given.job_env or env),
  }, bundle.rootfs
end

--- Runs stage_in of the script, or stager, that was loaded.
---@param given? scrun.test.Stage
---@return scrun.test.Staged? staged
---@return string? errmsg as the user would get it
---@return string? code
function M.stage_in(given)
  given = given or {}
  local values, rootfs = complete(given)
  last = { values = values, rootfs = rootfs, context = given.context }
  local staged, errmsg, code = host.stage_in(values, rootfs, given.context or false)
  if not staged then
    return nil, errmsg, code
  end
  last.bundle, last.root_path = staged.bundle, staged.root_path
  local read, config = pcall(bundles.read, staged.bundle)
  staged.config = read and config or nil
  return staged
end

--- Runs stage_out, for what the newest stage_in made.
---@param given? table values to change
---@return true? ok
---@return string? errmsg
---@return string? code
function M.stage_out(given)
  if not last then
    error('scrun.stage_out: there was no stage_in', 2)
  end
  local values = {
    bundle = last.bundle or last.values.bundle,
    orig_bundle = last.values.bundle,
    root_path = last.root_path or last.rootfs,
    orig_root_path = last.rootfs,
  }
  for _, name in ipairs { 'id', 'spool_dir', 'config_file', 'job_id', 'user_id', 'group_id' } do
    values[name] = last.values[name]
  end
  for name, value in pairs(given or {}) do
    values[name] = value
  end
  return host.stage_out(values, last.context or false)
end

--- Whether a logged line has `pattern`, at any level or at the one that is named.
---@param pattern string
---@param level? string error, info, verbose, debug, debug2 …
---@return boolean
function M.logged(pattern, level)
  for _, line in ipairs(M.log) do
    if line.text:find(pattern) and (not level or line.level == level) then
      return true
    end
  end
  return false
end

--- Connects it to the runner; for luastd/test/main.lua.
---@param functions table
---@return function answer what a command comes to
---@return fun(level: string, text: string) log
---@return fun(text: string) tell what the user was told
function M.install(functions)
  host = functions
  return answer,
    function(level, text)
      M.log[#M.log + 1] = { level = level, text = text }
    end,
    function(text)
      M.messages[#M.messages + 1] = text
    end
end

return M
