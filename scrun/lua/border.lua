--- The border of one Lua state: calls, tasks, host functions, values in both directions.
--- Loaded by runtime.py, portable over Lua 5.1 to 5.5 and luajit. Tables cross as values.lua says,
--- so that no host object is ever a value here.
local pull, push, limit, values = ...

local getinfo, traceback = debug.getinfo, debug.traceback
local gsub, find, sub = string.gsub, string.find, string.sub
local unpack = table.unpack or unpack
local build, flatten, put = values.build, values.flatten, values.put
local create, resume, status = coroutine.create, coroutine.resume, coroutine.status
local CHUNK = 2000 -- values per crossing; Lua 5.1 allows 8000 on its C stack

---------------------------------------------------------------------------------------------------
-- whose turn it is

local script_runs = false

--- The script's turn begins, or begins again after the host's. The limit of memory holds in its
--- turn only: where the host pushes a value, "not enough memory" would be the process's end.
local function enter(...)
  script_runs = true
  if limit then
    limit(true)
  end
  return ...
end

local function leave()
  script_runs = false
  if limit then
    limit(false)
  end
end

if limit and _VERSION == 'Lua 5.1' then
  collectgarbage('setpause', 110) -- it collects nothing when memory is out
end

---------------------------------------------------------------------------------------------------
-- where an error belongs

local full_names = {} -- short_src, which Lua cuts at 60 bytes -> the path of the chunk

--- `=?` is a chunk without lines; `lua test` has stripped some of ours.
local function is_host(source)
  return sub(source, 1, 7) == '=[host]' or source == '=?'
end

--- `file:line: ` of the innermost frame that is not ours and not C; '' when there is none.
local function where(thread)
  for level = thread and 0 or 2, 1000 do
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

local function slice(flat, first, last)
  return unpack(flat, first, last)
end

---------------------------------------------------------------------------------------------------
-- the host calls Lua

local function describe_thrown(thrown)
  leave()
  local text, trace, code = describe(thrown)
  return { text = text, trace = trace, code = code }
end

local function settle_call(ok, first, ...)
  leave()
  if ok then
    return true, first, ...
  elseif type(first) == 'table' then
    return false, first.text, first.trace, first.code
  end
  return false, tostring(first)
end

local protected -- calls `before`, then `f` with the arguments
if select(2, xpcall(select, type, '#', 1)) == 1 then
  function protected(before, f, ...)
    before()
    return settle_call(xpcall(f, describe_thrown, ...))
  end
else -- Lua 5.1: xpcall passes no arguments
  function protected(before, f, ...)
    local args, n = { ... }, select('#', ...)
    local function apply()
      return f(unpack(args, 1, n))
    end
    before()
    return settle_call(xpcall(apply, describe_thrown))
  end
end

local function call(f, ...)
  return protected(enter, f, ...)
end

--- The same for functions of the host, which run no script.
local function call_host(f, ...)
  return protected(leave, f, ...)
end

local function settle_task(thread, ok, ...)
  leave()
  if ok then
    return status(thread) == 'dead', ...
  end
  return nil, describe((...), thread)
end

local hooked -- the function that sets the hook of `watch` in the running thread

--- A coroutine as one function: `done, values...`, or `nil, message, traceback, code`.
local function task(f)
  local thread = create(function(...)
    if hooked then
      hooked()
    end
    return f(...)
  end)
  return function(...)
    enter()
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
    enter(push(slice(flat, first, first + CHUNK - 1 < size and first + CHUNK - 1 or size)))
  end
end

local function receive(keep_null)
  local flat, n = {}, 0
  local part = { enter(pull()) }
  while #part > 0 do
    for i = 1, #part do
      flat[n + i] = part[i]
    end
    n = n + #part
    part = { enter(pull()) }
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
    local plain = is_plain(args, n)
    if not plain then
      local ok, message = pcall(send, args, n)
      if not ok then
        enter(push()) -- forget what was sent
        if message == last_host_error.text then -- the hook's
          error(message, 0)
        end
        return raise(message)
      end
    end
    script_runs = false
    if plain then
      return settle_host(enter(raw(...)))
    end
    return settle_host(enter(raw()))
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
    local _, broken = load_text('=', '@' .. path) -- the parser of 5.1 cuts at 80 bytes
    full_names[broken:match '^(.*):1: '] = path
    if type(message) == 'table' then -- our handler's: what is nested too deeply overflows C's stack
      message = ('%s:1: %s'):format(path, message.text)
    end
    return nil, with_full_names(message)
  end
  return chunk
end

--- C reads its arguments from the end of the list.
local function last(...)
  local n = select('#', ...)
  if n > 0 then
    return (select(n, ...))
  end
  return nil
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

--- Calls `check` every `count` instructions of a script; a message from it ends the running
--- function, and at the next instruction its caller, should that have caught it: a loop around a
--- pcall would else go on for ever. Each thread has a hook of its own, so it begins by setting it.
local function watch(check, count)
  local getinfo, sethook = debug.getinfo, debug.sethook
  local every = count

  local function hook()
    if not script_runs or every == 1 and is_host(getinfo(2, 'S').source) then
      return
    end
    script_runs = false
    local message, code = enter(check())
    if message then
      every = 1
      sethook(hook, '', 1)
      raise(message, code)
    elseif every == 1 then
      every = count
      sethook(hook, '', count)
    end
  end
  if jit then -- which has one hook for all threads, and asks none in compiled code
    jit.off()
    jit.flush()
    sethook(hook, '', count)
    return
  end
  function hooked()
    sethook(hook, '', every)
  end
  hooked()
  for _, name in ipairs { 'create', 'wrap' } do
    local make = coroutine[name]
    coroutine[name] = function(f)
      if type(f) ~= 'function' then
        return make(f) -- its own error
      end
      return make(function(...)
        hooked()
        return f(...)
      end)
    end
  end
end

return {
  array_mt = values.array_mt,
  call = call,
  call_host = call_host,
  build = build,
  flatten = flatten,
  get_path = get_path,
  is_array = values.is_array,
  key_order = values.key_order,
  last = last,
  load_source = load_source,
  null = values.null,
  object_mt = values.object_mt,
  ordered_keys = values.ordered_keys,
  set_path = set_path,
  slice = slice,
  task = task,
  watch = watch,
  where = where,
  wrap = wrap,
}
