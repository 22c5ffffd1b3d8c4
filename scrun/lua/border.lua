--- The border of one Lua state: calls, tasks, host functions, values in both directions.
--- Loaded by runtime.py, portable over Lua 5.1 to 5.5 and luajit. Every table crosses as a flat
--- list of scalars, so that no host object is ever visible here:
---   string, number       itself
---   false, 0 / 1 / 2     null / true / false
---   false, 3, n, ...     array of n values
---   false, 4, n, k, v …  object of n pairs, in order
---   false, 5, x          x, a function, thread or userdata, as it is
local pull, push = ...

local getinfo, traceback = debug.getinfo, debug.traceback
local gsub, find, sub = string.gsub, string.find, string.sub
local unpack = table.unpack or unpack
local sort, floor = table.sort, math.floor
local create, resume, status = coroutine.create, coroutine.resume, coroutine.status
local CHUNK = 2000 -- values per crossing; Lua 5.1 allows 8000 on its C stack
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

---------------------------------------------------------------------------------------------------
-- where an error belongs

local full_names = {} -- short_src, which Lua cuts at 60 bytes -> the path of the chunk

local function is_host(source)
  return sub(source, 1, 7) == '=[host]'
end

--- `file:line: ` of the innermost frame that is not ours and not C; '' when there is none.
local function where(thread)
  for level = thread and 0 or 2, 200 do
    local info
    if thread then
      info = getinfo(thread, level, 'Sl')
    else
      info = getinfo(level, 'Sl')
    end
    if not info then
      return ''
    end
    if info.currentline > 0 and not is_host(info.source) then
      return (full_names[info.short_src] or info.short_src) .. ':' .. info.currentline .. ': '
    end
  end
  return ''
end

local function with_full_names(text)
  if find(text, '...', 1, true) then
    for short, full in pairs(full_names) do
      local at, last = find(text, short, 1, true)
      while at do
        text = sub(text, 1, at - 1) .. full .. sub(text, last + 1)
        at, last = find(text, short, at + #full, true)
      end
    end
  end
  return text
end

local last_host_error = {} -- text and code of the newest error that the host raised

--- Makes `message, traceback, code` of anything that was thrown.
local function describe(thrown, thread)
  local text
  if type(thrown) == 'string' then
    text = thrown
  elseif type(thrown) == 'number' then
    text = tostring(thrown)
  else
    local meta = getmetatable(thrown)
    if type(meta) == 'table' and meta.__tostring then
      local ok, result = pcall(tostring, thrown)
      text = ok and result
    elseif type(thrown) == 'table' and type(rawget(thrown, 'message')) == 'string' then
      text = rawget(thrown, 'message')
    end
    text = text or ('(error object is a %s value)'):format(type(thrown))
  end
  local code = last_host_error.text == text and last_host_error.code or nil
  local place = where(thread)
  text = gsub(text, '^%[host%]:%d+: ', '')
  text = with_full_names(text)
  if place ~= '' and not find(text, '^[^\n]-:%d+: ') then
    text = place .. text
  end
  local trace
  if thread then
    trace = traceback(thread)
  else
    trace = traceback('', 3)
  end
  return text, with_full_names(gsub(trace, '^\n', '')), code
end

---------------------------------------------------------------------------------------------------
-- values

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
  if count == 0 then
    local meta = getmetatable(value)
    return not (type(meta) == 'table' and meta.__jsontype == 'object'), 0
  end
  return count == highest, count
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

local function slice(flat, first, last)
  return unpack(flat, first, last)
end

---------------------------------------------------------------------------------------------------
-- the host calls Lua

local function describe_thrown(thrown)
  local text, trace, code = describe(thrown)
  return { text = text, trace = trace, code = code }
end

local function settle_call(ok, first, ...)
  if ok then
    return true, first, ...
  elseif type(first) == 'table' then
    return false, first.text, first.trace, first.code
  end
  return false, tostring(first)
end

local call
if select(2, xpcall(select, type, '#', 1)) == 1 then
  function call(f, ...)
    return settle_call(xpcall(f, describe_thrown, ...))
  end
else -- Lua 5.1: xpcall passes no arguments
  function call(f, ...)
    local args, n = { ... }, select('#', ...)
    return settle_call(xpcall(function()
      return f(unpack(args, 1, n))
    end, describe_thrown))
  end
end

local function settle_task(thread, ok, ...)
  if ok then
    return status(thread) == 'dead', ...
  end
  return nil, describe((...), thread)
end

--- A coroutine as one function: `done, values...`, or `nil, message, traceback, code`.
local function task(f)
  local thread = create(function(...)
    return f(...)
  end)
  return function(...)
    return settle_task(thread, resume(thread, ...))
  end
end

---------------------------------------------------------------------------------------------------
-- Lua calls the host

local function send(args, n)
  local flat, size = { false, 3, n }, 3
  for i = 1, n do
    size = put(flat, size, args[i], 1, false)
  end
  for first = 1, size, CHUNK do
    push(slice(flat, first, first + CHUNK - 1 < size and first + CHUNK - 1 or size))
  end
end

local function receive(keep_null)
  local flat, n = {}, 0
  local part = { pull() }
  while #part > 0 do
    for i = 1, #part do
      flat[n + i] = part[i]
    end
    n = n + #part
    part = { pull() }
  end
  return build(flat, keep_null)
end

local function is_plain(args, n)
  for i = 1, n do
    local kind = type(args[i])
    if kind ~= 'string' and kind ~= 'number' and kind ~= 'boolean' and kind ~= 'nil' then
      return false
    end
  end
  return true
end

local function raise(message, code)
  local text = where() .. message
  last_host_error = { text = text, code = code }
  error(text, 0)
end

local function settle_host(kind, ...)
  if kind == 0 then -- plain values
    return ...
  elseif kind == 1 then -- a list of results
    local results = receive()
    return unpack(results, 1, (...))
  elseif kind == 2 then -- one document, with its nulls
    return receive(true)
  end
  return raise(...)
end

--- A host function as a Lua function. Its arguments are data: tables are copied.
local function wrap(raw)
  return function(...)
    local n, args = select('#', ...), { ... }
    if is_plain(args, n) then
      return settle_host(raw(...))
    end
    local ok, message = pcall(send, args, n)
    if not ok then
      push() -- forget what was sent
      return raise(message)
    end
    return settle_host(raw())
  end
end

---------------------------------------------------------------------------------------------------
-- chunks and names

local load_text = _VERSION == 'Lua 5.1' and loadstring or load

--- Compiles source; `path` names it in errors. Returns the function, or nil and the message.
local function load_source(source, path)
  if sub(source, 1, 3) == '\239\187\191' then
    source = sub(source, 4)
  end
  if sub(source, 1, 1) == '#' then
    source = gsub(source, '^[^\n]*', '', 1)
  elseif sub(source, 1, 1) == '\27' then
    return nil, path .. ': is a compiled chunk, not Lua source'
  end
  local chunk, message = load_text(source, '@' .. path)
  local marker = load_text('', '@' .. path)
  full_names[getinfo(marker, 'S').short_src] = path
  if not chunk then
    return nil, with_full_names(message)
  end
  return chunk
end

local function get_path(path)
  local value = _G
  for name in path:gmatch('[^.]+') do
    if type(value) ~= 'table' then
      return nil
    end
    value = value[name]
  end
  return value
end

--- Sets a global by its dotted path, making the tables on the way.
local function set_path(path, value)
  local table_, last = _G, nil
  for name in path:gmatch('[^.]+') do
    if last then
      if table_[last] == nil then
        table_[last] = {}
      end
      table_ = table_[last]
    end
    last = name
  end
  table_[last] = value
end

--- Calls `check` every `count` instructions; a message from it ends the running function.
local function watch(check, count)
  local function hook()
    local message, code = check()
    if message then
      raise(message, code)
    end
  end
  debug.sethook(hook, '', count)
  coroutine.create = function(f)
    local thread = create(f)
    debug.sethook(thread, hook, '', count)
    return thread
  end
end

return {
  array_mt = array_mt,
  build = build,
  call = call,
  flatten = flatten,
  get_path = get_path,
  is_array = is_array,
  key_order = key_order,
  load_source = load_source,
  null = null,
  object_mt = object_mt,
  ordered_keys = ordered_keys,
  set_path = set_path,
  slice = slice,
  task = task,
  watch = watch,
  where = where,
  wrap = wrap,
}
