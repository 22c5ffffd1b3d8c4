--- The global `assert` of specs: a chain of words ends in a call. It is Lua's own assert too.
---
---     assert.is_not.same({ 1 }, list)
---     assert.spy(callback).was.called_with('x')
local compare = require 'luastd.test.compare'
local failure = require 'luastd.test.failure'
local late = require 'luastd.test.late'
local words = require 'luastd.test.words'

local say = late.module 'luastd.test.say'
local show = late.module 'luastd.test.show'

local unpack = table.unpack or unpack

---@class scrun.test.Assert
local M = {}

--- What a built-in assertion tells of itself.
---@class scrun.test.Report
---@field text? fun(negated: boolean): string its own words; else both values are shown
---@field expected any
---@field actual any
---@field what? string where values over lines differ

--- Set by the library: what reverts spies, see luastd/test/snapshot.lua.
M.snapshots = require 'luastd.test.snapshot'

--- Values over lines are sent along, for a comparison, from this length on.
local LONG = 60

local formatters = M.snapshots.formatters

---@param value any
---@return string
local function format(value)
  for at = #formatters, 1, -1 do
    local text = formatters[at](value)
    if text ~= nil then
      return text
    end
  end
  return show.value(value)
end

---@param arguments table as the assertion has left them
---@return table
function M:format(arguments)
  local plain = arguments.nofmt or {}
  for at = 1, arguments.n or #arguments do
    if not plain[at] then
      arguments[at] = format(arguments[at])
    end
  end
  return arguments
end

--- The words for what a built-in assertion found.
---@param report scrun.test.Report
---@param negated boolean
---@return string text
---@return table? more both values over lines, where one line does not hold them
local function describe(report, negated)
  if report.text then
    return report.text(negated)
  end
  local expected, actual = format(report.expected), format(report.actual)
  if negated then
    return ('expected anything but %s'):format(expected)
  elseif #expected + #actual > LONG then
    local more = { expected = show.lines(report.expected), actual = show.lines(report.actual) }
    if more.expected ~= more.actual and (more.expected .. more.actual):find '\n' then
      return report.what and 'expected the same, ' .. report.what or 'expected something else', more
    end
  end
  return ('expected %s, got %s'):format(expected, actual)
end

---@param state table
---@param word scrun.test.Word
---@param arguments table
local function fail(state, word, arguments)
  local text, more
  if state.report then
    text, more = describe(state.report, not state.mod)
  else
    local key = state.mod and word.positive or word.negative
    text = key and (say(key, M:format(arguments)) or key)
  end
  local own = rawget(state, 'failure_message')
  if own ~= nil then
    own = compare.is_text(own) and tostring(own) or format(own)
    text = text and own .. '\n' .. text or own
  end
  failure.fail(text or ('assertion %s failed'):format(word.name), more)
end

local state_meta = { __index = words.index }

function state_meta.__call(state, ...)
  local word, modifiers = words.find('assertion', 'assert', state.tokens)
  local arguments = { n = select('#', ...), ... }
  if not word then
    rawset(state, 'tokens', {})
    for _, modifier in ipairs(modifiers) do
      modifier.callback(state, arguments, 1)
    end
    return state
  end
  for _, modifier in ipairs(modifiers) do
    modifier.callback(state, nil, 1)
  end
  rawset(state, 'report', false)
  local holds, results = word.callback(state, arguments, 1)
  if (holds and true or false) ~= state.mod then
    fail(state, word, arguments)
  end
  if results then
    return unpack(results, 1, results.n or #results)
  end
  return ...
end

--- A fresh chain of words.
---@return table
function M.state()
  return setmetatable({ mod = true, tokens = {} }, state_meta)
end

---@param kind 'assertion'|'matcher'|'modifier'
---@param name string
---@param callback function
---@param positive? string key of `say`
---@param negative? string
function M:register(kind, name, callback, positive, negative)
  late.complete() -- lest the library's own come after it
  words.register(kind, name, callback, positive, negative)
end

---@param kind string
---@param name string
function M:unregister(kind, name)
  late.complete()
  words[kind][name:lower()] = nil
end

--- Values are shown by the newest formatter that answers with a text.
---@param callback fun(value: any): string?
function M:add_formatter(callback)
  formatters[#formatters + 1] = callback
end

---@param callback function
function M:remove_formatter(callback)
  for at = #formatters, 1, -1 do
    if formatters[at] == callback then
      table.remove(formatters, at)
      return
    end
  end
end

function M:set_parameter(name, value)
  self.snapshots.parameters[name] = value
end

function M:get_parameter(name)
  return self.snapshots.parameters[name]
end

function M:add_spy(spy)
  self.snapshots.add(spy)
end

--- From here on; `revert` of the result, or a call of it, takes back all spies made since.
---@return table
function M:snapshot()
  return self.snapshots.take()
end

--- The place of a failure is found without it.
---@param level integer
---@return table
function M:level(level)
  return { level = level }
end

function M:get_level(level)
  return type(level) == 'table' and level.level or nil
end

return setmetatable(M, {
  __index = function(_, name)
    return M.state()[name]
  end,
  __call = function(_, ...)
    local value, message = ...
    if not value then
      failure.fail(select('#', ...) < 2 and 'assertion failed!' or message)
    end
    return ...
  end,
})
