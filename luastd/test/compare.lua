--- Comparing and copying values by their content.
---@class scrun.test.compare
local M = {}

--- Whether a table stands for itself: JSON's null is no empty table.
---@param value table
---@param meta any its metatable
---@return boolean
local function is_sentinel(value, meta)
  return type(meta) == 'table' and rawget(meta, '__jsontype') == 'null' and next(value) == nil
end

---@param a any
---@param b any
---@param ignore_eq boolean do not ask `__eq`
---@param open table<table, table<table, true>> pairs that are being compared
---@return boolean same
---@return any[]? path keys to the first difference, the innermost first
local function same(a, b, ignore_eq, open)
  if type(a) ~= 'table' or type(b) ~= 'table' then
    return a == b
  end
  local meta, other = debug.getmetatable(a), debug.getmetatable(b)
  if meta and meta == other and rawget(meta, '__eq') and not ignore_eq then
    return a == b
  elseif rawequal(a, b) then
    return true
  elseif is_sentinel(a, meta) or is_sentinel(b, other) then
    return false
  end
  open[a] = open[a] or {}
  if open[a][b] then -- a table inside of itself, on both sides alike
    return true
  end
  open[a][b] = true
  for key, value in next, a do
    local there = b[key]
    if there == nil then
      return false, { key }
    end
    local equal, path = same(value, there, false, open)
    if not equal then
      path = path or {}
      path[#path + 1] = key
      return false, path
    end
  end
  for key in next, b do
    if a[key] == nil then
      return false, { key }
    end
  end
  open[a][b] = nil
  return true
end

--- Compares by content: tables key by key, without their metatables, but that tables inside which
--- share an `__eq` are asked; the rest by `==`.
---@param a any
---@param b any
---@return boolean same
---@return any[]? path keys to the first difference, the outermost first
function M.same(a, b)
  local equal, path = same(a, b, true, {})
  if not path then
    return equal
  end
  local outward = {}
  for at = #path, 1, -1 do
    outward[#outward + 1] = path[at]
  end
  return equal, outward
end

--- The same, for arguments of a call: `__eq` is asked at once.
---@param a any
---@param b any
---@return boolean
function M.same_argument(a, b)
  return (same(a, b, false, {}))
end

--- Copies tables to any depth, with their metatables; `keep` tells what stays as it is.
---@param value any
---@param keep fun(value: table): boolean
---@param copies? table<table, table>
---@return any
function M.copy(value, keep, copies)
  if type(value) ~= 'table' or keep(value) then
    return value
  end
  copies = copies or {}
  if copies[value] then
    return copies[value]
  end
  local result = {}
  copies[value] = result
  for key, item in next, value do
    result[key] = M.copy(item, keep, copies)
  end
  debug.setmetatable(result, debug.getmetatable(value))
  return result
end

---@param value any
---@return boolean
function M.is_callable(value)
  return type(value) == 'function'
    or type((debug.getmetatable(value) or {}).__call) == 'function'
end

--- Whether it is a string, or turns itself into one.
---@param value any
---@return boolean
function M.is_text(value)
  return type(value) == 'string'
    or type((debug.getmetatable(value) or {}).__tostring) == 'function'
end

return M
