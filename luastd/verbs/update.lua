--- `update`: change what limits a container.
---
--- On a node that is its job, of which Slurm lets a user change the time limit alone while it runs,
--- and that downwards. So what is asked for and not so already is refused, by its name, and nothing
--- is changed then. Without Slurm the runtime is asked, if it made a cgroup.
---
--- Not asked for is: what has no value (engines send all members, empty ones too), what config.json
--- says as well (podman sends all that was ever asked for), and no limit (-1), since the job's own
--- is none of config.json's. Device rules are no part of an update, as in runc.
--- Source: runc-update(8), crun(1); OCI runtime-spec, config-linux.md, "Control groups";
--- scontrol(1), "update"; Slurm 24.11 says of CPUs and memory "Job is no longer pending execution".
---@class scrun.verbs.update
local M = {}
local host = require 'host'
local json = require 'scrun.json'

local FIXED = 'Slurm does not change it while the job runs'
local WEIGHT = 'a job has no weight against others on its node'

--- Override point: why Slurm does not do it, by the resource's name or its section's.
---@type table<string, string>
M.reasons = {
  ['memory'] = FIXED .. ', ask at creation: annotation slurm.job.mem',
  ['cpu'] = FIXED .. ', ask at creation: annotation slurm.job.cpus-per-task',
  ['cpu.shares'] = WEIGHT,
  ['cpu.idle'] = WEIGHT,
  ['blockIO.weight'] = WEIGHT,
}

local OTHER_REASON = 'a job has no such limit'
local IGNORED = { devices = true, ['memory.checkBeforeUpdate'] = true, ['cpu.period'] = true }
IGNORED['memory.kernel'], IGNORED['memory.kernelTCP'] = true, true -- obsolete: runc ignores both

local UNITS = { [''] = 1, k = 1 << 10, m = 1 << 20, g = 1 << 30, t = 1 << 40, p = 1 << 50 }

--- Where an option's value goes in `linux.resources`.
local OPTIONS = {
  blkio_weight = { 'blockIO', 'weight' },
  cpu_burst = { 'cpu', 'burst' },
  cpu_idle = { 'cpu', 'idle' },
  cpu_period = { 'cpu', 'period' },
  cpu_quota = { 'cpu', 'quota' },
  cpu_rt_period = { 'cpu', 'realtimePeriod' },
  cpu_rt_runtime = { 'cpu', 'realtimeRuntime' },
  cpu_share = { 'cpu', 'shares' },
  cpuset_cpus = { 'cpu', 'cpus' },
  cpuset_mems = { 'cpu', 'mems' },
  l3_cache_schema = { 'intelRdt', 'l3CacheSchema' },
  mem_bw_schema = { 'intelRdt', 'memBwSchema' },
  memory = { 'memory', 'limit' },
  memory_reservation = { 'memory', 'reservation' },
  memory_swap = { 'memory', 'swap' },
  pids_limit = { 'pids', 'limit' },
}
local TEXTS = { cpus = true, mems = true, l3CacheSchema = true, memBwSchema = true }

---@param text string
---@param section string
---@return integer? value
local function read_number(text, section)
  local sign, digits, unit = text:lower():match '^(-?)(%d+)([kmgtp]?)i?b?$'
  if not digits or (section ~= 'memory' and not text:match '^-?%d+$') then
    return nil
  end
  local value = math.tointeger(tonumber(digits))
  return value and value * UNITS[unit] * (sign == '-' and -1 or 1)
end

--- The resources that a command line asks for.
---@param request table<string, string>
---@return table? resources
---@return string? errmsg
---@return string? code
local function from_options(request)
  local resources = {}
  for option, place in pairs(OPTIONS) do
    local given = request[option]
    if given then
      local section, name = table.unpack(place)
      local value = TEXTS[name] and given or read_number(given, section)
      if not value then
        local spelt = '--' .. option:gsub('_', '-')
        return nil, ('update %s: "%s" is no number'):format(spelt, given), 'EINVAL'
      end
      resources[section] = resources[section] or json.object {}
      resources[section][name] = value
    end
  end
  return json.object(resources)
end

---@param request table<string, string>
---@return table? resources
---@return string? errmsg
---@return string? code
local function read(request)
  if not request.document then
    return from_options(request)
  end
  local ok, resources = pcall(json.decode, request.document)
  if not ok or type(resources) ~= 'table' then
    local reason = ok and 'expected an object' or tostring(resources)
    return nil, 'update --resources: ' .. reason, 'EINVAL'
  end
  return resources
end

---@param value any
---@return boolean
local function is_empty(value)
  return value == json.null
    or value == 0
    or value == ''
    or value == false
    or (type(value) == 'table' and next(value) == nil)
end

--- The members by name, such as `memory.limit`; lists and what is deeper as JSON.
---@param resources table
---@return table<string, any>
local function flatten(resources)
  local flat = {}
  for section, members in pairs(resources) do
    if type(members) ~= 'table' or #members > 0 then
      flat[section] = type(members) == 'table' and json.encode(members) or members
    else
      for name, value in pairs(members) do
        if not is_empty(value) then
          local full = section .. '.' .. name
          flat[full] = type(value) == 'table' and json.encode(value) or value
        end
      end
    end
  end
  return flat
end

---@param name string
---@return number? value of a variable of the job
local function job_number(name)
  for _, entry in ipairs(host.job_variables()) do
    local value = entry:match('^' .. name .. '=(%d+)')
    if value then
      return tonumber(value)
    end
  end
end

--- Override point: tells whether the container's limits are what is asked for.
---@param name string such as `memory.limit`
---@param value any
---@param asked table<string, any> all that is asked for, by name
---@param submitted table<string, any> what config.json says, by name
---@return boolean
function M.is_so(name, value, asked, submitted)
  if IGNORED[name] or is_empty(value) or value == -1 or value == submitted[name] then
    return true
  elseif name == 'memory.limit' then
    return value == (job_number 'SLURM_MEM_PER_NODE' or 0) << 20
  elseif name == 'cpu.quota' then
    local period = asked['cpu.period'] or submitted['cpu.period'] or 100000
    return value == (job_number 'SLURM_JOB_CPUS_PER_NODE' or 0) * period
  end
  return false
end

---@param asked table<string, any>
---@return string[] names of what is not so, sorted
local function find_changes(asked)
  local linux = host.config().linux
  local submitted = flatten(type(linux) == 'table' and linux.resources or {})
  local changes = {}
  for name, value in pairs(asked) do
    if not M.is_so(name, value, asked, submitted) then
      changes[#changes + 1] = name
    end
  end
  table.sort(changes)
  return changes
end

--- Override point: changes limits.
---@param container scrun.Container
---@param resources table
---@return true? ok
---@return string? errmsg
---@return string? code
function M.limit(container, resources) -- luacheck: ignore 212
  local asked = flatten(resources)
  if next(asked) == nil then
    return true
  end
  local ok, errmsg, code = host.update_limits(json.encode(resources))
  if ok or (code ~= 'JOB_LIMITS' and code ~= 'NO_CGROUPS') then
    return ok, errmsg, code
  end
  local refused = {}
  for _, name in ipairs(find_changes(asked)) do
    local reason = errmsg
    if code == 'JOB_LIMITS' then
      reason = M.reasons[name] or M.reasons[name:match '^[^.]*'] or OTHER_REASON
    end
    refused[#refused + 1] = ('%s: %s'):format(name, reason)
  end
  if refused[1] then
    return nil, table.concat(refused, '; '), 'NOT_UPDATED'
  end
  return true
end

--- Override point: changes the job's time limit.
---@param time string as scontrol(1) reads it
---@return true? ok
---@return string? errmsg
---@return string? code
function M.change_time(time)
  local ok, errmsg, code = host.update_job { TimeLimit = time }
  if not ok and errmsg:find('denied', 1, true) then
    errmsg = 'Slurm lets a user only shorten it: ' .. errmsg
  end
  return ok, errmsg and 'time: ' .. errmsg, code
end

--- Runs the verb.
---@param container scrun.Container
---@param request table<string, string> options; `document`: the text of `--resources`
---@return true? ok
---@return string? errmsg
---@return string? code
function M.run(container, request)
  if container.status == 'creating' then
    return nil, ('cannot update container "%s": it is creating'):format(container.id), 'BAD_STATE'
  end
  local resources, errmsg, code = read(request)
  local ok
  if not resources then
    return nil, errmsg, code
  end
  ok, errmsg, code = M.limit(container, resources)
  if ok and request.time then
    ok, errmsg, code = M.change_time(request.time)
  end
  if not ok then
    return nil, ('update container "%s": %s'):format(container.id, errmsg), code
  end
  return true
end

return M
