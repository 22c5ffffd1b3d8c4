--- `hooks`: programs of the engine's host, run around the container's start and end.
--- Source: OCI runtime-spec, config.md, "POSIX-platform Hooks".
---@class scrun.oci.hooks
local M = {}

--- Override point: hooks that staged bundles lose. They run on the node, where the engine's
--- network and its programs are not; `prestart` is what the engines use, `createRuntime` and
--- `createContainer` are its successors.
---@type string[]
M.unwanted = { 'prestart', 'createRuntime', 'createContainer' }

--- Drops kinds of hooks.
---@param config oci.Config
---@param kinds? string[] default: `unwanted`
---@return oci.Config
function M.drop(config, kinds)
  if config.hooks then
    for _, kind in ipairs(kinds or M.unwanted) do
      config.hooks[kind] = nil
    end
    if next(config.hooks) == nil then
      config.hooks = nil
    end
  end
  return config
end

--- Does a hook bring the container's network up? Docker's bridge networks are made so.
---@param config oci.Config
---@return boolean
function M.sets_up_network(config)
  for _, kind in ipairs { 'prestart', 'createRuntime' } do
    for _, hook in ipairs(config.hooks and config.hooks[kind] or {}) do
      for _, argument in ipairs(hook.args or {}) do
        if argument:find('libnetwork-setkey', 1, true) then
          return true
        end
      end
    end
  end
  return false
end

return M
