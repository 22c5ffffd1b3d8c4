--- Writes values as a person reads them: strings quoted, tables sorted, and everything bounded.
--- Nothing of a table is called but its `__tostring`. Portable over Lua 5.1 to 5.5 and luajit.
local MAX_DEPTH, MAX_ITEMS, MAX_SORTED = 8, 64, 4096
local MAX_VALUES = 1000 -- of all tables together
local SHORT = 16 -- bytes of an item that shares its line
local MAX_STRING, MAX_INNER_STRING = 8192, 512 -- bytes, alone and in a table

local type, tostring, pcall, next, ipairs = type, tostring, pcall, next, ipairs
local rawget, getmetatable, getinfo = rawget, debug.getmetatable, debug.getinfo
local format, find, gsub, sub, rep = string.format, string.find, string.gsub, string.sub, string.rep
local byte, sort, concat = string.byte, table.sort, table.concat
local floor = math.floor

local escapes = { ['\n'] = '\\n', ['\t'] = '\\t', ['\r'] = '\\r', ['"'] = '\\"', ['\\'] = '\\\\' }

local reserved = {}
for word in
  ([[and break do else elseif end false for function global goto if in local nil not or repeat
  return then true until while]]):gmatch '%a+'
do
  reserved[word] = true
end

local function escape(char)
  return escapes[char] or format('\\%03d', byte(char))
end

--- Escapes what is no UTF-8; a terminal shows the rest.
local function escape_high(text)
  local parts, at = {}, 1
  while at <= #text do
    local first, last = find(text, '^[\1-\127]+', at)
    if not first then
      first, last = find(text, '^\194[\160-\191]', at) -- below are control characters
      if not first then
        first, last = find(text, '^[\195-\223][\128-\191]', at)
      end
      if not first then
        first, last = find(text, '^[\224-\239][\128-\191][\128-\191]', at)
      end
      if not first then
        first, last = find(text, '^[\240-\244][\128-\191][\128-\191][\128-\191]', at)
      end
    end
    if first then
      parts[#parts + 1] = sub(text, first, last)
    else
      last = at
      parts[#parts + 1] = escape(sub(text, at, at))
    end
    at = last + 1
  end
  return concat(parts)
end

local function quote(text, most)
  local more = ''
  if #text > most then
    more = format(' ... %d bytes more', #text - most)
    text = sub(text, 1, most)
  end
  text = gsub(text, '[%c"\\]', escape)
  if find(text, '[\128-\255]') then
    text = escape_high(text)
  end
  return '"' .. text .. '"' .. more
end

local function key_before(a, b)
  local kind_a, kind_b = type(a), type(b)
  if kind_a == kind_b and (kind_a == 'number' or kind_a == 'string') then
    return a < b
  elseif kind_a ~= kind_b then
    return kind_a == 'number' or (kind_b ~= 'number' and kind_a < kind_b)
  end
  return tostring(a) < tostring(b)
end

--- What a metatable makes of the value; nil when it says nothing, or fails.
local function by_metatable(value)
  local meta = getmetatable(value)
  if type(meta) == 'table' and rawget(meta, '__tostring') ~= nil then
    local ok, text = pcall(tostring, value)
    return ok and type(text) == 'string' and text or nil
  end
end

local function raw_text(value)
  local ok, text = pcall(tostring, value)
  return ok and text or type(value)
end

local function show_function(value)
  local info = getinfo(value, 'S')
  if info.what == 'C' or sub(info.source, 1, 7) == '=[host]' then
    return tostring(value)
  end
  return format('%s (%s:%d)', tostring(value), info.short_src, info.linedefined)
end

local show
local left -- of MAX_VALUES, in this call

--- The items of a table as texts: the list first, then the other keys sorted.
local function items_of(value, width, depth, path)
  local parts, listed, shown = {}, 0, 0
  while rawget(value, listed + 1) ~= nil do
    listed = listed + 1
    if listed <= MAX_ITEMS and left > 0 then
      shown = listed
      parts[shown] = show(rawget(value, listed), width, depth + 1, path)
    end
  end
  if listed > shown then
    parts[shown + 1] = format('... %d more', listed - shown)
  end
  local keys, count = {}, 0
  for key in next, value do
    local in_list = type(key) == 'number' and key >= 1 and key <= listed and key == floor(key)
    if not in_list then
      count = count + 1
      if count <= MAX_SORTED then
        keys[count] = key
      end
    end
  end
  sort(keys, key_before)
  shown = 0
  while shown < count and shown < MAX_ITEMS and left > 0 do
    shown = shown + 1
    local key = keys[shown]
    local name
    if type(key) == 'string' and find(key, '^[%a_][%w_]*$') and not reserved[key] then
      name = key
    else
      name = '[' .. show(key, width, MAX_DEPTH, path) .. ']'
    end
    parts[#parts + 1] = name .. ' = ' .. show(rawget(value, key), width, depth + 1, path)
  end
  if count > shown then
    parts[#parts + 1] = format('... %d more', count - shown)
  end
  return parts
end

--- On one line if it fits; else an item per line, short ones in full lines.
local function lay_out(parts, width, depth)
  local length, broken = 4 + 2 * depth, false
  for _, part in ipairs(parts) do
    length = length + #part + 2
    broken = broken or find(part, '\n', 1, true)
  end
  if not broken and length <= width then
    return '{ ' .. concat(parts, ', ') .. ' }'
  end
  local indent = rep('  ', depth + 1)
  local column, texts, joins = 0, { '{' }, false
  for i, part in ipairs(parts) do
    local text = part .. (parts[i + 1] and ',' or '')
    local is_short = #part <= SHORT and not find(part, '\n', 1, true)
    if joins and is_short and column + #text + 1 <= width then
      texts[#texts + 1] = ' ' .. text
      column = column + #text + 1
    else
      texts[#texts + 1] = '\n' .. indent .. text
      column = #indent + #text
    end
    joins = is_short
  end
  return concat(texts) .. '\n' .. rep('  ', depth) .. '}'
end

--- `width`: columns that a line may have; `path`: the tables that we are in.
function show(value, width, depth, path)
  local kind = type(value)
  left = left - 1
  if kind == 'string' then
    return quote(value, depth == 0 and MAX_STRING or MAX_INNER_STRING)
  elseif kind == 'function' then
    return show_function(value)
  elseif kind ~= 'table' then
    return by_metatable(value) or raw_text(value)
  end
  local text = by_metatable(value)
  if text then
    return text
  elseif path[value] then
    return '<cycle>'
  elseif next(value) == nil then
    return '{}'
  elseif depth >= MAX_DEPTH then
    return '{...}'
  end
  path[value] = true
  local parts = items_of(value, width, depth, path)
  path[value] = nil
  return lay_out(parts, width, depth)
end

return function(value, width)
  left = MAX_VALUES
  return show(value, width, 0, {})
end
