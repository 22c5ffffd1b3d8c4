--- A config.json for a node: what only the engine's host has, edited out. Needed whoever runs
--- the runtime there; oci/rootless.lua has the edits for an ordinary user.
local cgroups = require 'scrun.oci.cgroups'
local hooks = require 'scrun.oci.hooks'
local namespaces = require 'scrun.oci.namespaces'
local security = require 'scrun.oci.security'
local sysctl = require 'scrun.oci.sysctl'
local version = require 'scrun.oci.version'

---@class scrun.oci.remote
local M = {}

--- Override point: the steps and their order. Each names a function of this module; a site
--- removes one, replaces `M.<step>`, or adds its own.
---@type string[]
M.steps = { 'version', 'namespaces', 'hooks', 'cgroups', 'security' }

---@param config oci.Config
---@return oci.Config
function M.version(config)
  return version.lower(config)
end

--- A network that a hook on the engine's host would have set up stays empty on a node: the
--- container gets the node's, as every job has it. podman's `--network none` stays what it is;
--- docker's has the same hook as its other networks.
---@param config oci.Config
---@return oci.Config
function M.namespaces(config)
  if hooks.sets_up_network(config) then
    namespaces.drop(config, 'network')
  end
  namespaces.drop_joined(config)
  return sysctl.drop_shared(config)
end

---@param config oci.Config
---@return oci.Config
function M.hooks(config)
  return hooks.drop(config)
end

---@param config oci.Config
---@return oci.Config
function M.cgroups(config)
  return cgroups.drop_path(config)
end

---@param config oci.Config
---@return oci.Config
function M.security(config)
  security.drop_seccomp_listener(config)
  return security.drop_labels(config)
end

--- Applies all steps.
---@param config oci.Config
---@return oci.Config the same, changed in place
function M.adapt(config)
  for _, step in ipairs(M.steps) do
    M[step](config)
  end
  return config
end

return M
