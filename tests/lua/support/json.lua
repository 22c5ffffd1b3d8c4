--- A JSON codec for specs outside of scrun, which has its own. Empty arrays and objects look
--- alike here: an empty table is written as an object.
local M = {}

M.null = setmetatable({}, {
  __tostring = function()
    return 'null'
  end,
})

local ESCAPE = { b = '\b', f = '\f', n = '\n', r = '\r', t = '\t' }

local parse

local function fail(text, at, what)
  error(('JSON: %s at byte %d of %d'):format(what, at, #text), 0)
end

local function skip(text, at)
  return text:find('[^ \t\r\n]', at) or #text + 1
end

local function parse_string(text, at)
  local close = at
  repeat
    close = text:find('["\\]', close + 1) or fail(text, at, 'string without an end')
    local escaped = text:sub(close, close) == '\\'
    close = escaped and close + 1 or close
  until not escaped
  local body = text:sub(at + 1, close - 1):gsub('\\(.)', function(letter)
    return ESCAPE[letter] or letter
  end)
  return body, close + 1
end

--- Parses the items between brackets; `put` stores one.
local function parse_items(text, at, closing, put)
  at = skip(text, at + 1)
  if text:sub(at, at) == closing then
    return at + 1
  end
  while true do
    at = skip(text, put(at))
    local letter = text:sub(at, at)
    at = skip(text, at + 1)
    if letter == closing then
      return at
    elseif letter ~= ',' then
      fail(text, at, 'no comma')
    end
  end
end

function parse(text, at)
  at = skip(text, at)
  local letter = text:sub(at, at)
  local value = {}
  if letter == '{' then
    return value,
      parse_items(text, at, '}', function(here)
        local key, colon = parse_string(text, here)
        local item, rest = parse(text, text:find(':', colon, true) + 1)
        value[key] = item
        return rest
      end)
  elseif letter == '[' then
    return value,
      parse_items(text, at, ']', function(here)
        local item, rest = parse(text, here)
        value[#value + 1] = item
        return rest
      end)
  elseif letter == '"' then
    return parse_string(text, at)
  end
  local word = text:match('^[%w.+-]+', at) or fail(text, at, 'no value')
  local known = { ['true'] = true, ['false'] = false, null = M.null }
  if known[word] ~= nil then
    return known[word], at + #word
  end
  return tonumber(word) or fail(text, at, 'no number'), at + #word
end

function M.decode(text)
  local value, at = parse(text, 1)
  if skip(text, at) <= #text then
    fail(text, at, 'text after the value')
  end
  return value
end

local function quote(text)
  return '"' .. text:gsub('[%c"\\]', function(letter)
    return ('\\u%04x'):format(letter:byte())
  end) .. '"'
end

function M.encode(value)
  if value == M.null then
    return 'null'
  elseif type(value) == 'string' then
    return quote(value)
  elseif type(value) == 'number' then
    return value % 1 == 0 and ('%.0f'):format(value) or tostring(value)
  elseif type(value) ~= 'table' then
    return tostring(value)
  end
  local parts = {}
  for _, item in ipairs(value) do
    parts[#parts + 1] = M.encode(item)
  end
  if #parts > 0 then
    return '[' .. table.concat(parts, ',') .. ']'
  end
  for key, item in pairs(value) do
    parts[#parts + 1] = quote(key) .. ':' .. M.encode(item)
  end
  table.sort(parts)
  return '{' .. table.concat(parts, ',') .. '}'
end

return M
