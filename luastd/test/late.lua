--- What few specs need is made when one first needs it: most of the library, and what the runner
--- adds to a state. Where nobody has called `wait`, all is made at once.
---@class scrun.test.late
local M = {}

local require = require

local makers ---@type function[]? nil: all is made

--- From now on is noted what `add` would make at once.
function M.wait()
  makers = {}
end

---@param maker function
function M.add(maker)
  if makers then
    makers[#makers + 1] = maker
  else
    maker()
  end
end

--- Makes all that waits, in the order in which it was added.
---@return boolean made there was something
function M.complete()
  local waiting = makers
  makers = nil
  for _, maker in ipairs(waiting or {}) do
    maker()
  end
  return waiting ~= nil
end

--- A module that is loaded when it is first used.
---@param name string
---@return table
function M.module(name)
  if not makers then
    return require(name)
  end
  local module
  local function get()
    M.complete()
    module = module or require(name)
    return module
  end
  return setmetatable({}, {
    __index = function(_, key)
      return get()[key]
    end,
    __call = function(_, ...)
      return get()(...)
    end,
  })
end

return M
