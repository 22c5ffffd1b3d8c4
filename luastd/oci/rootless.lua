--- A config.json for a runtime that an ordinary user starts: what such a runtime may not do,
--- edited out. Each step was seen to be needed by crun 1.8 or runc 1.1; the modules it calls
--- say why. What another host lacks is the subject of oci/remote.lua.
local cgroups = require 'scrun.oci.cgroups'
local devices = require 'scrun.oci.devices'
local idmap = require 'scrun.oci.idmap'
local mounts = require 'scrun.oci.mounts'
local process = require 'scrun.oci.process'
local security = require 'scrun.oci.security'
local sysctl = require 'scrun.oci.sysctl'
local user = require 'scrun.oci.user'
local version = require 'scrun.oci.version'

---@class scrun.oci.rootless
local M = {}

---@class scrun.oci.rootless.Args
---@field uid integer the job's user on the node
---@field gid integer the job's group on the node
---@field inner_user? 'process'|'root' see the setting `rootless_user`
---@field exists fun(path: string): boolean is a file there

--- Override point: the steps and their order. Each names a function of this module; a site
--- removes one, replaces `M.<step>`, or adds its own.
---@type string[]
M.steps = { 'version', 'ids', 'limits', 'mounts', 'security' }

---@param config oci.Config
---@return oci.Config
function M.version(config)
  return version.lower(config)
end

---@param config oci.Config
---@param args scrun.oci.rootless.Args
---@return oci.Config
function M.ids(config, args)
  if args.inner_user == 'root' then
    user.become_root(config)
  end
  user.drop_additional_gids(config)
  return idmap.map_process(config, args.uid, args.gid)
end

---@param config oci.Config
---@return oci.Config
function M.limits(config)
  cgroups.drop_path(config)
  cgroups.drop_resources(config)
  cgroups.drop_view(config)
  process.drop_rlimits(config)
  return process.drop_oom_score(config)
end

---@param config oci.Config
---@param args scrun.oci.rootless.Args
---@return oci.Config
function M.mounts(config, args)
  mounts.drop_id_options(config)
  mounts.drop_id_mappings(config)
  mounts.borrow_kernel_views(config)
  return devices.bind(config, args.exists)
end

---@param config oci.Config
---@return oci.Config
function M.security(config)
  security.drop_labels(config)
  security.drop_seccomp_listener(config)
  return sysctl.keep_own(config)
end

--- Applies all steps.
---@param config oci.Config
---@param args scrun.oci.rootless.Args
---@return oci.Config the same, changed in place
function M.adapt(config, args)
  for _, step in ipairs(M.steps) do
    M[step](config, args)
  end
  return config
end

return M
