--- How values look in the words of a failed assertion: on one line, and as lines to compare.
---@class scrun.test.show
local M = {}

--- Values deeper than this are shown as `{...}`.
local DEPTH = 12
--- A value on one line is cut here; `lines` shows all of it.
local WIDTH = 400

local ESCAPE = { ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t', ['"'] = '\\"', ['\\'] = '\\\\' }
local RANK = { number = 1, boolean = 2, string = 3, table = 4, ['function'] = 5 }

---@param a any
---@param b any
---@return boolean
local function key_before(a, b)
  local kind, other = type(a), type(b)
  if kind ~= other then
    return (RANK[kind] or 9) < (RANK[other] or 9)
  elseif kind == 'number' or kind == 'string' then
    return a < b
  end
  return tostring(a) < tostring(b)
end

--- The keys of a table, numbers first, each kind in its order.
---@param value table
---@return any[]
function M.sorted_keys(value)
  local keys = {}
  for key in next, value do
    keys[#keys + 1] = key
  end
  table.sort(keys, key_before)
  return keys
end

---@param text string
---@return string
local function quote(text)
  return '"'
    .. text:gsub('[%c"\\]', function(letter)
      return ESCAPE[letter] or ('\\%03d'):format(letter:byte())
    end)
    .. '"'
end

--- A number with as many digits as tell it from its neighbours.
---@param value number
---@return string
local function digits(value)
  local text = tostring(value)
  if tonumber(text) == value or value ~= value then
    return text
  end
  return ('%.17g'):format(value)
end

---@param value function
---@return string
local function place(value)
  local info = debug.getinfo(value, 'S')
  if info.what == 'C' or info.source == '=?' then
    return tostring(value)
  end
  return ('function %s:%d'):format(info.source:gsub('^@', ''), info.linedefined)
end

--- A value that is no plain table, or a table that has a name of its own; else nil.
---@param value any
---@return string?
local function atom(value)
  local kind = type(value)
  if kind == 'string' then
    return quote(value)
  elseif kind == 'number' then
    return digits(value)
  elseif kind == 'function' then
    return place(value)
  elseif kind ~= 'table' then
    return tostring(value)
  end
  local meta = debug.getmetatable(value)
  if type(meta) == 'table' then
    if rawget(meta, '__jsontype') == 'null' then
      return 'null'
    elseif type(rawget(meta, '__show')) == 'function' then
      return meta.__show(value)
    end
  end
  return nil
end

---@param key any
---@param position integer the place that a list would give it
---@return string prefix of its value; '' in a list
local function label(key, position)
  if key == position then
    return ''
  elseif type(key) == 'string' and key:find '^[%a_][%w_]*$' then
    return key .. ' = '
  end
  return ('[%s] = '):format(atom(key) or tostring(key))
end

---@param value any
---@param depth integer
---@param open table<table, true> tables that we are inside of
---@return string
local function on_one_line(value, depth, open)
  local text = atom(value)
  if text then
    return text
  elseif open[value] or depth >= DEPTH then
    return '{...}'
  end
  open[value] = true
  local parts = {}
  for position, key in ipairs(M.sorted_keys(value)) do
    local item = on_one_line(rawget(value, key), depth + 1, open)
    parts[#parts + 1] = label(key, position) .. item
  end
  open[value] = nil
  return #parts == 0 and '{}' or '{ ' .. table.concat(parts, ', ') .. ' }'
end

--- Writes a value as a person reads it: strings quoted, tables with sorted keys.
---@param value any
---@param width? integer where to cut; default 400
---@return string
function M.value(value, width)
  local text = on_one_line(value, 0, {})
  width = width or WIDTH
  if #text > width then
    return text:sub(1, width) .. ('… (%d bytes)'):format(#text)
  end
  return text
end

--- The arguments of a call.
---@param list table with a field `n`
---@return string
function M.arguments(list)
  local parts = {}
  for at = 1, list.n or #list do
    parts[at] = M.value(list[at])
  end
  return '(' .. table.concat(parts, ', ') .. ')'
end

---@param value any
---@param prefix string what stands before it on its first line
---@param indent string
---@param open table<table, true>
---@param out string[]
local function add_lines(value, prefix, indent, open, out)
  local text = atom(value)
  if not text and (open[value] or #indent >= 2 * DEPTH) then
    text = '{...}'
  elseif not text and next(value) == nil then
    text = '{}'
  end
  if text then
    out[#out + 1] = indent .. prefix .. text
    return
  end
  open[value] = true
  out[#out + 1] = indent .. prefix .. '{'
  for position, key in ipairs(M.sorted_keys(value)) do
    add_lines(rawget(value, key), label(key, position), indent .. '  ', open, out)
  end
  out[#out + 1] = indent .. '}'
  open[value] = nil
end

--- The same over several lines, to be compared line by line: an item of a table on each, and a
--- text of several lines as it is.
---@param value any
---@return string
function M.lines(value)
  if type(value) == 'string' and value:find '\n' then
    return value
  end
  local out = {}
  add_lines(value, '', '', {}, out)
  return table.concat(out, '\n')
end

return M
