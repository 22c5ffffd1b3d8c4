--- What a script does past the `slurm` table, made visible: commands by os.execute, standard
--- output, the end of the process; and, where files are redirected, every path.
--- Loaded by bypass.py into a state before the script, portable over Lua 5.1 to 5.5 and luajit.
--- `hooks` are functions of the host, `redirect` tells whether files have another place, `capture`
--- whether standard output has, `may_exit` that os.exit is let alone. A verb's state has neither
--- `slurm` nor the files of `host`.
-- luacheck: globals io os slurm, read globals rawlen
local border, hooks, redirect, capture, may_exit = ...
local io, os, type, tostring, select, error = io, os, type, tostring, select, error
local open, io_type = io.open, io.type
local concat = table.concat
local LONGEST = 1000000 -- bytes of standard output that are kept
local modern = _VERSION ~= 'Lua 5.1' or rawlen ~= nil -- what os.execute and close return

---------------------------------------------------------------------------------------------------
-- commands

local function exit_of(status)
  if not modern then
    return status * 256
  elseif status == 0 then
    return true, 'exit', 0
  end
  return nil, 'exit', status
end

function os.execute(command)
  if command == nil then
    return modern or 1
  elseif type(command) ~= 'string' and type(command) ~= 'number' then
    error("bad argument #1 to 'execute' (string expected, got " .. type(command) .. ')', 2)
  end
  return exit_of((hooks.execute(tostring(command))))
end

---------------------------------------------------------------------------------------------------
-- standard output, which is the container's in a real run

local captured, place

local function capture_output()
  captured, place = io.tmpfile(), nil
  io.stdout = captured
  io.output(captured)
end

if capture then
  capture_output()
  io.stdin = open('/dev/null', 'r')
  io.input(io.stdin)

  function _G.print(...)
    place = place or border.where()
    local parts = {}
    for i = 1, select('#', ...) do
      parts[i] = tostring((select(i, ...)))
    end
    captured:write(concat(parts, '\t'), '\n')
  end

  function io.write(...)
    local file = io.output()
    if file == captured then
      place = place or border.where()
    end
    return file:write(...)
  end
end

if not may_exit then -- of an anchor, or of the process that shows what one would do
  function os.exit()
    error("os.exit would end scrun itself: return nil and a message, or call error()", 2)
  end
end

--- Returns what was printed: the text, and where.
local function settle()
  local text, first = '', place or ''
  if io_type(captured) == 'file' then -- the script may have closed it
    captured:flush()
    captured:seek 'set'
    text = captured:read(LONGEST) or ''
  end
  if captured then
    capture_output()
  end
  return text, first
end

--- Where a thread stands, as an error says it.
local function stand_of(thread)
  for level = 0, 50 do
    local info = debug.getinfo(thread, level, 'Sl')
    if not info then
      return ''
    elseif info.currentline > 0 and info.source:sub(1, 1) == '@' then
      return ('%s:%d: '):format(info.source:sub(2), info.currentline)
    end
  end
  return ''
end

local function settle_thread(find, done, ...)
  if done then
    return ...
  elseif done == nil then
    local message, trace = ...
    hooks.trace(trace)
    error(message, 0)
  end
  error(stand_of(find()) .. 'attempt to yield from outside a coroutine', 0)
end

--- Calls in a thread: without memory, and in luajit after an overflow, there is no room to look at
--- the stack, but at a thread's.
local function in_thread(f)
  return function(...)
    local thread
    return settle_thread(
      function()
        return thread
      end,
      border.task(function(...)
        thread = coroutine.running()
        return f(...)
      end)(...)
    )
  end
end

---------------------------------------------------------------------------------------------------
-- functions of the slurm table that ask nobody

local function brief(value)
  if type(value) ~= 'string' then
    return (tostring(value):gsub(': 0x%x+$', ''))
  end
  local text = #value > 60 and value:sub(1, 57) .. '...' or value
  return ('%q'):format(text):gsub('\\\n', '\\n')
end

local function briefs(...)
  local list = {}
  for i = 1, select('#', ...) do
    list[i] = brief((select(i, ...))):sub(1, 200)
  end
  return list
end

local function told(name, arguments, ...)
  hooks.called(name, arguments, briefs(...))
  return ...
end

local pure = { 'time_str2mins', 'to_json', 'from_json', 'to_yaml', 'from_yaml' }
for _, name in ipairs(slurm and pure or {}) do
  local call = slurm[name]
  slurm[name] = function(...)
    return told(name, briefs(...), call(...))
  end
end

if not redirect then
  return settle, in_thread
end

---------------------------------------------------------------------------------------------------
-- files

--- Gives a failure the name that the script knows.
local function named(path, found, file, message, ...)
  if not file and found ~= path and type(message) == 'string' then
    message = path .. (message:match ': [^:]*$' or ': ' .. message)
  end
  return file, message, ...
end

function io.open(path, mode, ...)
  if type(path) ~= 'string' or (mode ~= nil and type(mode) ~= 'string') then
    return open(path, mode, ...)
  end
  local found
  if mode and mode:find '[wa+]' then
    found = hooks.place(path, mode:sub(1, 1) == 'w')
  else
    found = hooks.find(path)
  end
  return named(path, found, open(found, mode, ...))
end

local io_lines, io_input, io_output = io.lines, io.input, io.output
function io.lines(...)
  local path = ...
  if type(path) ~= 'string' then
    return io_lines(...)
  end
  local found = hooks.find(path)
  local file, message = open(found, 'r')
  if not file then
    error((select(2, named(path, found, nil, message))), 2)
  end
  file:close()
  return io_lines(found, select(2, ...))
end

local function default_file(set, find)
  return function(...)
    local path = ...
    if type(path) ~= 'string' then
      return set(...)
    end
    return set(find(path))
  end
end
io.input = default_file(io_input, hooks.find)
io.output = default_file(io_output, function(path)
  return hooks.place(path, true)
end)

local function missing(path)
  return nil, path .. ': No such file or directory', 2
end

function os.remove(path)
  if type(path) ~= 'string' then
    error("bad argument #1 to 'remove' (string expected, got " .. type(path) .. ')', 2)
  end
  if not hooks.remove(path) then
    return missing(path)
  end
  return true
end

function os.rename(old, new)
  if type(old) ~= 'string' or type(new) ~= 'string' then
    error("bad argument to 'rename' (string expected)", 2)
  end
  if not hooks.rename(old, new) then
    return missing(old)
  end
  return true
end

function os.tmpname()
  return hooks.keep ''
end

local host = package.loaded.host
if not (host and host.read_file) then
  return settle, in_thread
end

local function through(name, find)
  local call = host[name]
  host[name] = function(path, ...)
    if type(path) ~= 'string' then
      return call(path, ...)
    end
    local found = find(path)
    return named(path, found, call(found, ...))
  end
end
through('read_file', hooks.find)
through('stat', hooks.find)
through('write_file', function(path)
  return hooks.place(path, true)
end)
through('make_dirs', hooks.make_directory)

function host.remove_tree(path)
  hooks.remove(path) -- one that is not there is fine
  return true
end

local realpath, list_dir = host.realpath, host.list_dir
function host.realpath(path)
  if type(path) == 'string' and hooks.find(path) ~= path then
    return host.stat(path) and path or realpath(hooks.find(path))
  end
  return realpath(path)
end

function host.list_dir(path)
  local names = type(path) == 'string' and hooks.names(path)
  if names then
    return names
  elseif type(path) ~= 'string' then
    return list_dir(path)
  end
  local found = hooks.find(path)
  return named(path, found, list_dir(found))
end

return settle, in_thread
