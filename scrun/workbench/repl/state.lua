--- What the prompt asks of its state: run a chunk and show its values, names to complete, facts
--- about a value. It looks at values without calling anything of theirs.
--- Portable over Lua 5.1 to 5.5 and luajit.
local show = ...

local type, select, next, pairs = type, select, next, pairs
local rawget, rawequal, getmetatable = rawget, rawequal, debug.getmetatable
local getinfo, getlocal, math_type = debug.getinfo, debug.getlocal, rawget(math, 'type')
local find, sub, sort, floor = string.find, string.sub, table.sort, math.floor
local stdout, globals = io.stdout, _G

local MAX_VALUES, MAX_NAMES, MAX_CHAIN = 64, 1000, 32
local flush = stdout.flush

local function show_all(width, ...)
  local count, texts = select('#', ...), {}
  for i = 1, count <= MAX_VALUES and count or MAX_VALUES do
    texts[i] = show((select(i, ...)), width)
  end
  if count > MAX_VALUES then
    texts[MAX_VALUES + 1] = ('... %d more'):format(count - MAX_VALUES)
  end
  return texts
end

--- Calls the chunk; its values as texts, at most `width` columns each.
local function run(chunk, width)
  return show_all(width, chunk())
end

--- Lua's `print` writes by C's buffers, which Python does not know of.
local function flush_output()
  flush(stdout)
end

local function type_of(...)
  local names = {}
  for i = 1, select('#', ...) do
    local value = (select(i, ...))
    names[i] = math_type and math_type(value) or type(value)
  end
  return names
end

--- The types of what the chunk returns; of numbers, from 5.3 on, integer or float.
local function types(chunk)
  return type_of(chunk())
end

--- The next table to look in: that of `__index`, if it is a table.
local function behind(value)
  local meta = getmetatable(value)
  local index = type(meta) == 'table' and rawget(meta, '__index')
  return type(index) == 'table' and index or nil
end

local function field(value, key)
  for _ = 1, MAX_CHAIN do
    if type(value) == 'table' then
      local found = rawget(value, key)
      if found ~= nil then
        return found
      end
    end
    value = behind(value)
    if value == nil then
      return nil
    end
  end
  return nil
end

local function resolve(path)
  local value = globals
  for i = 1, #path do
    value = field(value, path[i])
    if value == nil then
      return nil
    end
  end
  return value
end

--- Names of fields that begin with `prefix`, sorted; each after it its type. `methods`: functions.
local function names(path, prefix, methods)
  local value, found, seen = resolve(path), {}, {}
  for _ = 1, MAX_CHAIN do
    if type(value) == 'table' then
      for key, item in next, value do
        local fits = type(key) == 'string' and sub(key, 1, #prefix) == prefix
        if fits and not seen[key] and find(key, '^[%a_][%w_]*$') and #found < MAX_NAMES then
          seen[key] = type(item)
          if not methods or seen[key] == 'function' then
            found[#found + 1] = key
          end
        end
      end
    end
    value = value ~= nil and behind(value)
    if not value then
      break
    end
  end
  sort(found)
  local answer = {}
  for i = 1, #found do
    answer[2 * i - 1], answer[2 * i] = found[i], seen[found[i]]
  end
  return answer
end

local function parameters(value)
  local info = getinfo(value, 'u')
  if not info.nparams then -- Lua 5.1
    return nil
  end
  local list = {}
  for i = 1, info.nparams do
    list[i] = getlocal(value, i) or '?'
  end
  if info.isvararg then
    list[#list + 1] = '...'
  end
  return table.concat(list, ', ')
end

--- The dotted name by which a function is in a table of the standard library or in `slurm`.
local function name_of(value)
  for _, home in pairs { 'slurm', 'string', 'table', 'math', 'io', 'os', 'debug', 'coroutine' } do
    local module = rawget(globals, home)
    for key, item in next, type(module) == 'table' and module or {} do
      if rawequal(item, value) and type(key) == 'string' then
        return home .. '.' .. key
      end
    end
  end
end

--- Facts about the value at a path: nil when there is none.
local function describe(path, width)
  local value = resolve(path)
  if value == nil then
    return nil
  end
  local facts = { type = type(value) }
  if facts.type ~= 'function' then
    facts.shown = show(value, width)
    return facts
  end
  facts.name = name_of(value)
  local info = getinfo(value, 'S')
  if info.what ~= 'C' and sub(info.source, 1, 7) ~= '=[host]' then
    facts.parameters = parameters(value)
    facts.line = floor(info.linedefined)
    if sub(info.source, 1, 1) == '@' then
      facts.file = sub(info.source, 2)
    end
  end
  return facts
end

return {
  describe = describe,
  flush = flush_output,
  names = names,
  run = run,
  types = types,
}
