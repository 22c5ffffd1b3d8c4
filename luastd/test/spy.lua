--- Spies: functions that note their calls; `assert.spy(callback).was.called_with('x')`.
---
--- A spy made by `spy.on` stands in a table until the test ends.
local assert = require 'luastd.test.assert'
local compare = require 'luastd.test.compare'
local failure = require 'luastd.test.failure'
local match = require 'luastd.test.match'
local show = require 'luastd.test.show'

local M = {}

---@class scrun.test.Spy
---@field calls { vals: table, refs: table }[] the arguments of each call, copied and as they were
---@field returnvals { vals: table, refs: table }[]
---@field callback function what it calls
local methods = {}

local meta = {
  __index = methods,
  __show = function()
    return 'spy'
  end,
}

local function keep(value)
  return match.is_matcher(value) or M.is_spy(value)
end

--- The values of a call, as they are now: tables are copied.
---@param values table with a field `n`
local function note(values)
  return { vals = compare.copy(values, keep), refs = values }
end

local function noted(list, ...)
  list[#list + 1] = note { n = select('#', ...), ... }
  return ...
end

function meta.__call(spy, ...)
  noted(spy.calls, ...)
  return noted(spy.returnvals, spy.callback(...))
end

--- Whether the values of a call are what is wanted: each matcher fits, all others are the same.
---@param values { vals: table, refs: table }
---@param wanted table with a field `n`
---@return boolean
function M.fits(values, wanted)
  local given = values.vals
  if given.n ~= wanted.n then
    return false
  end
  for at = 1, wanted.n do
    local value, want = given[at], wanted[at]
    if match.is_matcher(want) then
      if match.is_ref_matcher(want) then
        value = values.refs[at]
      end
      if not want(value) then
        return false
      end
    elseif not compare.same_argument(value, want) then
      return false
    end
  end
  return true
end

---@param list { vals: table, refs: table }[]
---@param wanted table
---@return table? the newest that fits
local function find(list, wanted)
  for at = #list, 1, -1 do
    if M.fits(list[at], wanted) then
      return list[at].vals
    end
  end
  return nil
end

--- Puts back what the spy replaced; returns it.
function methods:revert()
  if not self.reverted then
    self.reverted = true
    if self.target_table then
      self.target_table[self.target_key] = self.callback
    end
  end
  return self.callback
end

function methods:clear()
  self.calls, self.returnvals = {}, {}
  return self
end

---@param times? integer
---@param holds? fun(count: integer, times: integer): boolean
---@return boolean
---@return integer count
function methods:called(times, holds)
  local count = #self.calls
  if holds then
    return holds(count, times), count
  end
  return times and count == times or (not times and count > 0), count
end

---@param wanted table arguments, with a field `n`
---@return boolean
---@return table? arguments of the call that fits, else of the last one
function methods:called_with(wanted)
  local found = find(self.calls, wanted)
  local last = self.calls[#self.calls]
  return found ~= nil, found or (last and last.vals)
end

function methods:returned_with(wanted)
  local found = find(self.returnvals, wanted)
  local last = self.returnvals[#self.returnvals]
  return found ~= nil, found or (last and last.vals)
end

--- A function that notes its calls and hands them on to `callback`.
---@param callback? function
---@return scrun.test.Spy
function M.new(callback)
  callback = callback or function() end
  if not compare.is_callable(callback) then
    error(('a %s cannot be spied on, only a function'):format(type(callback)), 2)
  end
  local spy = setmetatable({ calls = {}, returnvals = {}, callback = callback }, meta)
  -- As fields, for those who look with rawget or replace one.
  for name, method in pairs(methods) do
    spy[name] = method
  end
  assert:add_spy(spy)
  return spy
end

--- Puts a spy in the place of a function of a table.
---@param target table
---@param key any
---@return scrun.test.Spy
function M.on(target, key)
  local spy = M.new(target[key])
  target[key] = spy
  spy.target_table, spy.target_key = target, key
  return spy
end

---@param value any
---@return boolean
function M.is_spy(value)
  return type(value) == 'table' and getmetatable(value) == meta
end

---------------------------------------------------------------------------------------------------
-- assertions

local function subject(state, name)
  local spy = rawget(state, 'payload')
  if not M.is_spy(spy) then
    local hint = type(spy) == 'function' and ', which is the function itself and no spy' or ''
    error(
      ('%s: assert: %s comes after assert.spy(SPY)%s'):format(failure.place() or '?', name, hint),
      0
    )
  end
  return spy
end

local function set_subject(state, arguments)
  if arguments then
    rawset(state, 'payload', arguments[1])
    if arguments[2] ~= nil then
      rawset(state, 'failure_message', arguments[2])
    end
  end
  return state
end

assert:register('modifier', 'spy', set_subject)
assert:register('modifier', 'stub', set_subject)

local COUNTS = {
  called = { '', nil },
  called_at_least = {
    'at least ',
    function(count, times)
      return count >= times
    end,
  },
  called_at_most = {
    'at most ',
    function(count, times)
      return count <= times
    end,
  },
  called_more_than = {
    'more than ',
    function(count, times)
      return count > times
    end,
  },
  called_less_than = {
    'less than ',
    function(count, times)
      return count < times
    end,
  },
}

for name, how in pairs(COUNTS) do
  assert:register('assertion', name, function(state, arguments)
    local spy = subject(state, name)
    local times = arguments[1]
    if how[2] and type(times) ~= 'number' then
      error(('%s: assert: %s: a number is needed'):format(failure.place() or '?', name), 0)
    end
    local holds, count = spy:called(times, how[2])
    state.report = {
      text = function(negated)
        local wanted = times and how[1] .. times .. ' calls' or 'a call'
        if negated then
          wanted = times and 'anything but ' .. wanted or 'no call'
        end
        return ('expected %s, there were %d'):format(wanted, count)
      end,
    }
    return holds
  end)
end

for name, words in pairs {
  called_with = { 'call with', 'arguments of the last call' },
  returned_with = { 'return of', 'results of the last call' },
} do
  assert:register('assertion', name, function(state, arguments)
    local spy = subject(state, name)
    local wanted = { n = arguments.n }
    for at = 1, arguments.n do
      wanted[at] = arguments[at]
    end
    local holds, last = spy[name](spy, wanted)
    state.report = {
      text = function(negated)
        local text = negated and 'expected no ' or 'expected a '
        text = text .. words[1] .. ' ' .. show.arguments(wanted)
        if negated then
          return text
        elseif not last then
          return text .. ', there was no call'
        end
        return ('%s; %s: %s'):format(text, words[2], show.arguments(last))
      end,
    }
    return holds
  end)
end

return setmetatable(M, {
  __call = function(_, ...)
    return M.new(...)
  end,
})
