--- The tables that Slurm hands to job_submit, cli_filter and burst_buffer scripts, over functions
--- of the host. As in C they are empty tables whose metatables ask for each field.
local border, host = ...
local last = border.last
local type, tostring, tonumber, pairs, select = type, tostring, tonumber, pairs, select
local error, next, setmetatable, getmetatable = error, next, setmetatable, getmetatable

local M = {}

--- What a Lua version calls the metamethod of a failed argument: C says `bad argument #3 to '?'`.
local index, newindex = '?', '?'
if rawget(_G, 'jit') or _VERSION == 'Lua 5.2' or _VERSION == 'Lua 5.3' then
  index, newindex = '__index', '__newindex'
elseif _VERSION ~= 'Lua 5.1' then
  index, newindex = 'index', 'newindex'
end

local function refuse(argument, name, expected, value)
  local text = "bad argument #%d to '%s' (%s expected, got %s)"
  error(text:format(argument, name, expected, type(value)), 4)
end

--- A string as C takes one: a number will do.
local function string_of(value, argument, name)
  if type(value) ~= 'string' then
    if type(value) ~= 'number' then
      refuse(argument, name, 'string', value)
    end
    value = tostring(value)
  end
  return value
end

local function number_of(value, argument, name)
  local number = (type(value) == 'number' or type(value) == 'string') and tonumber(value)
  if not number then
    refuse(argument, name, 'number', value)
  end
  return number
end

--- The environment of a job: asked for by name, never listed.
local function environment(get_variable, set_variable)
  return setmetatable({}, {
    __index = function(_, name)
      return get_variable(string_of(name, 2, index))
    end,
    __newindex = function(_, name, value)
      name = string_of(name, 2, newindex)
      if host.has_environment() then
        value = string_of(value, 3, newindex)
      else
        value = nil
      end
      set_variable(name, value, border.where())
    end,
  })
end

local function from_zero(list)
  local moved = {}
  for i = 1, #list do
    moved[i - 1] = list[i]
  end
  return moved
end

--- Readers of fields that are tables, by their kind.
local tables = {
  list0 = from_zero,
  environment = function()
    return environment(host.get_variable, host.set_variable)
  end,
}

local owners = setmetatable({}, { __mode = 'k' }) -- the opaque pointer of C -> its functions

--- A record's table. `set` is nil for those that cannot be changed; as in C, what is written to
--- such a table stays in it and changes nothing.
---@param pointer_name string how C names its pointer in the metatable
---@param get fun(name: string): any
---@param set? fun(name: string, value: any, place: string)
---@param types table<string, string> of the fields that can be set: `string` or `number`
---@param lists table<string, string> kind of the fields that are tables
function M.record(pointer_name, get, set, types, lists)
  local function read(name)
    local kind = lists[name]
    if kind == 'environment' then
      return tables.environment()
    end
    local value = get(name)
    if value ~= nil and kind and tables[kind] then
      value = tables[kind](value)
    end
    return value
  end
  local meta = {
    __index = function(_, name)
      return read(string_of(name, 2, index))
    end,
  }
  if set then
    function meta.__newindex(_, name, value)
      name = string_of(name, 2, newindex)
      if types[name] == 'string' then
        value = string_of(value, 3, newindex)
      elseif types[name] == 'number' then
        value = number_of(value, 3, newindex)
      else
        value = nil
      end
      set(name, value, border.where())
    end
  end
  meta[pointer_name] = setmetatable({}, {
    __tostring = function()
      return 'userdata: ' .. pointer_name
    end,
  })
  owners[meta[pointer_name]] = read
  return setmetatable({}, meta)
end

--- The options of a command: texts, by the option's long name.
function M.options(get, set, get_argv, get_spank, get_spank_job_env, command)
  local special = {
    argv = get_argv,
    spank = get_spank,
    spank_job_env = get_spank_job_env,
    type = function()
      return command
    end,
  }
  local meta = {
    _opt = setmetatable({}, {
      __tostring = function()
        return 'userdata: _opt'
      end,
    }),
  }
  function meta.__index(_, name)
    name = string_of(name, 2, index)
    if special[name] then
      return special[name]()
    end
    return get(name)
  end
  function meta.__newindex(_, name, value)
    name = string_of(name, 2, newindex)
    set(name, string_of(value, 3, newindex), border.where())
  end
  return setmetatable({}, meta)
end

--- Globals that C leaves there for scripts of its first versions.
function M.old_globals()
  local function reader(pointer, name)
    local read = owners[pointer]
    return read and read(string_of(name, 2, '?'))
  end
  _G._get_job_req_field_name = reader
  _G._get_part_rec_field = reader
  function _G._get_job_env_field_name(_, name)
    return host.get_variable(string_of(name, 2, '?'))
  end
  function _G._set_job_req_field(record, name, value)
    record[name] = value
  end
  function _G._set_job_env_field(_, name, value)
    environment(host.get_variable, host.set_variable)[name] = value
  end
end

--- What cli_filter scripts have besides.
function M.cli_filter(slurm, options_json, env_json)
  local stored = {}
  function slurm.json_cli_options(...)
    local options = last(...)
    local meta = type(options) == 'table' and getmetatable(options)
    if not meta then
      host.complain 'json_cli_options requires one argument - options structure'
      return
    end
    return options_json()
  end
  slurm.json_env = env_json
  function slurm.cli_store(...)
    local n = select('#', ...)
    local key = n > 1 and tonumber((select(n - 1, ...))) or 0
    stored[key] = string_of(last(...), 2, 'cli_store')
  end
  function slurm.cli_retrieve(...)
    return stored[tonumber((last(...))) or 0]
  end
end

--- Takes names out of the slurm table: those of other kinds of script.
function M.keep(slurm, names)
  local kept = {}
  for i = 1, #names do
    kept[names[i]] = true
  end
  for name in pairs(slurm) do
    if not kept[name] then
      slurm[name] = nil
    end
  end
end

local function counted(...)
  return select('#', ...), ...
end

--- Calls a function; its results come after their number: nothing is not nil.
function M.call(f, ...)
  return counted(f(...))
end

--- The fields that a script wrote into a table that nobody reads.
function M.written(record)
  local names = {}
  for name in next, record do
    names[#names + 1] = tostring(name)
  end
  return names
end

return M
