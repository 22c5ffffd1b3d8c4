--- `events`: what a container uses, one line of JSON a time.
---
--- The numbers are those of the container's own cgroup on its node, which Slurm makes for a step
--- where it constrains or counts something. What no cgroup counts is summed up from /proc: memory
--- is then resident memory, pages that processes share counted for each. How many processes were
--- killed for want of memory is among the raw numbers of memory, as `oom_kill`: who listens makes
--- events of it (scrun/hot/events.py).
--- Source: runc-events(8), "stats"; kernel, cgroup-v1 and cgroup-v2; proc(5).
---@class scrun.verbs.events
local M = {}
local host = require 'host'
local json = require 'scrun.json'

local UNLIMITED = 2.0 ^ 64 -- written as 2^64 - 1, as runc does for "max"
local NS_PER_S, MIB = 1000000000, 1048576

--- What the nodes have told: files by their name, the rows of processes apart.
---@param text string
---@return table<string, string[]>[] lines by file, of each node
function M.read(text)
  local nodes, current = {}, {}
  for line in text:gmatch '[^\n]+' do
    local name = line:match '^@(.*)'
    if name == 'begin' then
      nodes[#nodes + 1] = {}
    elseif name then
      current = {}
      nodes[#nodes][name] = nodes[#nodes][name] or current
    else
      table.insert(current, line)
    end
  end
  return nodes
end

---@param lines? string[]
---@return integer? value the first number
local function number(lines)
  local word = lines and lines[1]
  if word == 'max' then
    return UNLIMITED
  end
  return word and math.tointeger(tonumber(word)) or nil
end

---@param lines? string[] `name value`
---@return table<string, integer> values
local function pairs_of(lines)
  local values = {}
  for _, line in ipairs(lines or {}) do
    local name, value = line:match '^(%S+) (%d+)$'
    if name then
      values[name] = math.tointeger(tonumber(value))
    end
  end
  return values
end

---@param files table<string, string[]>
---@return table<string, integer> sum user and kernel in nanoseconds, memory, read, written in bytes
local function sum_processes(files)
  local node = pairs_of(files.node)
  local sum = { user = 0, kernel = 0, threads = 0, memory = 0, read = 0, written = 0 }
  for _, line in ipairs(files.processes or {}) do
    local row = {}
    for word in line:gmatch '%d+' do
      row[#row + 1] = math.tointeger(tonumber(word))
    end
    if #row == 8 then -- its own time, and that of its children that have ended
      sum.user, sum.kernel = sum.user + row[1] + row[3], sum.kernel + row[2] + row[4]
      sum.threads, sum.memory = sum.threads + row[5], sum.memory + row[6]
      sum.read, sum.written = sum.read + row[7], sum.written + row[8]
    end
  end
  local tick_ns = NS_PER_S // (node.ticks or 100)
  sum.user, sum.kernel = sum.user * tick_ns, sum.kernel * tick_ns
  sum.memory = sum.memory * (node.page or 4096)
  return sum
end

---@param files table<string, string[]>
---@param sum table
---@return table
local function cpu(files, sum)
  local old, new = pairs_of(files['cpuacct.stat']), pairs_of(files['cpu.stat'])
  local usage = { total = sum.user + sum.kernel, kernel = sum.kernel, user = sum.user }
  local total = number(files['cpuacct.usage'])
  if total then
    local tick_ns = NS_PER_S // (pairs_of(files.node).ticks or 100)
    usage = {
      total = total,
      percpu = {},
      kernel = (old.system or 0) * tick_ns,
      user = (old.user or 0) * tick_ns,
    }
    for word in ((files['cpuacct.usage_percpu'] or {})[1] or ''):gmatch '%d+' do
      usage.percpu[#usage.percpu + 1] = math.tointeger(tonumber(word))
    end
  elseif new.usage_usec then
    usage = {
      total = new.usage_usec * 1000,
      kernel = (new.system_usec or 0) * 1000,
      user = (new.user_usec or 0) * 1000,
    }
  end
  local throttling = json.object {}
  if (new.nr_periods or 0) > 0 then
    throttling.periods, throttling.throttledPeriods = new.nr_periods, new.nr_throttled
    throttling.throttledTime = new.throttled_time or (new.throttled_usec or 0) * 1000
  end
  return { usage = usage, throttling = throttling }
end

---@param lines? string[] of memory.events, or of several memory.oom_control
---@return integer? kills for want of memory; nil: nobody counts them
local function count_kills(lines)
  local sum
  for _, line in ipairs(lines or {}) do
    local count = line:match '^oom_kill (%d+)$'
    if count then
      sum = (sum or 0) + math.tointeger(tonumber(count))
    end
  end
  return sum
end

--- The job's memory on a node, as Slurm was asked for it.
---@return integer? bytes
local function job_memory()
  for _, entry in ipairs(host.job_variables()) do
    local mib = entry:match '^SLURM_MEM_PER_NODE=(%d+)$'
    if mib and mib ~= '0' then -- 0: all that the node has
      return math.tointeger(tonumber(mib)) * MIB
    end
  end
end

---@param files table<string, string[]>
---@param sum table
---@return table
local function memory(files, sum)
  local raw = pairs_of(files['memory.stat'])
  raw.oom_kill = count_kills(files['memory.events'])
  local used = number(files['memory.usage_in_bytes']) or number(files['memory.current'])
  local limit = number(files['memory.limit_in_bytes']) or number(files['memory.max'])
  local node = (pairs_of(files.node).memory or 0) * 1024
  local peak = number(files['memory.max_usage_in_bytes']) or number(files['memory.peak'])
  local swap = { limit = number(files['memory.swap.max']) or 0, failcnt = 0 }
  swap.usage = number(files['memory.swap.current'])
  return {
    cache = raw.total_cache or raw.cache or raw.file,
    usage = {
      usage = used or sum.memory,
      max = peak,
      limit = limit or job_memory() or node,
      failcnt = number(files['memory.failcnt']) or 0,
    },
    swap = swap,
    kernel = { limit = 0, failcnt = 0 },
    kernelTCP = { limit = 0, failcnt = 0 },
    raw = json.object(raw),
  }
end

---@param lines string[] `MAJOR:MINOR Read N`
---@return table[]
local function entries_v1(lines)
  local entries = {}
  for _, line in ipairs(lines) do
    local major, minor, op, value = line:match '^(%d+):(%d+) (%a+) (%d+)$'
    if major then
      entries[#entries + 1] = {
        major = math.tointeger(tonumber(major)),
        minor = math.tointeger(tonumber(minor)),
        op = op,
        value = math.tointeger(tonumber(value)),
      }
    end
  end
  return entries
end

---@param lines string[] `MAJOR:MINOR rbytes=N wbytes=N rios=N wios=N …`
---@param members table<string, string> op by the file's word
---@return table[]
local function entries_v2(lines, members)
  local entries = {}
  for _, line in ipairs(lines) do
    local major, minor = line:match '^(%d+):(%d+) '
    for word, value in line:gmatch '(%a+)=(%d+)' do
      if major and members[word] then
        entries[#entries + 1] = {
          major = math.tointeger(tonumber(major)),
          minor = math.tointeger(tonumber(minor)),
          op = members[word],
          value = math.tointeger(tonumber(value)),
        }
      end
    end
  end
  return entries
end

---@param files table<string, string[]>
---@param sum table
---@return table
local function block_io(files, sum)
  local bytes = files['blkio.throttle.io_service_bytes_recursive']
  if bytes then
    local count = files['blkio.throttle.io_serviced_recursive'] or {}
    return {
      ioServiceBytesRecursive = entries_v1(bytes),
      ioServicedRecursive = entries_v1(count),
    }
  elseif files['io.stat'] then
    local lines = files['io.stat']
    return {
      ioServiceBytesRecursive = entries_v2(lines, { rbytes = 'Read', wbytes = 'Write' }),
      ioServicedRecursive = entries_v2(lines, { rios = 'Read', wios = 'Write' }),
    }
  end
  return { -- of all devices together: they have no numbers here
    ioServiceBytesRecursive = {
      { op = 'Read', value = sum.read },
      { op = 'Write', value = sum.written },
    },
  }
end

---@param files table<string, string[]>
---@param sum table
---@return table
local function processes(files, sum)
  local limit = number(files['pids.max'])
  return {
    current = number(files['pids.current']) or sum.threads,
    limit = limit ~= UNLIMITED and limit or nil,
  }
end

--- Override point: the member `data` of an event.
---@param files table<string, string[]> lines by file, see `read`; none before it runs
---@return table
function M.data(files)
  local sum = sum_processes(files)
  return {
    cpu = cpu(files, sum),
    memory = memory(files, sum),
    pids = processes(files, sum),
    blkio = block_io(files, sum),
    hugetlb = json.object {},
    network_interfaces = json.null,
  }
end

--- Adds up what several nodes use.
---@param one any
---@param other any
---@return any
local function add(one, other)
  if type(one) == 'number' and type(other) == 'number' then
    local sum = one + other
    return (sum < one or sum > UNLIMITED) and math.max(one, other) or sum -- no limit
  elseif type(one) ~= 'table' or type(other) ~= 'table' or one == json.null then
    return one == nil and other or one
  elseif #other > 0 then
    return table.move(other, 1, #other, #one + 1, one)
  end
  for name, value in pairs(other) do
    one[name] = add(one[name], value)
  end
  return one
end

--- Runs the verb: one event.
---@param container scrun.Container
---@return true? ok
---@return string? event as JSON; with nil: errmsg
---@return string? code
function M.run(container)
  local nodes = { {} }
  if container.status == 'running' or container.status == 'paused' then
    local status, output, code = host.on_node 'measure'
    if not status or status ~= 0 then
      local text = 'events of container "%s": %s'
      local reason = status and 'container not running' or output
      return nil, text:format(container.id, reason), code or 'NOT_RUNNING'
    end
    nodes = M.read(output)
  end
  local data
  for _, files in ipairs(nodes) do
    data = data and add(data, M.data(files)) or M.data(files)
  end
  local event = '{"type":"stats","id":%s,"data":%s}' -- in this order, as runc prints it
  return true, event:format(json.encode(container.id), json.encode(data))
end

return M
