--- A small test library for site scripts and for luastd: `describe`, `it`, `pending`,
--- `before_each`, `after_each` and `assert.*`, named as in busted.
---
--- A spec file calls them as globals; `collect` puts them there while it loads the file:
---
---     describe('choose_signal', function()
---       it('takes TERM when nothing is asked', function()
---         assert.equal('TERM', kill.choose_signal(nil))
---       end)
---     end)
---
--- Runs in Lua 5.1 to 5.5 and LuaJIT, inside scrun and under a plain `lua`.
local check = require 'luastd.test.check'

---@class scrun.test
local M = {}

---@class scrun.test.Case
---@field name string names of the enclosing `describe`s and of the `it`, joined by blanks
---@field body? fun() nil: declared by `pending`, or by `it` without a function
---@field fixtures fun(): (fun())[], (fun())[] before (outermost first), after (innermost first)
---@field source string file and line of the `it`

---@class scrun.test.Group
---@field name string?
---@field parent scrun.test.Group?
---@field before (fun())[]
---@field after (fun())[]

---@param group scrun.test.Group
---@param name string
---@return string
local function full_name(group, name)
  local current = group ---@type scrun.test.Group?
  while current do
    if current.name then
      name = current.name .. ' ' .. name
    end
    current = current.parent
  end
  return name
end

--- Gathers the fixtures of a group and its parents, when the test runs: a `before_each`
--- written below an `it` counts for it too.
---@param group scrun.test.Group
---@return (fun())[] before
---@return (fun())[] after
local function fixtures(group)
  local before, after = {}, {}
  local current = group ---@type scrun.test.Group?
  while current do
    for at = #current.before, 1, -1 do
      table.insert(before, 1, current.before[at])
    end
    for at = #current.after, 1, -1 do
      after[#after + 1] = current.after[at]
    end
    current = current.parent
  end
  return before, after
end

--- Makes the globals of a spec file and the list they fill.
---@return table<string, any> globals
---@return scrun.test.Case[] cases
function M.globals()
  local cases = {}
  local group = { before = {}, after = {} } ---@type scrun.test.Group

  local function add(name, body)
    local info = debug.getinfo(3, 'Sl') or { short_src = '?', currentline = 0 }
    local case = {
      name = full_name(group, name),
      body = body,
      source = ('%s:%d'):format(info.short_src, info.currentline),
    }
    local home = group
    case.fixtures = function()
      return fixtures(home)
    end
    cases[#cases + 1] = case
  end

  local globals = { assert = check.assert }

  function globals.describe(name, body)
    local outer = group
    group = { name = name, parent = outer, before = {}, after = {} }
    local ok, err = pcall(body)
    group = outer
    if not ok then
      error(err, 0)
    end
  end

  function globals.it(name, body)
    add(name, body)
  end

  function globals.pending(name)
    add(name, nil)
  end

  function globals.before_each(body)
    table.insert(group.before, body)
  end

  function globals.after_each(body)
    table.insert(group.after, body)
  end

  return globals, cases
end

--- Loads a spec file and lists its tests, in the order they are written.
---@param path string
---@return scrun.test.Case[]? cases
---@return string? errmsg the file cannot be read, or its top level raised
function M.collect(path)
  local chunk, errmsg = loadfile(path)
  if not chunk then
    return nil, errmsg
  end
  local globals, cases = M.globals()
  for name, value in pairs(globals) do
    rawset(_G, name, value) -- they stay: test bodies use `assert` when they run
  end
  local ok, err = pcall(chunk)
  if not ok then
    return nil, tostring(err)
  end
  return cases
end

---@param err any
---@return string
local function explain(err)
  if getmetatable(err) == check.Failure then
    return err.message
  end
  return debug.traceback(tostring(err), 2)
end

--- Runs one test with its fixtures; `after_each` runs whatever happened.
---@param case scrun.test.Case
---@return 'pass'|'fail'|'pending' outcome
---@return string? message why it failed
function M.run(case)
  if not case.body then
    return 'pending'
  end
  local before, after = case.fixtures()
  local ok, message = xpcall(function()
    for _, step in ipairs(before) do
      step()
    end
    case.body()
  end, explain)
  for _, step in ipairs(after) do
    local clean, why = xpcall(step, explain)
    if ok and not clean then
      ok, message = false, 'after_each: ' .. tostring(why)
    end
  end
  if ok then
    return 'pass'
  end
  return 'fail', message
end

--- Forgets the modules that were loaded since `known` was taken, so that a spec file's stubs
--- are its own.
---@param known table<string, true>
local function forget_modules(known)
  for name in pairs(package.loaded) do
    if not known[name] then
      package.loaded[name] = nil
    end
  end
end

--- Runs spec files, each with modules of its own, and prints a line for every test that did
--- not pass.
---@param paths string[]
---@param write? fun(text: string) default: to standard output
---@return boolean ok nothing failed
function M.main(paths, write)
  write = write or function(text)
    io.stdout:write(text)
  end
  local count = { pass = 0, fail = 0, pending = 0 }
  local known = {}
  for name in pairs(package.loaded) do
    known[name] = true
  end
  for _, path in ipairs(paths) do
    local cases, errmsg = M.collect(path)
    if not cases then
      count.fail = count.fail + 1
      write(('FAIL %s: %s\n'):format(path, errmsg))
    end
    for _, case in ipairs(cases or {}) do
      local outcome, message = M.run(case)
      count[outcome] = count[outcome] + 1
      if outcome == 'fail' then
        write(('FAIL %s: %s\n     %s\n'):format(case.source, case.name, message))
      elseif outcome == 'pending' then
        write(('TODO %s: %s\n'):format(case.source, case.name))
      end
    end
    forget_modules(known)
  end
  write(('%d passed, %d failed, %d pending\n'):format(count.pass, count.fail, count.pending))
  return count.fail == 0
end

return M
