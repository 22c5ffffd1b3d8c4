--- Stubs: spies that answer for a function of a table, until the test ends.
---
---     stub(slurm, 'allocator_command').returns(0, '')
---     slurm.allocator_command.on_call_with('hostname').returns(0, 'n1\n')
local compare = require 'luastd.test.compare'
local match = require 'luastd.test.match'
local spy = require 'luastd.test.spy'

local unpack = table.unpack or unpack

local M = {}

local function pack(...)
  return { n = select('#', ...), ... }
end

local function keep(value)
  return match.is_matcher(value) or spy.is_spy(value)
end

local function returning(...)
  local results = pack(...)
  return function()
    return unpack(results, 1, results.n)
  end
end

---@param target? table none: a stub that stands nowhere
---@param key? any
---@param ... any what it returns, or a function that answers
---@return scrun.test.Spy
function M.new(target, key, ...)
  if target == nil and key == nil then
    target, key = {}, ''
  end
  if type(target) ~= 'table' or key == nil then
    error('stub: a table and a key are expected', 2)
  end
  local before = target[key]
  if before ~= nil and not compare.is_callable(before) then
    error(('stub: %s is a %s, no function'):format(tostring(key), type(before)), 2)
  end
  local given = select('#', ...)
  local answer = given == 1 and compare.is_callable((...)) and (...) or returning(...)
  local special = {}

  local was_raw = rawget(target, key)
  rawset(target, key, function(...)
    local arguments = pack(...)
    for _, case in ipairs(special) do
      if spy.fits({ vals = arguments, refs = arguments }, case.wanted) then
        return case.answer(...)
      end
    end
    return answer(...)
  end)
  local self = spy.on(target, key)

  function self.revert(this)
    if not this.reverted then
      this.reverted = true
      rawset(target, key, was_raw)
    end
    return before
  end

  function self.returns(...)
    answer = returning(...)
    return self
  end

  function self.invokes(body)
    answer = function(...)
      return body(...)
    end
    return self
  end

  self.by_default = { returns = self.returns, invokes = self.invokes }

  --- Answers to these arguments otherwise; matchers stand for several.
  function self.on_call_with(...)
    local wanted = compare.copy(pack(...), keep)
    local function add(body)
      special[#special + 1] = { wanted = wanted, answer = body }
      return self
    end
    return {
      returns = function(...)
        return add(returning(...))
      end,
      invokes = function(body)
        return add(function(...)
          return body(...)
        end)
      end,
    }
  end

  return self
end

return setmetatable(M, {
  __call = function(_, ...)
    return M.new(...)
  end,
})
