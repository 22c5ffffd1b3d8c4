--- What has to be taken back after a test: spies, stubs, formatters. A stack of snapshots.
---@class scrun.test.snapshot
local M = { formatters = {}, parameters = {} }

---@class scrun.test.Snapshot
---@field spies table[] in the order they were made
---@field formatters integer how many there were
---@field parameters table<string, any> what they were

local stack = {} ---@type scrun.test.Snapshot[]

local meta = {}
meta.__index = meta
meta.__call = function(snapshot)
  snapshot:revert()
end

--- Takes back what was done since this snapshot was taken, the newest first.
function meta:revert()
  local is_open = false
  for _, snapshot in ipairs(stack) do
    is_open = is_open or snapshot == self
  end
  while is_open do
    local top = table.remove(stack)
    for at = #top.spies, 1, -1 do
      top.spies[at]:revert()
    end
    for at = #M.formatters, top.formatters + 1, -1 do
      M.formatters[at] = nil
    end
    M.parameters = top.parameters
    is_open = top ~= self
  end
end

---@return scrun.test.Snapshot
function M.take()
  local parameters = {}
  for name, value in pairs(M.parameters) do
    parameters[name] = value
  end
  local snapshot = setmetatable({
    spies = {},
    formatters = #M.formatters,
    parameters = parameters,
  }, meta)
  stack[#stack + 1] = snapshot
  return snapshot
end

---@param spy table anything with `revert`
function M.add(spy)
  local top = stack[#stack]
  if top then
    top.spies[#top.spies + 1] = spy
  end
end

return M
