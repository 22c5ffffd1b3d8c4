--- `io.popen` for the Lua versions that lupa builds without it. The command runs to its end before
--- it is read, or when it is closed if it is written to; `run` is the host's.
-- luacheck: globals io os
-- And `os.execute`, which tells waitpid's status there (768 for `exit 3`), as POSIX has it.
local run = ...
local io, os, type, tostring, error, select = io, os, type, tostring, error, select
local io_type, io_close = io.type, io.close
local old = _VERSION == 'Lua 5.1' -- where close tells nothing of the status

local Pipe = {}
Pipe.__index = Pipe
Pipe.__name = 'FILE*'

function Pipe:__tostring()
  return self.file and 'file (popen)' or 'file (closed)'
end

local function check(pipe)
  if not pipe.file then
    error('attempt to use a closed file', 3)
  end
  return pipe.file
end

local function exit_of(status)
  if old then
    return true
  elseif status == 0 then
    return true, 'exit', 0
  elseif status > 128 then
    return nil, 'signal', status - 128
  end
  return nil, 'exit', status
end

function Pipe:read(...)
  return check(self):read(...)
end

function Pipe:lines(...)
  return check(self):lines(...)
end

function Pipe:write(...)
  check(self):write(...)
  return self
end

function Pipe:seek()
  check(self)
  return nil, 'Illegal seek', 29
end

function Pipe:flush()
  check(self)
  return self
end

function Pipe:setvbuf()
  check(self)
  return true
end

function Pipe:close()
  local file = check(self)
  local status = self.status
  if not status then -- it was written to
    file:seek 'set'
    status = run(self.command, file:read '*a' or '')
  end
  file:close()
  self.file = nil
  return exit_of(status)
end

Pipe.__close = function(pipe)
  if pipe.file then
    pipe:close()
  end
end

function io.popen(command, mode)
  if type(command) ~= 'string' and type(command) ~= 'number' then
    local text = "bad argument #1 to 'popen' (string expected, got %s)"
    error(text:format(command == nil and 'no value' or type(command)), 2)
  end
  mode = mode or 'r'
  if mode ~= 'r' and mode ~= 'w' then
    error("bad argument #2 to 'popen' (invalid mode)", 2)
  end
  local pipe = { command = tostring(command), file = io.tmpfile() }
  if mode == 'r' then
    local status, output = run(pipe.command)
    pipe.file:write(output)
    pipe.file:seek 'set'
    pipe.status = status
  end
  return setmetatable(pipe, Pipe)
end

if not old then -- whose status is waitpid's everywhere
  local execute = os.execute
  function os.execute(...)
    local ok, how, status = execute(...)
    if how == 'exit' and status ~= 0 then
      local signal = status % 128
      if signal ~= 0 then
        return nil, 'signal', signal
      end
      return nil, 'exit', math.floor(status / 256)
    end
    return ok, how, status
  end
end

function io.type(value)
  if getmetatable(value) == Pipe then
    return value.file and 'file' or 'closed file'
  end
  return io_type(value)
end

function io.close(...)
  if select('#', ...) > 0 and getmetatable((...)) == Pipe then
    return (...):close()
  end
  return io_close(...)
end
