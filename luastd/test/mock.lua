--- `mock(table)`: spies on all functions of a table and the tables in it; `mock(table, true)`
--- puts stubs there, which do nothing.
local spy = require 'luastd.test.spy'
local stub = require 'luastd.test.stub'

local M = {}

local function replace(value, home, key, with_stub, answer, visited)
  if type(value) == 'function' then
    if with_stub then
      return stub(home, key, answer)
    end
    return home and spy.on(home, key) or spy.new(value)
  elseif type(value) == 'table' and not spy.is_spy(value) and not visited[value] then
    visited[value] = true
    local keys = {}
    for name in pairs(value) do
      keys[#keys + 1] = name
    end
    for _, name in ipairs(keys) do
      value[name] = replace(value[name], value, name, with_stub, answer, visited)
    end
  end
  return value
end

---@param target table|function
---@param with_stub? boolean
---@param answer? function what the stubs do
---@return any target
function M.new(target, with_stub, answer)
  return replace(target, nil, nil, with_stub, answer, {})
end

local function apply(target, action, visited)
  if type(target) ~= 'table' or visited[target] then
    return target
  end
  visited[target] = true
  if spy.is_spy(target) then
    return target[action](target)
  end
  for _, value in pairs(target) do
    apply(value, action, visited)
  end
  return target
end

--- Forgets the calls of all spies in a table.
function M.clear(target)
  return apply(target, 'clear', {})
end

--- Puts back all functions of a table.
function M.revert(target)
  return apply(target, 'revert', {})
end

return setmetatable(M, {
  __call = function(_, ...)
    return M.new(...)
  end,
})
