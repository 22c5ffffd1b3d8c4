--- The globals of a spec file: its own environment over the state's, so that what a block or a
--- test sets is gone when it ends. Unlike in busted modules see those globals too, as a script
--- must see the `slurm` that a spec has made.
local late = require 'luastd.test.late'

---@class scrun.test.scope
local M = {}

---@class scrun.test.Shot
---@field globals table
---@field meta any of the table of globals
---@field loaded table

---@class scrun.test.Frame
---@field saved table<any, { value: any }> what a global was before it was set here
---@field names table<any, { value: any }> what a name of the library was, such as `assert`
---@field shot? scrun.test.Shot of `insulate`

--- Names of Lua that no file of ours changes, and that lead to no table which one does; and none
--- that makes a finalizer, for which the runner would have to keep the state.
local PLAIN = {
  error = true,
  ipairs = true,
  next = true,
  pairs = true,
  pcall = true,
  print = true,
  select = true,
  tonumber = true,
  tostring = true,
  type = true,
  xpcall = true,
}

local base = {} ---@type table<any, any> names of the library
local frames = {} ---@type scrun.test.Frame[]
local owner ---@type scrun.test.Frame? to whom a global that is set now belongs

local function copy(from)
  local result = {}
  for key, value in next, from do
    result[key] = value
  end
  return result
end

local function restore(into, from)
  local gone = {}
  for key in next, into do
    if from[key] == nil then
      gone[#gone + 1] = key
    end
  end
  for _, key in ipairs(gone) do
    rawset(into, key, nil)
  end
  for key, value in next, from do
    rawset(into, key, value)
  end
end

--- All globals and loaded modules as they are now.
---@return scrun.test.Shot
function M.take()
  late.complete() -- or it would be gone with what is taken back
  return { globals = copy(_G), meta = debug.getmetatable(_G), loaded = copy(package.loaded) }
end

--- Makes globals and loaded modules those of `take`.
---@param shot scrun.test.Shot
function M.put_back(shot)
  debug.setmetatable(_G, shot.meta)
  restore(_G, shot.globals)
  restore(package.loaded, shot.loaded)
end

---@param insulate boolean put back all globals and modules when it ends
---@return scrun.test.Frame
function M.push(insulate)
  local frame = { saved = {}, names = {}, shot = insulate and M.take() or nil }
  frames[#frames + 1] = frame
  owner = frame
  return frame
end

--- Ends the newest frame.
function M.pop()
  local frame = table.remove(frames)
  if frame.shot then
    M.put_back(frame.shot)
  end
  for key, before in next, frame.saved do
    rawset(_G, key, before.value)
  end
  for key, before in next, frame.names do
    base[key] = before.value
  end
  owner = frames[#frames]
end

--- What was set in the newest frame stays, as if it had been set outside of the block around it,
--- even where that is insulated: `expose`.
function M.expose()
  local frame = frames[#frames]
  local around, keeper = frames[#frames - 1], frames[math.max(#frames - 2, 1)]
  if around and around.shot then
    around.shot = M.take()
  end
  for key, before in next, frame.saved do
    keeper.saved[key] = keeper.saved[key] or before
  end
  for key, before in next, frame.names do
    keeper.names[key] = keeper.names[key] or before
  end
  frame.saved, frame.names = {}, {}
end

--- Calls with globals belonging to `frame`.
---@param frame scrun.test.Frame
---@param body function
---@return any
function M.on_behalf(frame, body)
  local before = owner
  owner = frame
  local result = body()
  owner = before
  return result
end

--- The environment of a spec file.
---@param names table<string, any> what it has besides the state's globals
---@return table environment
---@return fun(names: table<string, any>) add gives it more
function M.environment(names)
  local known = {}
  local meta = {}
  local own = setmetatable({}, meta)
  base = own
  local function add(more)
    for name, value in pairs(more) do
      own[name], known[name] = value, true
    end
  end
  add(names)
  function meta.__index(_, key)
    if PLAIN[key] then
      return _G[key]
    end
    meta.__index = _G
    late.complete()
    return own[key]
  end
  late.add(function()
    meta.__index = _G
  end)
  local environment = setmetatable({}, {
    __index = own,
    __newindex = function(_, key, value)
      late.complete()
      if known[key] then
        if owner and not owner.names[key] then
          owner.names[key] = { value = base[key] }
        end
        base[key] = value
        return
      end
      if owner and not owner.saved[key] then
        owner.saved[key] = { value = rawget(_G, key) }
      end
      rawset(_G, key, value)
    end,
  })
  return environment, add
end

--- Gives a chunk its environment.
---@param chunk function
---@param environment table
function M.set_environment(chunk, environment)
  if _VERSION == 'Lua 5.1' then
    setfenv(chunk, environment)
  else
    debug.setupvalue(chunk, 1, environment)
  end
end

return M
