--- A test library for site scripts and for luastd, run by `scrun lua test`: `describe`, `it`,
--- fixtures, `assert` and spies, named as in busted.
---
---     describe('choose_signal', function()
---       it('takes TERM when nothing is asked', function()
---         assert.equal('TERM', kill.choose_signal(nil))
---       end)
---     end)
---
--- Runs in Lua 5.1 to 5.5 and LuaJIT.
local asserts = require 'luastd.test.assertions'
local blocks = require 'luastd.test.blocks'
local failure = require 'luastd.test.failure'
local filter = require 'luastd.test.filter'
local late = require 'luastd.test.late'
local runs = require 'luastd.test.run'
local scope = require 'luastd.test.scope'

---@class scrun.test
local M = {}

--- Names that a spec file has besides; the runner adds its own.
---@type table<string, any>
M.names = { assert = asserts }
late.add(function()
  for _, name in ipairs { 'match', 'mock', 'spy', 'stub' } do
    M.names[name] = require('luastd.test.' .. name)
  end
end)

---@class scrun.test.Options: scrun.test.Filter
---@field seed? integer shuffle by it
---@field names? table<string, any> more names for the spec
---@field path? string where the project's own modules are, as in package.path

--- What specs for busted require by other names; what a project has of its own goes before.
---@param names table<string, any>
---@param own? string templates of the project's own files, as in package.path
local function preload(names, own)
  local modules = {
    busted = setmetatable({
      fail = function(message)
        failure.fail(message)
      end,
    }, { __index = names }),
    luassert = asserts,
    say = require 'luastd.test.say',
    ['luassert.assert'] = asserts,
    ['luassert.match'] = M.names.match,
    ['luassert.mock'] = M.names.mock,
    ['luassert.spy'] = M.names.spy,
    ['luassert.stub'] = M.names.stub,
    ['luassert.util'] = require 'luastd.test.util',
    ['busted.runner'] = function() end,
  }
  for name, module in pairs(modules) do
    package.preload[name] = function()
      local file = own and package.searchpath(name, own) -- luacheck: ignore 143
      if file then
        return assert(loadfile(file))(name, file)
      end
      return module
    end
  end
end

--- Runs a spec file's chunk with all its tests.
---@param chunk function
---@param source string its path
---@param options scrun.test.Options
---@param reporter scrun.test.Reporter
---@return integer tests how many it has, wanted or not
function M.run(chunk, source, options, reporter)
  local file = blocks.new('file')
  file.source = source
  local names, open = blocks.functions(file)
  local finally
  function names.finally(body)
    finally = body
  end
  names.assert = asserts
  local environment, add = scope.environment(names)
  late.add(function()
    for _, more in ipairs { M.names, options.names or {} } do
      add(more)
      for name, value in pairs(more) do
        names[name] = value
      end
    end
    preload(names, options.path)
  end)
  scope.set_environment(chunk, environment)
  file.body = chunk
  local run = {
    reporter = reporter,
    wants = filter.new(options),
    random = options.seed and runs.random(options.seed),
    open = open,
    set_finally = function()
      local body = finally
      finally = nil
      return body
    end,
    tests = 0,
  }
  runs.run_block(run, file)
  return run.tests
end

return M
