--- The module `host` for specs: real files and commands by io and os, every call noted. A test
--- puts a function of its own in the place of one; `reset` takes it away again.
local M = {}
local real = {}
local noted = {}

local KIND = {
  ['regular file'] = 'file',
  ['regular empty file'] = 'file',
  ['directory'] = 'directory',
  ['symbolic link'] = 'link',
  ['socket'] = 'socket',
  ['character special file'] = 'char',
}

local function quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

function real.run(argv)
  local words = {}
  for at, word in ipairs(argv) do
    words[at] = quote(word)
  end
  -- Not io.popen, which some builds of Lua lack.
  local path = os.tmpname()
  os.execute(('{ %s; } >%s 2>&1 </dev/null; printf "\\n%%d" $? >>%s'):format(
    table.concat(words, ' '),
    path,
    path
  ))
  local file = io.open(path, 'rb')
  local text = file:read '*a'
  file:close()
  os.remove(path)
  local output, status = text:match '^(.*)\n(%d+)$'
  return tonumber(status), output
end

real.run_remote = real.run
real.getenv = os.getenv

function real.read_file(path)
  local file, errmsg = io.open(path, 'rb')
  if not file then
    return nil, errmsg, 'ENOENT'
  end
  local data = file:read '*a'
  file:close()
  return data
end

function real.write_file(path, data, mode)
  local file, errmsg = io.open(path, 'wb')
  if not file then
    return nil, errmsg, 'ENOENT'
  end
  file:write(data)
  file:close()
  if mode then -- the default needs a process more, and no spec looks at it
    real.run { 'chmod', ('%o'):format(mode), path }
  end
  return true
end

function real.make_dirs(path, mode)
  local status, output = real.run { 'mkdir', '-p', '-m', ('%o'):format(mode or 448), '--', path }
  if status ~= 0 then
    return nil, output, 'EACCES'
  end
  return true
end

function real.remove_tree(path)
  real.run { 'rm', '-rf', '--', path }
  return true
end

function real.stat(path)
  local status, output = real.run { 'stat', '-L', '-c', '%F|%s|%a|%u|%g|%Y', '--', path }
  if status ~= 0 then
    return nil, output, 'ENOENT'
  end
  local kind, size, mode, uid, gid, mtime = output:match '^([^|]+)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)'
  return {
    type = KIND[kind],
    size = tonumber(size),
    mode = tonumber(mode, 8),
    uid = tonumber(uid),
    gid = tonumber(gid),
    mtime = tonumber(mtime),
  }
end

--- Starts anew: all functions real, no calls noted.
function M.reset()
  noted = {}
  for name in pairs(real) do
    M.replace(name, real[name])
  end
end

--- Puts a function in the place of one of host's; its calls are noted too.
function M.replace(name, body)
  M[name] = function(...)
    noted[#noted + 1] = { name = name, ... }
    return body(...)
  end
end

--- The first arguments of the calls of one function, in order.
function M.calls(name)
  local found = {}
  for _, call in ipairs(noted) do
    if call.name == name then
      found[#found + 1] = call[1]
    end
  end
  return found
end

M.reset()
return M
