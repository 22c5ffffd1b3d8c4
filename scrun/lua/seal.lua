--- Keeps what is the host's out of sight of the debug library, which shows upvalues and locals of
--- every function: a callable of the host is in the upvalues of each function that calls it. What
--- is not the host's is shown as ever.
local sample = ...

local debug, select, type, error = debug, select, type, error
local getmetatable, getlocal, getupvalue = debug.getmetatable, debug.getlocal, debug.getupvalue
local foreign = getmetatable(sample)

local function is_foreign(value)
  return type(value) == 'userdata' and getmetatable(value) == foreign
end

local function covered(name, ...)
  if is_foreign((...)) then
    return name, nil
  end
  return name, ...
end

function debug.getlocal(at, ...)
  if type(at) == 'number' then
    at = at + 1 -- the level of this function
  end
  return covered(getlocal(at, ...))
end

function debug.getupvalue(...)
  return covered(getupvalue(...))
end

local join = debug.upvaluejoin
if join then
  function debug.upvaluejoin(f1, n1, f2, n2, ...)
    if type(f2) == 'function' and is_foreign((select(2, getupvalue(f2, n2)))) then
      error('this upvalue is the host\'s', 2)
    end
    return join(f1, n1, f2, n2, ...)
  end
end

--- The registry holds every value of the host; nothing in it is a script's.
function debug.getregistry()
  return {}
end
