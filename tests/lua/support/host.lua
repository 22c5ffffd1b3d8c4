--- The module `host` of the state, its calls noted. A test puts a function of its own in the place
--- of one; `reset` takes it away again. Commands run here for real.
local M = require 'host'
require('luastd.test.site').run()

local real = {}
local noted = {}

for name, body in pairs(M) do
  real[name] = body
end

--- Starts anew: all functions real, no calls noted.
function M.reset()
  noted = {}
  for name in pairs(real) do
    M.replace(name, real[name])
  end
end

--- Puts a function in the place of one of host's; its calls are noted too.
function M.replace(name, body)
  M[name] = function(...)
    noted[#noted + 1] = { name = name, ... }
    return body(...)
  end
end

--- The first arguments of the calls of one function, in order.
function M.calls(name)
  local found = {}
  for _, call in ipairs(noted) do
    if call.name == name then
      found[#found + 1] = call[1]
    end
  end
  return found
end

M.reset()
return M
