--- Which tests are wanted: by patterns of their full names, and by the `#tags` in them.
local M = {}

---@class scrun.test.Filter
---@field filter? string[] Lua patterns, one of which must be found
---@field filter_out? string[] none of which may be found
---@field tags? string[] one of which must be there
---@field exclude_tags? string[] none of which may be there

---@param name string
---@param patterns string[]?
---@return boolean
local function has_pattern(name, patterns)
  for _, pattern in ipairs(patterns or {}) do
    if name:find(pattern) then
      return true
    end
  end
  return false
end

---@param name string
---@param tags string[]?
---@return boolean
local function has_tag(name, tags)
  for word in name:gmatch '#([%w_%-]+)' do
    for _, tag in ipairs(tags or {}) do
      if word == tag:gsub('^#', '') then
        return true
      end
    end
  end
  return false
end

---@param options scrun.test.Filter
---@return fun(name: string): boolean
function M.new(options)
  local filter, tags = options.filter or {}, options.tags or {}
  return function(name)
    return (#filter == 0 or has_pattern(name, filter))
      and (#tags == 0 or has_tag(name, tags))
      and not has_pattern(name, options.filter_out)
      and not has_tag(name, options.exclude_tags)
  end
end

return M
