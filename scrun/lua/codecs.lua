--- The JSON codec by the names and the calls of others: `json`, `cjson`, `cjson.safe`, `dkjson`,
--- for a script whose site has no module of that name; `host.json` is always this one.
local border, json = ...
local null, array_mt = border.null, border.array_mt

local function copy(module)
  local result = {}
  for key, value in pairs(module) do
    result[key] = value
  end
  return result
end

--- `nil, message` in place of an error.
local function safely(f)
  return function(...)
    local ok, value = pcall(f, ...)
    if ok then
      return value
    end
    return nil, value
  end
end

--- lua-cjson: an empty table without a mark is an object.
local function new_cjson()
  local M = copy(json)
  M._NAME, M._VERSION, M.array_mt, M.empty_array_mt = 'cjson', '2.1.0', array_mt, array_mt
  local options = { empty_is_object = true }

  function M.encode(value)
    return json.encode(value, options)
  end
  function M.encode_empty_table_as_object(on)
    options.empty_is_object = on ~= false and on ~= 'off'
  end
  -- What they change there needs no changing here.
  for _, name in ipairs {
    'encode_sparse_array',
    'encode_max_depth',
    'encode_number_precision',
    'encode_keep_buffer',
    'encode_invalid_numbers',
    'decode_max_depth',
    'decode_invalid_numbers',
    'decode_array_with_array_mt',
  } do
    M[name] = function(...)
      return ...
    end
  end
  return M
end

local function named_cjson()
  local M = new_cjson()
  M.new = named_cjson
  return M
end

local function safe_cjson()
  local M = new_cjson()
  M._NAME, M.new = 'cjson.safe', safe_cjson
  M.encode, M.decode = safely(M.encode), safely(M.decode)
  return M
end

--- dkjson puts `nullval` for null, so with nil a member is absent.
local function replace_nulls(value, nullval)
  if type(value) ~= 'table' or value == nullval then
    return
  end
  for key, item in pairs(value) do
    if item == null then
      value[key] = nullval
    else
      replace_nulls(item, nullval)
    end
  end
end

--- dkjson: `value, next place` or `nil, place, message`.
local function dkjson()
  local M = copy(json)
  M.version = 'dkjson 2.5'

  function M.decode(text, at, nullval)
    if type(text) ~= 'string' then
      error('dkjson.decode: a string is expected, got ' .. type(text), 2)
    end
    local ok, value, stop = pcall(border.decode_json, text, at or 1)
    if not ok then
      return nil, at or 1, value
    elseif value == null then
      return nullval, stop
    end
    if nullval ~= null then
      replace_nulls(value, nullval)
    end
    return value, stop
  end
  function M.use_lpeg()
    return M
  end
  function M.quotestring(text)
    return json.encode(tostring(text))
  end
  return M
end

return {
  json = function()
    return json
  end,
  cjson = named_cjson,
  ['cjson.safe'] = safe_cjson,
  dkjson = dkjson,
  ['host.json'] = function()
    return json
  end,
}
