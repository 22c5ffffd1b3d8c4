--- The JSON codec of scripts. Of what it decoded it remembers which table was an array and which
--- an object, and the order of keys, so that a config.json comes back as it was. Whole numbers
--- stay whole; null is `json.null`. A new empty table is an array; `json.object {}` makes it an
--- object. Its names for `require` are in codecs.lua.
local border = ...
local null, array_mt, object_mt = border.null, border.array_mt, border.object_mt
local key_order, ordered_keys, is_array = border.key_order, border.ordered_keys, border.is_array
local byte, char, find = string.byte, string.char, string.find
local format, sub, rawget = string.format, string.sub, rawget
local concat, floor, huge = table.concat, math.floor, math.huge
local to_integer = math.tointeger
local MAX_DEPTH = 200
local INT64_END, UINT64_END = 2 ^ 63, 2 ^ 64

local M = { null = null, _VERSION = 'scrun' }

function M.array(list)
  return setmetatable(list or {}, array_mt)
end

function M.object(map)
  return setmetatable(map or {}, object_mt)
end

local escapes = {
  ['"'] = '\\"',
  ['\\'] = '\\\\',
  ['\b'] = '\\b',
  ['\f'] = '\\f',
  ['\n'] = '\\n',
  ['\r'] = '\\r',
  ['\t'] = '\\t',
}

local function escape(letter)
  return escapes[letter] or format('\\u%04x', byte(letter))
end

local function quote(text)
  return '"' .. text:gsub('[%z\1-\31\\"\127]', escape) .. '"'
end

local function number(value)
  if value ~= value or value == huge or value == -huge then
    error('json: a number that is not finite', 0)
  end
  if value % 1 == 0 then
    local whole = to_integer and to_integer(value)
    if whole then
      return format('%d', whole)
    elseif value == INT64_END then -- what is left of 2^63-1 where all numbers are floats
      return '9223372036854775807'
    elseif value == UINT64_END then
      return '18446744073709551615'
    elseif value > -INT64_END and value < UINT64_END then
      return format('%.0f', value)
    end
  end
  local text = format('%.15g', value)
  return tonumber(text) == value and text or format('%.17g', value)
end

local encode_value
local empty_is_object = false -- what an empty table without a mark is; for cjson

local function encode_table(value, out, indent, depth)
  if depth > MAX_DEPTH then
    error('json: nested too deeply, or a table that contains itself', 0)
  end
  if value == null then
    out[#out + 1] = 'null'
    return
  end
  local array, count = is_array(value)
  local open, close, keys = '[', ']', nil
  if count == 0 and empty_is_object and getmetatable(value) ~= array_mt then
    array = false
  end
  if not array then
    open, close = '{', '}'
    keys, count = ordered_keys(value)
  end
  if count == 0 then
    out[#out + 1] = open .. close
    return
  end
  local gap = indent and ('\n' .. indent:rep(depth + 1)) or ''
  for n = 1, count do
    local key = n
    out[#out + 1] = (n == 1 and open or ',') .. gap
    if not array then
      key = keys[n]
      if type(key) ~= 'string' and type(key) ~= 'number' then
        error('json: a key that is a ' .. type(key), 0)
      end
      local name = type(key) == 'number' and number(key) or key
      out[#out + 1] = quote(name) .. (indent and ': ' or ':')
    end
    encode_value(rawget(value, key), out, indent, depth + 1)
  end
  out[#out + 1] = (indent and ('\n' .. indent:rep(depth)) or '') .. close
end

function encode_value(value, out, indent, depth)
  local kind = type(value)
  if kind == 'string' then
    out[#out + 1] = quote(value)
  elseif kind == 'number' then
    out[#out + 1] = number(value)
  elseif kind == 'boolean' then
    out[#out + 1] = tostring(value)
  elseif kind == 'nil' then
    out[#out + 1] = 'null'
  elseif kind == 'table' then
    encode_table(value, out, indent, depth)
  else
    error('json: a value that is a ' .. kind, 0)
  end
end

--- Options: `indent`: over several lines, by two spaces; `empty_is_object`.
function M.encode(value, options)
  local out = {}
  options = type(options) == 'table' and options or {}
  local indent = options.indent and '  ' or nil
  empty_is_object = options.empty_is_object == true
  encode_value(value, out, indent, 0)
  return concat(out)
end

local function fail(text, at, what)
  local line, start = 1, 1
  for place in text:sub(1, at - 1):gmatch '()\n' do
    line, start = line + 1, place + 1
  end
  error(format('json: line %d, column %d: %s', line, at - start + 1, what), 0)
end

local function skip(text, at)
  return find(text, '[^ \t\r\n]', at) or #text + 1
end

local function utf8_bytes(code)
  if code < 0x80 then
    return char(code)
  elseif code < 0x800 then
    return char(0xC0 + floor(code / 0x40), 0x80 + code % 0x40)
  elseif code < 0x10000 then
    return char(0xE0 + floor(code / 0x1000), 0x80 + floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
  end
  local high, middle = 0xF0 + floor(code / 0x40000), 0x80 + floor(code / 0x1000) % 0x40
  return char(high, middle, 0x80 + floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
end

local plain = { b = '\b', f = '\f', n = '\n', r = '\r', t = '\t' }
plain['"'], plain['\\'], plain['/'] = '"', '\\', '/'

local function decode_string(text, at)
  local parts, from = {}, at + 1
  while true do
    local stop = find(text, '["\\%c]', from)
    if not stop then
      fail(text, at, 'a string without an end')
    end
    parts[#parts + 1] = sub(text, from, stop - 1)
    local letter = sub(text, stop, stop)
    if letter == '"' then
      return concat(parts), stop + 1
    elseif letter ~= '\\' then
      if letter ~= '\127' then
        fail(text, stop, 'a control character in a string')
      end
      parts[#parts + 1] = letter
      from = stop + 1
    else
      local kind = sub(text, stop + 1, stop + 1)
      if plain[kind] then
        parts[#parts + 1] = plain[kind]
        from = stop + 2
      else
        local digits = text:match('^u(%x%x%x%x)', stop + 1)
        if not digits then
          fail(text, stop, 'an unknown escape')
        end
        local code = tonumber(digits, 16)
        from = stop + 6
        if code >= 0xD800 and code < 0xDC00 then
          local low = tonumber(text:match('^\\u([dD][c-fC-F]%x%x)', from) or '', 16)
          if low then
            code = 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00)
            from = from + 6
          end
        end
        parts[#parts + 1] = utf8_bytes(code)
      end
    end
  end
end

local decode_value
local words = { t = { 'true', true }, f = { 'false', false }, n = { 'null', null } }

local function decode_object(text, at, depth)
  local map, order = {}, {}
  at = skip(text, at + 1)
  if byte(text, at) == 125 then
    return setmetatable(map, object_mt), at + 1
  end
  while true do
    if byte(text, at) ~= 34 then
      fail(text, at, 'a key is expected')
    end
    local key, value
    key, at = decode_string(text, at)
    at = skip(text, at)
    if byte(text, at) ~= 58 then
      fail(text, at, '":" is expected')
    end
    value, at = decode_value(text, skip(text, at + 1), depth)
    if map[key] == nil then
      order[#order + 1] = key
    end
    map[key] = value
    at = skip(text, at)
    local letter = byte(text, at)
    if letter == 125 then
      key_order[map] = order
      return setmetatable(map, object_mt), at + 1
    elseif letter ~= 44 then
      fail(text, at, '"," or "}" is expected')
    end
    at = skip(text, at + 1)
  end
end

local function decode_array(text, at, depth)
  local list, n = setmetatable({}, array_mt), 0
  at = skip(text, at + 1)
  if byte(text, at) == 93 then
    return list, at + 1
  end
  while true do
    n = n + 1
    list[n], at = decode_value(text, at, depth)
    at = skip(text, at)
    local letter = byte(text, at)
    if letter == 93 then
      return list, at + 1
    elseif letter ~= 44 then
      fail(text, at, '"," or "]" is expected')
    end
    at = skip(text, at + 1)
  end
end

function decode_value(text, at, depth)
  if depth > MAX_DEPTH then
    fail(text, at, 'nested too deeply')
  end
  local letter = sub(text, at, at)
  if letter == '"' then
    return decode_string(text, at)
  elseif letter == '{' then
    return decode_object(text, at, depth + 1)
  elseif letter == '[' then
    return decode_array(text, at, depth + 1)
  elseif words[letter] and sub(text, at, at + #words[letter][1] - 1) == words[letter][1] then
    return words[letter][2], at + #words[letter][1]
  end
  local digits = text:match('^-?%d+%.?%d*[eE]?[+-]?%d*', at)
  local value = digits and tonumber(digits)
  if not value or find(digits, '^-?0%d') or find(digits, '%.$') or find(digits, '%.[eE]') then
    fail(text, at, at > #text and 'the text ends too early' or 'a value is expected')
  end
  return value, at + #digits
end

local function decode(text)
  local value, at = decode_value(text, skip(text, 1), 0)
  at = skip(text, at)
  if at <= #text then
    fail(text, at, 'something follows the value')
  end
  return value
end

function M.decode(text)
  if type(text) ~= 'string' then
    error('json.decode: a string is expected, got ' .. type(text), 2)
  end
  return decode(text)
end

M.parse, M.stringify = M.decode, M.encode
M.empty_array = M.array()

--- For dkjson: the value at a place of the text, and the place behind it.
function border.decode_json(text, at)
  return decode_value(text, skip(text, at), 0)
end

return M
