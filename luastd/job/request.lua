--- What to ask Slurm for: the limits of config.json, then SCRUN_* of the caller, then the
--- container's own environment, then its annotations `slurm.job.<option>`; the later wins.
--- Source: scrun(1), "INPUT ENVIRONMENT VARIABLES"; options in job/options.lua.
local options = require 'scrun.job.options'
local resources = require 'scrun.job.resources'

---@class scrun.job.request
local M = {}

---@class scrun.job.Request
---@field salloc string[] options for the allocation, sorted
---@field srun string[] options for the container's step, sorted
---@field nodes integer? number of nodes, when it is one number
---@field job_name string?
---@field job_id integer? of an existing allocation to use instead of a new one
---@field job_variables table<string, string>? its SLURM_* variables; nil: the caller has them
---@field pod string? the new job is for all containers of this pod
---@field origin table<string, string> where an option comes from: `--time` is `SCRUN_TIMELIMIT`

---@class scrun.job.Choice
---@field value string|true
---@field origin string

local ANNOTATION = 'slurm.job.'
local ON = { [''] = true, ['1'] = true, yes = true, ['true'] = true }
local OFF = { ['0'] = true, no = true, ['false'] = true }

--- Options with which Slurm finds the number of nodes by itself.
local SAYS_NODES = { 'nodes', 'nodelist', 'nodefile', 'ntasks', 'extra-node-info' }

--- Nobody's wish: a step in an existing allocation has its nodes.
local DEFAULT_NODES = 'setting job_nodes'

--- Digits of an engine's id that people get to see, and that a job name needs.
local SHORT_ID = 12

--- Reads an environment given as `NAME=value` entries or as a table by name.
---@param environment table<string, string>|string[]?
---@return table<string, string>
local function by_name(environment)
  local found = {}
  for key, value in pairs(environment or {}) do
    if type(key) == 'number' then
      local name, rest = value:match '^([^=]+)=(.*)$'
      if name then
        found[name] = rest
      end
    else
      found[key] = value
    end
  end
  return found
end

--- Notes one option; a flag that is off takes an earlier layer's away.
---@param chosen table<string, scrun.job.Choice>
---@param option string key: the option's name, or `switches@`
---@param value string
---@param origin string
local function choose(chosen, option, value, origin)
  if options.flags[option] then
    chosen[option] = ON[value:lower()] and { value = true, origin = origin } or nil
  elseif options.optional[option] and ON[value:lower()] then
    chosen[option] = { value = true, origin = origin }
  elseif options.optional[option] and OFF[value:lower()] then
    chosen[option] = nil
  elseif value ~= '' then
    chosen[option] = { value = value, origin = origin }
  end
end

---@param chosen table<string, scrun.job.Choice>
---@param environment table<string, string>
---@param input scrun.job.Input
---@param names string[] the later wins
local function read_input(chosen, environment, input, names)
  for _, name in ipairs(names) do
    if environment[name] then
      local key = input.part == 'wait' and input.option .. '@' or input.option
      choose(chosen, key, environment[name], name)
    end
  end
end

--- Layer 0: the limits that an engine was given.
---@param chosen table<string, scrun.job.Choice>
---@param config oci.Config
local function read_limits(chosen, config)
  for option, value in pairs(resources.options(config)) do
    choose(chosen, option, value, 'linux.resources')
  end
end

--- Of two options that exclude each other takes away the limit's.
---@param chosen table<string, scrun.job.Choice>
local function drop_double_memory(chosen)
  local is_limit = chosen.mem and chosen.mem.origin == 'linux.resources'
  if is_limit and (chosen['mem-per-cpu'] or chosen['mem-per-gpu']) then
    chosen.mem = nil
  end
end

--- Layer 1: the environment that `create` was called with.
---@param chosen table<string, scrun.job.Choice>
---@param environment table<string, string>
local function read_caller(chosen, environment)
  for _, input in ipairs(options.inputs) do
    local names = {}
    for _, name in ipairs(input.everywhere or {}) do
      names[#names + 1] = name
    end
    names[#names + 1] = 'SCRUN_' .. input.name
    read_input(chosen, environment, input, names)
  end
end

--- Layer 2: the container's own environment (`podman run -e SCRUN_PARTITION=gpu`), where the
--- SLURM_* names count as well.
---@param chosen table<string, scrun.job.Choice>
---@param environment table<string, string>
local function read_container(chosen, environment)
  for _, input in ipairs(options.inputs) do
    local is_safe = not options.caller_only[input.option]
    local names = { 'SLURM_' .. input.name }
    for _, name in ipairs(input.also or {}) do
      names[#names + 1] = name
    end
    names[#names + 1] = 'SCRUN_' .. input.name
    if is_safe then
      read_input(chosen, environment, input, names)
    end
  end
end

--- Layer 3: annotations.
---@param chosen table<string, scrun.job.Choice>
---@param annotations table<string, string>?
---@return true? ok
---@return string? errmsg
---@return string? code
local function read_annotations(chosen, annotations)
  local names = {}
  for name in pairs(annotations or {}) do
    if name:sub(1, #ANNOTATION) == ANNOTATION then
      names[#names + 1] = name
    end
  end
  table.sort(names) -- the same message every time when two are wrong
  for _, name in ipairs(names) do
    local value = annotations[name]
    local option = name:sub(#ANNOTATION + 1):gsub('_', '-')
    if options.caller_only[option] then
      local text = 'annotation %s: --%s runs a program outside of the container: an image could '
        .. 'ask for it. use SCRUN_* variables of your own environment'
      return nil, text:format(name, option), 'NO_PERMISSION'
    elseif not options.salloc[option] and not options.srun[option] then
      local text = 'annotation %s: scrun knows no option --%s of salloc or srun'
      return nil, text:format(name, option), 'BAD_CONFIG'
    elseif type(value) ~= 'string' then
      return nil, ('annotation %s: its value is no string'):format(name), 'BAD_CONFIG'
    elseif value == '' and not options.flags[option] and not options.optional[option] then
      return nil, ('annotation %s: --%s needs a value'):format(name, option), 'BAD_CONFIG'
    end
    choose(chosen, option, value, 'annotation ' .. name)
    if option == 'switches' then
      chosen['switches@'] = nil -- the annotation has both parts in one
    end
  end
  return true
end

--- Joins the two parts of `--switches`; a time without a count says nothing to Slurm.
---@param chosen table<string, scrun.job.Choice>
local function join_switches(chosen)
  local count, wait = chosen.switches, chosen['switches@']
  if count and wait then
    count.value = count.value .. '@' .. wait.value
  end
  chosen['switches@'] = nil
end

--- Override point: the job's name when nobody gives one.
---@param id string? container id
---@param settings scrun.settings
---@return string? name nil: Slurm's default
function M.default_name(id, settings)
  if not settings.job_name then
    return nil
  end
  -- Only an engine's 64 digits are cut; a person's own name stays whole.
  local short = id and id:match '^%x+$' and #id == 64 and id:sub(1, SHORT_ID) or id or ''
  return (settings.job_name:gsub('%%n', (short:gsub('%%', '%%%%'))))
end

--- Override point: fills in what nobody asked for.
---@param chosen table<string, scrun.job.Choice> by option, changed in place
---@param id string? container id
---@param settings scrun.settings
function M.add_defaults(chosen, id, settings)
  local name = M.default_name(id, settings)
  if name and not chosen['job-name'] then
    chosen['job-name'] = { value = name, origin = 'setting job_name' }
  end
  local nodes = settings.job_nodes or 0
  for _, option in ipairs(SAYS_NODES) do
    if chosen[option] then
      nodes = 0
    end
  end
  if nodes > 0 then
    chosen.nodes = { value = ('%d'):format(nodes), origin = DEFAULT_NODES }
  end
end

---@param text string?
---@return integer?
local function whole_number(text)
  return type(text) == 'string' and text:match '^%d+$' and tonumber(text) or nil
end

---@param chosen table<string, scrun.job.Choice>
---@param job_id integer? of an existing allocation, in which the step gets what the job would
---@return scrun.job.Request
local function build(chosen, job_id)
  local request = { salloc = {}, srun = {}, origin = {} }
  local names = {}
  for option in pairs(chosen) do
    names[#names + 1] = option
  end
  table.sort(names)
  for _, option in ipairs(names) do
    local choice = chosen[option]
    local word = '--' .. option
    request.origin[word] = choice.origin
    if choice.value ~= true then
      word = word .. '=' .. choice.value
    end
    if options.salloc[option] then
      table.insert(request.salloc, word)
    end
    local is_shared = job_id and options.shares[option] and choice.origin ~= DEFAULT_NODES
    if options.srun[option] or options.both[option] or is_shared then
      table.insert(request.srun, word)
    end
  end
  request.nodes = chosen.nodes and whole_number(chosen.nodes.value)
  request.job_name = chosen['job-name'] and chosen['job-name'].value
  request.job_id = job_id
  return request
end

--- Makes the request for a container.
---@param environment table<string, string>|string[] of the caller of `create`
---@param config oci.Config
---@param settings scrun.settings
---@param id? string container id, for the job's name
---@return scrun.job.Request? request
---@return string? errmsg names the variable or the annotation
---@return string? code
function M.from(environment, config, settings, id)
  local caller = by_name(environment)
  local container = by_name(config.process and config.process.env)
  local chosen = {}
  read_limits(chosen, config)
  read_caller(chosen, caller)
  read_container(chosen, container)
  local ok, errmsg, code = read_annotations(chosen, config.annotations)
  if not ok then
    return nil, errmsg, code
  end
  join_switches(chosen)
  drop_double_memory(chosen)
  M.add_defaults(chosen, id, settings)
  for option, choice in pairs(chosen) do
    if choice.value ~= true and choice.value:find('\0', 1, true) then
      return nil, ('%s: --%s with a NUL byte'):format(choice.origin, option), 'BAD_CONFIG'
    end
  end
  -- Not the container's own SLURM_JOB_ID: an image has no job.
  return build(chosen, whole_number(caller.SLURM_JOB_ID))
end

--- Says in the user's words that the installed Slurm does not know an option.
---@param request scrun.job.Request
---@param output string what salloc or srun wrote
---@param version string of Slurm
---@return string? errmsg nil: the output complains of something else
function M.explain_refusal(request, output, version)
  local option = output:match "unrecognized option '(%-%-[%w-]+)"
    or output:match "unrecognized option `(%-%-[%w-]+)"
  if not option then
    return nil
  end
  local origin = request.origin[option] or 'scrun'
  return ('%s: Slurm %s has no option %s'):format(origin, version, option)
end

return M
