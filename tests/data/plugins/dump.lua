-- A job_submit script that writes down all it can read, then sets what it is told to by the job's
-- comment, and writes down the job again. @OUT@ and @NAMES@ are filled in by the test.
local out, names = '@OUT@', dofile '@NAMES@'

local function show(value)
  if type(value) == 'number' then
    return ('%.0f'):format(value)
  elseif type(value) ~= 'table' then
    return (tostring(value):gsub('\n', '\\n'))
  end
  local parts = {}
  for index = 0, 8 do
    if value[index] ~= nil then
      parts[#parts + 1] = index .. '=' .. show(value[index])
    end
  end
  return '{' .. table.concat(parts, ' ') .. '}'
end

local function dump(file, title, record, fields)
  for _, name in ipairs(fields) do
    if name ~= 'environment' then
      file:write(title, ' ', name, ' = ', show(record[name]), '\n')
    end
  end
end

local function dump_all(file, title, list, fields)
  local keys = {}
  for key in pairs(list) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    dump(file, title .. ' ' .. key, list[key], fields)
  end
end

local values = {
  1.9, -1, 70000, 65535.9, 2 ^ 31, 2 ^ 32 - 2, 2 ^ 32 - 1, 2 ^ 32 + 5, 1e15, 2 ^ 53 + 2, 2 ^ 63,
  2 ^ 63 + 4096, 2 ^ 64, 1e30, -1e30, '12', '0x10', '1e3', ' 7 ', slurm.NO_VAL16,
}
local numbers = {
  'cpus_per_task', 'time_limit', 'pn_min_memory', 'begin_time', 'bitflags', 'min_mem_per_cpu',
  'min_mem_per_node', 'site_factor', 'nice', 'shared', 'priority',
}
local texts = {
  { 'partition', 12 }, { 'partition', 1.5 }, { 'gres', 'gpu:2,nic' }, { 'gres', 'gres/gpu:2' },
  { 'gres', 'gres:gpu:2' }, { 'tres_per_node', 'gpu:3' }, { 'account', '' }, { 'user_id', 7 },
  { 'oversubscribe', 3 }, { 'nosuch', 1 }, { 12, 'x' }, { 'qos', 'a,b' }, { 'script', 'x\ny' },
}
local wrong = {
  { 'time_limit', true }, { 'time_limit', {} }, { 'time_limit', 'abc' }, { 'partition', true },
  { 'partition', {} }, { 'partition', print }, { {}, 1 },
}

local function assign(file, job)
  local function set(name, value)
    local ok, message = pcall(function()
      job[name] = value
    end)
    local now = type(name) == 'table' and '' or show(job[name])
    message = ok and '' or tostring(message):gsub('^.-:%d+: ', ''):gsub("to '.-'", "to '?'")
    file:write('set ', type(name) == 'table' and 'table' or name, ' ', type(value), ' ')
    file:write(type(value) == 'string' and value or type(value) == 'number' and ('%.1f'):format(value) or '')
    file:write(' -> ', now, ' cpu ', show(job.min_mem_per_cpu), ' node ')
    file:write(show(job.min_mem_per_node), ' ', message, '\n')
  end
  for _, value in ipairs(values) do
    for _, name in ipairs(numbers) do
      set(name, value)
    end
  end
  for _, list in ipairs { texts, wrong } do
    for _, pair in ipairs(list) do
      set(pair[1], pair[2])
    end
  end
end

local changes = {
  time_limit = 42, comment = 'changed', min_mem_per_node = 100, nice = slurm.NICE_OFFSET + 7,
  mail_type = slurm.MAIL_JOB_END, mail_user = 'bob', name = 'renamed', requeue = 0, begin_time = 2e9,
}

local outcomes = {
  accept = function() return slurm.SUCCESS end,
  error = function() return slurm.ERROR end,
  account = function() return slurm.ESLURM_INVALID_ACCOUNT end,
  unknown = function() return 12345 end,
  errno = function() return 1 end,
  nothing = function() end,
  text = function() return 'x' end,
  digits = function() return '2045' end,
  fails = function() local x; return x.y end,
}

function slurm_job_submit(job, parts, uid)
  local what = job.comment or 'accept'
  slurm.user_msg 'first'
  slurm.log_user('second %d\nthird', 2)
  slurm.log_info('info of %s', what)
  slurm.error 'an error'
  job.nosuch_field = 1
  local file = assert(io.open(out, 'w'))
  if what == 'dump' then
    dump(file, 'job', job, names.job_desc)
    dump_all(file, 'part', parts, names.part_rec)
    dump_all(file, 'resv', slurm.reservations, names.resv)
    dump_all(file, 'rec', slurm.jobs, names.job_rec)
    file:write('home ', tostring(job.environment.HOME), ' ', tostring(job.environment.NONE), '\n')
    job.environment.NONE = 5
    file:write('set ', tostring(job.environment.NONE), '\n')
    file:write('qos ', select('#', slurm.get_qos_priority 'normal'), ' uid ', uid, '\n')
  elseif what == 'assign' then
    assign(file, job)
    file:close()
    return slurm.ERROR
  elseif what == 'change' then
    for name, value in pairs(changes) do
      job[name] = value
    end
    job.environment.CHANGED = 'yes'
  end
  file:close()
  return (outcomes[what] or outcomes.accept)()
end

function slurm_job_modify(job, rec, _, uid)
  slurm.user_msg 'of the change'
  local file = assert(io.open(out, 'w'))
  dump(file, 'job', job, names.job_desc)
  dump(file, 'rec', rec, names.job_rec)
  file:write('uid ', uid, '\n')
  file:close()
  return job.comment == 'refused' and slurm.ESLURM_ACCESS_DENIED or slurm.SUCCESS
end

return slurm.SUCCESS
