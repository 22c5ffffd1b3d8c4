--- The `slurm` table as Slurm's own scrun offers it, over functions of the host.
local border, host, constants = ...
local select, type, tonumber, tostring = select, type, tonumber, tostring
local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min

local slurm = type(constants) == 'table' and constants or {} -- `lua test` has compiled them
slurm.null, slurm.CLUSTER_NAME = border.null, host.cluster_name
if slurm ~= constants then
  for name, value in constants:gmatch '([%w_]+)=(-?%d+)' do
    slurm[name] = tonumber(value)
  end
end

local last = border.last

local function text_of(value)
  return value == nil and '(null)' or tostring(value)
end

--- C takes (level, message), the manual says (message, level): by type. Below 0 is dropped.
function slurm.log(...)
  local n = select('#', ...)
  local level, message = 0, last(...)
  if n > 1 then
    level = select(n - 1, ...)
    if type(message) == 'number' and type(level) == 'string' then
      level, message = message, level
    end
  end
  level = tonumber(level) or 0
  if level > -1 then -- what is behind the point is cut off
    host.log(level < 9 and floor(level > 0 and level or 0) or 9, text_of(message))
  end
end

function slurm.error(...)
  host.log(-1, text_of(last(...)))
end

function slurm.user_msg(...)
  host.user_msg(text_of(last(...)))
end

--- `log_*` look their function up when called, so that a script may replace `slurm.log`.
local function formatted(call)
  return function(...)
    local ok, text = pcall(string.format, ...)
    if not ok then
      local only = last(...)
      if select('#', ...) ~= 1 or type(only) ~= 'string' then
        error(text, 2)
      end
      text = only -- a lone text with a stray `%`
    end
    call(text)
  end
end

slurm.log_error = formatted(function(text)
  _G.slurm.error(text)
end)
slurm.log_user = formatted(function(text)
  _G.slurm.user_msg(text)
end)
local levels = { info = 0, verbose = 1, debug = 2, debug2 = 3, debug3 = 4, debug4 = 5 }
for name, level in pairs(levels) do
  slurm['log_' .. name] = formatted(function(text)
    _G.slurm.log(level, text)
  end)
end

local INFINITE, INVALID, INT32_MAX = -1, -2, 2147483647
local infinite = { ['-1'] = true, infinite = true, unlimited = true }

--- Minutes of seconds as C rounds them: up, and below zero towards zero.
local function minutes_of(seconds)
  local minutes = (seconds + 59) / 60
  minutes = minutes < 0 and ceil(minutes) or floor(minutes)
  return max(-INT32_MAX, min(minutes, INT32_MAX))
end

--- Minutes of a time such as `1-12:30`; seconds are rounded up.
function slurm.time_str2mins(...)
  local text = text_of(last(...)):lower()
  if infinite[text] then
    return INFINITE
  elseif text:find '[^%d:-]' or not text:find '%d' then
    return INVALID
  end
  local negative = text:match '^%-(%d+)$'
  if negative then -- sscanf reads a negative day of hours
    return minutes_of(-tonumber(negative) * 86400.0)
  end
  local days, rest = text:match '^(%d+)%-(.*)$'
  rest = rest or text
  local parts = {}
  if rest ~= '' or not days then
    if not (rest .. ':'):find '^%d+:' or (rest .. ':'):find '::' or rest:find '-' then
      return INVALID
    end
    for part in rest:gmatch '%d+' do
      parts[#parts + 1] = tonumber(part) * 1.0 -- no overflow of integers
    end
  end
  if #parts > 3 then
    return INVALID
  end
  local a, b, c = parts[1] or 0, parts[2] or 0, parts[3] or 0
  if days then
    return minutes_of(tonumber(days) * 86400.0 + a * 3600 + b * 60 + c)
  elseif #parts == 3 then
    return minutes_of(a * 3600 + b * 60 + c)
  end
  return minutes_of(a * 60 + b)
end

--- The priority, or no value at all.
function slurm.get_qos_priority(...)
  local name = text_of(last(...))
  local priority = host.qos_priority(name)
  if priority == nil then
    host.log(-1, 'Invalid QOS name: ' .. name)
    return
  end
  return priority
end

local function converter(call, what)
  return function(...)
    local ok, result = pcall(call, last(...))
    if not ok then
      local text = ('Conversion %s failed: %s'):format(what, tostring(result))
      host.log(-1, text)
      error(text, 2)
    end
    return result
  end
end

local function pretty(value)
  return border.get_json().encode(value, { indent = true })
end

local function read_json(text)
  return border.get_json().decode(text)
end

--- JSON is YAML and comes back as JSON would; other YAML is the host's to read.
local function read_yaml(text)
  if type(text) ~= 'string' and type(text) ~= 'number' then
    error('a string is expected, got ' .. type(text), 0)
  end
  local ok, value = pcall(read_json, text)
  if ok then
    return value
  end
  local message
  value, message = host.read_yaml(tostring(text))
  if message then
    error(message, 0)
  end
  return value
end

slurm.to_json = converter(pretty, 'to application/json')
slurm.from_json = converter(read_json, 'from application/json')
slurm.to_yaml = converter(pretty, 'to application/x-yaml')
slurm.from_yaml = converter(read_yaml, 'from application/x-yaml')

--- The last argument is the script, or a table of options and the one before it the script.
local function commander(run)
  return function(...)
    local n, script, options = select('#', ...), last(...), nil
    if type(script) == 'table' and n > 1 then
      script, options = select(n - 1, ...)
    end
    if type(script) ~= 'string' and type(script) ~= 'number' then
      error('a command is expected, got ' .. type(script), 2)
    end
    return run(tostring(script), options)
  end
end

slurm.allocator_command = commander(host.allocator_command)
slurm.remote_command = commander(host.remote_command)

local function path_setter(set)
  return function(...)
    local path = last(...)
    return set(path ~= nil and tostring(path) or nil)
  end
end

slurm.set_bundle_path = path_setter(host.set_bundle_path)
slurm.set_root_path = path_setter(host.set_root_path)

--- The program that runs the script has more to do: it would leave a job and files behind.
function os.exit() -- luacheck: ignore 122
  error('os.exit would end scrun itself: return slurm.ERROR, or call error()', 2)
end

--- For `xpcall`, as Slurm has it since 25.11: logs the traceback, answers with the message.
function _G.slurm_backtrace_on_error(message)
  host.log(2, debug.traceback(text_of(message), 2))
  return message
end

_G.slurm = slurm

--- `job_env` counts from 1; index 0 is the first entry too, as Slurm's C code counts.
return function(job_env)
  return setmetatable(job_env, {
    __jsontype = 'array',
    __index = function(list, key)
      return key == 0 and rawget(list, 1) or nil
    end,
  })
end
