--- What specs for busted take from `luassert.util` for assertions of their own.
local compare = require 'luastd.test.compare'

local M = {}

local unpack = table.unpack or unpack

--- Compares by content.
---@param a any
---@param b any
---@param ignore_eq? boolean do not ask the `__eq` that both have
---@return boolean same
function M.deepcompare(a, b, ignore_eq)
  if ignore_eq then
    return (compare.same(a, b))
  end
  return compare.same_argument(a, b)
end

---@param value any
---@return any copy with the metatables of the original
function M.deepcopy(value)
  return compare.copy(value, function()
    return false
  end)
end

---@param value any
---@return any copy of a table, with its metatable and the values that are in it
function M.shallowcopy(value)
  if type(value) ~= 'table' then
    return value
  end
  local copy = {}
  for key, item in next, value do
    copy[key] = item
  end
  return setmetatable(copy, getmetatable(value))
end

---@return table list with a field `n`
function M.pack(...)
  return { n = select('#', ...), ... }
end

---@param list table
---@param first? integer
---@param last? integer
---@return any ...
function M.unpack(list, first, last)
  return unpack(list, first or 1, last or list.n or #list)
end

M.callable = compare.is_callable
M.hastostring = compare.is_text

return M
