--- Names of older dialects in the newer ones, and `table.unpack`, `table.pack` and
--- `load(string)` in Lua 5.1: a script written for one dialect runs under another.
-- luacheck: std max
local G = _G

G.unpack = G.unpack or table.unpack
table.unpack = table.unpack or G.unpack
table.pack = table.pack
  or function(...)
    return { n = select('#', ...), ... }
  end

if _VERSION == 'Lua 5.1' and not pcall(load, '') then
  local load_reader = load
  function G.load(chunk, name, _, env)
    local f, message
    if type(chunk) == 'string' then
      f, message = loadstring(chunk, name)
    else
      f, message = load_reader(chunk, name)
    end
    if f and env then
      setfenv(f, env)
    end
    return f, message
  end
end
G.loadstring = G.loadstring or function(text, name)
  return load(text, name)
end

table.getn = table.getn or function(t)
  return #t
end
table.maxn = table.maxn
  or function(t)
    local highest = 0
    for key in pairs(t) do
      if type(key) == 'number' and key > highest then
        highest = key
      end
    end
    return highest
  end
table.foreach = table.foreach
  or function(t, f)
    for key, value in pairs(t) do
      local result = f(key, value)
      if result ~= nil then
        return result
      end
    end
  end
table.foreachi = table.foreachi
  or function(t, f)
    for i = 1, #t do
      local result = f(i, t[i])
      if result ~= nil then
        return result
      end
    end
  end

string.gfind = string.gfind or string.gmatch
package.loaders = package.loaders or package.searchers
package.searchers = package.searchers or package.loaders

math.mod = math.mod or math.fmod
math.pow = math.pow or function(x, y)
  return x ^ y
end
math.log10 = math.log10 or function(x)
  return math.log(x, 10)
end
math.cosh = math.cosh
  or function(x)
    return (math.exp(x) + math.exp(-x)) / 2
  end
math.sinh = math.sinh
  or function(x)
    return (math.exp(x) - math.exp(-x)) / 2
  end
math.tanh = math.tanh
  or function(x)
    return 1 - 2 / (math.exp(2 * x) + 1)
  end
math.ldexp = math.ldexp or function(m, e)
  return m * 2.0 ^ e
end
math.frexp = math.frexp
  or function(x)
    if x == 0 or x ~= x or x == math.huge or x == -math.huge then
      return x, 0
    end
    local e = math.floor(math.log(math.abs(x), 2)) + 1
    local m = x / 2.0 ^ e
    if math.abs(m) >= 1 then
      m, e = m / 2, e + 1
    elseif math.abs(m) < 0.5 then
      m, e = m * 2, e - 1
    end
    return m, e
  end

if not G.setfenv then
  local function function_at(f)
    if type(f) == 'function' then
      return f
    end
    return debug.getinfo((f or 1) + 2, 'f').func
  end
  local function env_slot(f)
    local i, name = 0
    repeat
      i = i + 1
      name = debug.getupvalue(f, i)
    until name == '_ENV' or not name
    return name and i
  end
  function G.getfenv(f)
    if f == 0 then
      return G
    end
    f = function_at(f)
    local slot = env_slot(f)
    local _, env = nil, nil
    if slot then
      _, env = debug.getupvalue(f, slot)
    end
    return env or G
  end
  function G.setfenv(f, env)
    f = function_at(f)
    local slot = env_slot(f)
    if slot then
      debug.upvaluejoin(f, slot, function()
        return env
      end, 1)
    end
    return f
  end
end

if not G.module then
  function package.seeall(m)
    setmetatable(m, { __index = G })
  end
  function G.module(name, ...)
    local m = package.loaded[name]
    if type(m) ~= 'table' then
      m = {}
      package.loaded[name] = m
      G[name] = G[name] or m
    end
    m._M, m._NAME, m._PACKAGE = m, name, name:match('^(.*%.)') or ''
    for i = 1, select('#', ...) do
      select(i, ...)(m)
    end
    G.setfenv(debug.getinfo(2, 'f').func, m)
    return m
  end
end

if not G.bit32 and _VERSION ~= 'Lua 5.1' and _VERSION ~= 'Lua 5.2' then
  -- The operators are no syntax in the older dialects, which must compile this file too.
  G.bit32 = load([[
    local function u(x) return math.floor(x) & 0xFFFFFFFF end
    local function fold(op, start)
      return function(...)
        local r = start
        for i = 1, select('#', ...) do r = op(r, u((select(i, ...)))) end
        return r
      end
    end
    local b = {}
    b.band = fold(function(x, y) return x & y end, 0xFFFFFFFF)
    b.bor = fold(function(x, y) return x | y end, 0)
    b.bxor = fold(function(x, y) return x ~ y end, 0)
    function b.bnot(x) return u(~u(x)) end
    function b.btest(...) return b.band(...) ~= 0 end
    function b.lshift(x, n) return n < 0 and b.rshift(x, -n) or n > 31 and 0 or u(u(x) << n) end
    function b.rshift(x, n) return n < 0 and b.lshift(x, -n) or n > 31 and 0 or u(x) >> n end
    function b.arshift(x, n)
      x = u(x)
      if n < 0 or x < 0x80000000 then return b.rshift(x, n) end
      if n > 31 then return 0xFFFFFFFF end
      return u((x >> n) | ~(0xFFFFFFFF >> n))
    end
    function b.lrotate(x, n) n = n % 32; x = u(x); return u((x << n) | (x >> (32 - n))) end
    function b.rrotate(x, n) return b.lrotate(x, -n) end
    function b.extract(x, f, w) return (u(x) >> f) & ((1 << (w or 1)) - 1) end
    function b.replace(x, v, f, w)
      local m = (1 << (w or 1)) - 1
      return u((u(x) & ~(m << f)) | ((v & m) << f))
    end
    return b
  ]], '=[host]')()
  package.loaded.bit32 = G.bit32
end
