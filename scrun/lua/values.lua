--- Data of one Lua state as the flat list of scalars that crosses the border, and back.
--- Portable over Lua 5.1 to 5.5 and luajit; the same in Python is convert.py.
---   string, number       itself
---   false, 0 / 1 / 2     null / true / false
---   false, 3, n, ...     array of n values
---   false, 4, n, k, v …  object of n pairs, in order
---   false, 5, x          x, a function, thread or userdata, as it is
local sort, floor = table.sort, math.floor
local MAX_DEPTH = 128

local array_mt = { __jsontype = 'array' }
local object_mt = { __jsontype = 'object' }
local null = setmetatable({}, {
  __jsontype = 'null',
  __tostring = function()
    return 'null'
  end,
  __newindex = function(_, _, value)
    if value ~= nil then
      error('attempt to change null', 2)
    end
  end,
})
local key_order = setmetatable({}, { __mode = 'k' })

--- Whether a table is an array, and of how many items. One that was decoded, or marked, as an
--- array stays one when an item of its middle was set to nil: null is written there.
local function is_array(value)
  local count, highest = 0, 0
  for key in next, value do
    if type(key) ~= 'number' or key < 1 or key ~= floor(key) then
      return false
    end
    count = count + 1
    if key > highest then
      highest = key
    end
  end
  local meta = getmetatable(value)
  local mark = type(meta) == 'table' and rawget(meta, '__jsontype')
  if count == highest then
    return mark ~= 'object', count
  end
  return mark == 'array' and highest <= 2 * count + 8, highest
end

local function by_text(a, b)
  return tostring(a) < tostring(b)
end

--- Keys of an object: those it was decoded with first, then the added ones in alphabetic order.
local function ordered_keys(value)
  local keys, count, known = {}, 0, {}
  for _, key in ipairs(key_order[value] or keys) do
    if rawget(value, key) ~= nil and not known[key] then
      count = count + 1
      keys[count] = key
      known[key] = true
    end
  end
  local added, added_count = {}, 0
  for key in next, value do
    if not known[key] then
      added_count = added_count + 1
      added[added_count] = key
    end
  end
  if added_count > 1 then
    sort(added, by_text)
  end
  for i = 1, added_count do
    keys[count + i] = added[i]
  end
  return keys, count + added_count
end

local function put(out, n, value, depth, live)
  local kind = type(value)
  if kind == 'string' or kind == 'number' then
    out[n + 1] = value
    return n + 1
  end
  out[n + 1] = false
  if value == nil or rawequal(value, null) then
    out[n + 2] = 0
    return n + 2
  elseif kind == 'boolean' then
    out[n + 2] = value and 1 or 2
    return n + 2
  elseif kind ~= 'table' then
    if not live then
      error('a ' .. kind .. ' is no data', 0)
    end
    out[n + 2] = 5
    out[n + 3] = value
    return n + 3
  end
  if depth > MAX_DEPTH then
    error('tables are nested more than ' .. MAX_DEPTH .. ' deep', 0)
  end
  local array, count = is_array(value)
  if array then
    out[n + 2] = 3
    out[n + 3] = count
    n = n + 3
    for i = 1, count do
      n = put(out, n, rawget(value, i), depth + 1, live)
    end
    return n
  end
  local keys
  keys, count = ordered_keys(value)
  out[n + 2] = 4
  out[n + 3] = count
  n = n + 3
  for i = 1, count do
    local key = keys[i]
    local key_kind = type(key)
    if key_kind ~= 'string' and key_kind ~= 'number' then
      error('a ' .. key_kind .. ' is no key of data', 0)
    end
    out[n + 1] = key
    n = put(out, n + 1, rawget(value, key), depth + 1, live)
  end
  return n
end

--- A value as a flat list; raises for cycles and, unless `live`, for what is no data.
local function flatten(value, live)
  local out = {}
  return out, put(out, 0, value, 1, live)
end

local function take(flat, i, keep_null)
  local value = flat[i]
  if value ~= false then
    return value, i + 1
  end
  local op = flat[i + 1]
  if op == 0 then
    return keep_null and null or nil, i + 2
  elseif op < 3 then
    return op == 1, i + 2
  elseif op == 5 then
    return flat[i + 2], i + 3
  end
  local count, result = flat[i + 2], {}
  i = i + 3
  if op == 3 then
    for index = 1, count do
      result[index], i = take(flat, i, keep_null)
    end
    return setmetatable(result, array_mt), i
  end
  local keys = {}
  for index = 1, count do
    local key = flat[i]
    keys[index] = key
    result[key], i = take(flat, i + 1, keep_null)
  end
  key_order[result] = keys
  return setmetatable(result, object_mt), i
end

--- The value of a flat list. Decoded tables know that they are arrays or objects, and their order.
local function build(flat, keep_null)
  return (take(flat, 1, keep_null))
end

return {
  array_mt = array_mt,
  build = build,
  flatten = flatten,
  is_array = is_array,
  key_order = key_order,
  null = null,
  object_mt = object_mt,
  ordered_keys = ordered_keys,
  put = put,
}
