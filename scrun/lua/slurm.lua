--- The `slurm` table as Slurm's own scrun offers it, over functions of the host.
local border, json, host, constants = ...
local select, type, tonumber, tostring, floor = select, type, tonumber, tostring, math.floor

local slurm = { null = border.null, CLUSTER_NAME = host.cluster_name }
for name, value in constants:gmatch '([%w_]+)=(-?%d+)' do
  slurm[name] = tonumber(value)
end

local function text_of(value)
  return value == nil and '(null)' or tostring(value)
end

--- C takes (level, message), the manual says (message, level): by type. Below 0 is dropped.
function slurm.log(...)
  local n = select('#', ...)
  local level, message = select(n > 1 and n - 1 or n, ...)
  if n < 2 then
    level, message = 0, (...)
  elseif type(message) == 'number' and type(level) == 'string' and not tonumber(level) then
    level, message = message, level
  end
  level = floor(tonumber(level) or 0)
  if level >= 0 then
    host.log(level, text_of(message))
  end
end

function slurm.error(...)
  host.log(-1, text_of((select(select('#', ...), ...))))
end

function slurm.user_msg(...)
  host.user_msg(text_of((select(select('#', ...), ...))))
end

--- `log_*` look their function up when called, so that a script may replace `slurm.log`.
local function formatted(call)
  return function(...)
    local n, args = select('#', ...), { ... }
    local ok, text = pcall(string.format, ...)
    if not ok then
      if n ~= 1 or type(args[1]) ~= 'string' then
        error(text, 2)
      end
      text = args[1] -- a lone text with a stray `%`
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

--- Minutes of a time such as `1-12:30`; seconds are rounded up.
function slurm.time_str2mins(...)
  local text = select(select('#', ...), ...)
  text = text ~= nil and tostring(text):lower() or ''
  if infinite[text] then
    return INFINITE
  elseif text:find '[^%d:-]' or not text:find '%d' then
    return INVALID
  end
  local negative = text:match '^%-(%d+)$'
  if negative then -- sscanf reads a negative day of hours; rounding goes towards zero
    local minutes = (-tonumber(negative) * 86400 + 59) / 60
    return minutes < 0 and math.ceil(minutes) or floor(minutes)
  end
  local days, rest = text:match '^(%d+)%-(.*)$'
  rest = rest or text
  local parts = {}
  if rest ~= '' or not days then
    if not (rest .. ':'):find '^%d+:' or (rest .. ':'):find '::' or rest:find '-' then
      return INVALID
    end
    for part in rest:gmatch '%d+' do
      parts[#parts + 1] = tonumber(part)
    end
  end
  if #parts > 3 then
    return INVALID
  end
  local a, b, c = parts[1] or 0, parts[2] or 0, parts[3] or 0
  local seconds
  if days then
    seconds = tonumber(days) * 86400 + a * 3600 + b * 60 + c
  elseif #parts == 3 then
    seconds = a * 3600 + b * 60 + c
  else
    seconds = a * 60 + b
  end
  local minutes = floor((seconds + 59) / 60)
  return minutes < INT32_MAX and minutes or INT32_MAX
end

--- The priority, or no value at all.
function slurm.get_qos_priority(...)
  local name = text_of((select(select('#', ...), ...)))
  local priority = host.qos_priority(name)
  if priority == nil then
    host.log(-1, 'Invalid QOS name: ' .. name)
    return
  end
  return priority
end

local function converter(call, what)
  return function(...)
    local n = select('#', ...)
    local ok, result = pcall(call, n > 0 and select(n, ...) or nil)
    if not ok then
      local text = ('Conversion %s failed: %s'):format(what, tostring(result))
      host.log(-1, text)
      error(text, 2)
    end
    return result
  end
end

local function pretty(value)
  return json.encode(value, { indent = true })
end

slurm.to_json = converter(pretty, 'to application/json')
slurm.from_json = converter(json.decode, 'from application/json')
-- JSON is YAML, and the part of YAML that is read here.
slurm.to_yaml = converter(pretty, 'to application/x-yaml')
slurm.from_yaml = converter(json.decode, 'from application/x-yaml')

--- The last argument is the path, or the script and perhaps a table of options.
local function commander(run)
  return function(script, options)
    if type(script) ~= 'string' and type(script) ~= 'number' then
      error('a command is expected, got ' .. type(script), 2)
    end
    return run(tostring(script), options or {})
  end
end

slurm.allocator_command = commander(host.allocator_command)
slurm.remote_command = commander(host.remote_command)

local function path_setter(set)
  return function(...)
    local path = select(select('#', ...), ...)
    return set(path ~= nil and tostring(path) or nil)
  end
end

slurm.set_bundle_path = path_setter(host.set_bundle_path)
slurm.set_root_path = path_setter(host.set_root_path)

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
