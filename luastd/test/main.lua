--- What the runner calls for a spec file: the library, the helper `scrun`, golden files.
local assert = require 'luastd.test.assertions'
local failure = require 'luastd.test.failure'
local site = require 'luastd.test.site'
local test = require 'luastd.test'

--- `assert.matches_golden(value, 'name')`: the value is what golden/name.json beside the spec
--- holds; `--update` writes it. A text is kept as it is, in golden/name.txt.
local function add_golden(golden)
  assert:register('assertion', 'matches_golden', function(state, arguments)
    local value, name = arguments[1], arguments[2]
    if type(name) ~= 'string' then
      failure.fail 'matches_golden: a name is needed'
    end
    local same, problem, expected, actual = golden(name, value)
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

local M = {}
local host

--- Connects the library to the runner, whose functions `functions` has.
---@param functions table
---@return function answer
---@return function log
---@return function tell
function M.prepare(functions)
  host = functions
  add_golden(host.golden)
  local exit = host.exit
  function os.exit(code)
    exit(code)
  end
  return site.install(host)
end

local reporter = {}

function reporter.begin(name, source)
  site.clear()
  host.begin(name, source)
end

---@param result scrun.test.Outcome
function reporter.finish(result)
  if result.outcome == 'pass' then
    host.finish 'pass'
    return
  end
  local message, where, trace = result.message, result.where, result.trace
  host.finish(result.outcome, message, where, trace, result.expected, result.actual)
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
---@param options scrun.test.Options
---@return integer tests how many it has
---@return boolean has_foreign_code
function M.run(chunk, source, options)
  package.path = options.path .. ';' .. package.path
  options.names = { scrun = site, arg = { [0] = source:gsub(':%d+$', '') } }
  local tests = test.run(chunk, source, options, reporter)
  io.stdout:flush()
  io.stderr:flush()
  return tests, has_foreign_code
end

return M
