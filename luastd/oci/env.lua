--- `process.env`: the variables of the container's process.
--- Source: OCI runtime-spec, config.md, "Process".
---@class scrun.oci.env
local M = {}

---@param entry string
---@return string? name nil: the entry has no `=`
local function name_of(entry)
  return entry:match '^([^=]+)='
end

--- Adds `NAME=value` entries, each in the place of one of that name that is there already:
--- programs disagree on which of two wins. A config without a process stays as it is.
---@param config oci.Config
---@param entries string[]
---@param wanted? fun(name: string): boolean? default: all of them
---@return oci.Config
function M.merge(config, entries, wanted)
  if not config.process then
    return config
  end
  local env, place = {}, {}
  local function put(entry)
    local name = name_of(entry) or entry
    if not place[name] then
      place[name] = #env + 1
    end
    env[place[name]] = entry
  end
  for _, entry in ipairs(config.process.env or {}) do
    put(entry)
  end
  for _, entry in ipairs(entries) do
    local name = name_of(entry)
    if name and (not wanted or wanted(name)) then
      put(entry)
    end
  end
  config.process.env = env[1] ~= nil and env or nil
  return config
end

--- Makes a filter for `merge` out of Lua patterns.
---@param keep string[] a name must match one of them
---@param drop? string[] and none of these
---@return fun(name: string): boolean
function M.filter(keep, drop)
  local function matches(name, patterns)
    for _, pattern in ipairs(patterns or {}) do
      if name:find(pattern) then
        return true
      end
    end
    return false
  end
  return function(name)
    return matches(name, keep) and not matches(name, drop)
  end
end

return M
