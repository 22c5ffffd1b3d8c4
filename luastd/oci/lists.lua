--- Lists of a config.json, where absent and empty mean the same.
---@class scrun.oci.lists
local M = {}

--- Copies a list without the items for which `unwanted` answers true.
---@generic T
---@param list T[]?
---@param unwanted fun(item: T): boolean?
---@return T[]? rest nil when nothing is left, so that no codec has to guess `[]` or `{}`
function M.without(list, unwanted)
  local rest = {}
  for _, item in ipairs(list or {}) do
    if not unwanted(item) then
      rest[#rest + 1] = item
    end
  end
  return rest[1] ~= nil and rest or nil
end

return M
