-- Prepares one Lua state for the host; any dialect from 5.1 on. Gets nothing, returns the parts
-- that the Python side keeps. Old names stay where newer dialects dropped them.
local unpack = table.unpack or unpack
local select, type, error, pairs = select, type, error, pairs
local xpcall, rawget, tostring = xpcall, rawget, tostring
local traceback, setmetatable = debug.traceback, setmetatable
local resume, status, create = coroutine.resume, coroutine.status, coroutine.create
-- The caller of a wrapped function, seen from `finish`: only 5.1 counts the tail call between.
local caller_level = _VERSION == 'Lua 5.1' and not jit and 3 or 2
local load_text = loadstring or load
local searchers = package.searchers or package.loaders

python = nil
package.loaded.python = nil

_G.unpack = unpack
_G.loadstring = load_text
table.unpack = unpack
table.pack = table.pack or function(...)
  return { n = select('#', ...), ... }
end
table.getn = table.getn or function(list)
  return #list
end
table.maxn = table.maxn
  or function(list)
    local largest = 0
    for key in pairs(list) do
      if type(key) == 'number' and key > largest then
        largest = key
      end
    end
    return largest
  end
math.pow = math.pow or function(x, y)
  return x ^ y
end
math.mod = math.mod or math.fmod
math.log10 = math.log10 or function(x)
  return math.log(x, 10)
end
string.gfind = string.gfind or string.gmatch
package.searchers = searchers
package.loaders = searchers

-- What an empty table was in JSON, and the order in which the keys of an object came.
local kinds = setmetatable({}, { __mode = 'k' })
local orders = setmetatable({}, { __mode = 'k' })
local null = setmetatable({}, {
  __tostring = function()
    return 'null'
  end,
  __newindex = function()
    error('attempt to set a field of null', 2)
  end,
})

local function explain(message)
  if type(message) == 'table' and rawget(message, 'scrun_error') then
    return message
  end
  if type(message) ~= 'string' then
    local readable, text = pcall(tostring, message)
    message = readable and type(text) == 'string' and text or '(an error that is no text)'
  end
  return { message = message, traceback = traceback(message, 2) }
end

local function call(f, ...)
  local n, args = select('#', ...), { ... }
  return xpcall(function()
    return f(unpack(args, 1, n))
  end, explain)
end

local function settle(thread, ok, ...)
  if ok then
    return true, status(thread) == 'dead', ...
  end
  local message = ...
  if type(message) ~= 'string' then
    message = tostring(message)
  end
  return false, { message = message, traceback = traceback(thread, message) }
end

local function finish(raising, ok, ...)
  if ok then
    return ...
  end
  local message, code = ...
  if raising then
    error(message, caller_level)
  end
  return nil, message, code
end

local parts = {
  call = call,
  kinds = kinds,
  orders = orders,
  null = null,
  searchers = searchers,
}

function parts.create(f)
  return { thread = create(f) }
end

function parts.resume(box, ...)
  return settle(box.thread, resume(box.thread, ...))
end

function parts.wrap(raw, raising)
  return function(...)
    return finish(raising, raw(...))
  end
end

function parts.load(source, name)
  if source:byte(1) == 27 then
    return nil, name:sub(2) .. ': compiled Lua is refused'
  end
  if source:byte(1) == 35 then -- a line for the kernel: "#!"
    source = '--' .. source
  end
  return load_text(source, name)
end

function parts.shape(value)
  if value == null then
    return 'null'
  end
  local n, largest = 0, 0
  for key in pairs(value) do
    n = n + 1
    if type(key) ~= 'number' or key < 1 or key % 1 ~= 0 then
      return 'object'
    end
    if key > largest then
      largest = key
    end
  end
  if n == 0 then
    return kinds[value] or 'array'
  end
  return n == largest and 'array' or 'object'
end

-- `find(name)` gives path, source | nil, why; `first` are names looked up before Lua's own paths.
function parts.add_searcher(find, place)
  local function searcher(name)
    local path, source = find(name)
    if not path then
      return source and ('\n\t' .. source) or nil
    end
    local chunk, why = parts.load(source, '@' .. path)
    if not chunk then
      error(why, 0)
    end
    return chunk, path
  end
  table.insert(searchers, place or #searchers + 1, searcher)
end

return parts
