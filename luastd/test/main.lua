--- What the runner calls for a spec file: the library, the helper `scrun`, golden files.
local late = require 'luastd.test.late'

local M = {}
local begin, finish, complete -- functions of the runner, see `prepare`
local host -- more of them, see `extend`

late.wait()
late.add(function()
  complete()
end)
local test = require 'luastd.test'

local site
local names = {} -- of a spec, besides the library's

--- `assert.matches_golden(value, 'name')`: the value is what golden/name.json beside the spec
--- holds; `--update` writes it. A text is kept as it is, in golden/name.txt.
local function add_golden()
  local failure = require 'luastd.test.failure'
  test.names.assert:register('assertion', 'matches_golden', function(state, arguments)
    local value, name = arguments[1], arguments[2]
    if type(name) ~= 'string' then
      failure.fail 'matches_golden: a name is needed'
    end
    local same, problem, expected, actual = host.golden(name, value)
    if not same and expected then
      failure.fail(problem, { expected = expected, actual = actual })
    end
    state.report = {
      text = function()
        return problem
      end,
    }
    return same
  end)
end

--- Connects the library to the runner.
---@param on_begin function of a test
---@param on_finish function of a test
---@param on_need function makes the rest of the state
function M.prepare(on_begin, on_finish, on_need)
  begin, finish, complete = on_begin, on_finish, on_need
end

--- Makes the rest of the state now.
M.complete = late.complete

--- What the runner calls when it has made its part of the rest.
---@param functions table
---@return function answer
---@return function log
---@return function tell
function M.extend(functions)
  host = functions
  site = require 'luastd.test.site'
  names.scrun = site
  add_golden()
  local exit = host.exit
  function os.exit(code)
    exit(code)
  end
  return site.install(host)
end

local reporter = {}

function reporter.begin(name, source)
  if site then
    site.clear()
  end
  begin(name, source)
end

---@param result scrun.test.Outcome
function reporter.finish(result)
  if result.outcome == 'pass' then
    finish 'pass'
    return
  end
  local message, where, trace = result.message, result.where, result.trace
  finish(result.outcome, message, where, trace, result.expected, result.actual)
end

-- What may do anything to the process; of LuaJIT.
local has_foreign_code = false
local open_ffi = package.preload.ffi
if open_ffi then
  function package.preload.ffi(...)
    has_foreign_code = true
    return open_ffi(...)
  end
end

--- Runs a spec file.
---@param chunk function
---@param source string its path
---@param path string where the project's own modules are, as in package.path
---@param seed? integer
---@param options? scrun.test.Options the filters
---@return integer tests how many it has
---@return boolean has_foreign_code
function M.run(chunk, source, path, seed, options)
  options = options or {}
  options.names, options.path, options.seed = names, path, seed
  late.add(function()
    -- A global of all, as the interpreter has it: specs' helpers look there.
    rawset(_G, 'arg', { [0] = source:gsub(':%d+$', '') })
    package.path = path .. ';' .. package.path
  end)
  local tests = test.run(chunk, source, options, reporter)
  io.stdout:flush()
  io.stderr:flush()
  return tests, has_foreign_code
end

return M
