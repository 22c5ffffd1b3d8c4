--- `linux.cgroupsPath`, `linux.resources`: limits, which are Slurm's to set on a node.
--- Source: OCI runtime-spec, config-linux.md, "Control groups"; an ordinary user may write
--- neither, and runc fails on both (crun without a cgroup manager ignores them).
local mounts = require 'scrun.oci.mounts'
local namespaces = require 'scrun.oci.namespaces'

---@class scrun.oci.cgroups
local M = {}

--- Drops the cgroup the engine chose.
---@param config oci.Config
---@return oci.Config
function M.drop_path(config)
  if config.linux then
    config.linux.cgroupsPath = nil
  end
  return config
end

--- Drops the engine's limits and device rules; the job's allocation limits the container.
---@param config oci.Config
---@return oci.Config
function M.drop_resources(config)
  if config.linux then
    config.linux.resources, config.linux.intelRdt = nil, nil
  end
  return config
end

--- Drops the cgroup namespace and the cgroup file system: a runtime without a cgroup manager
--- can make neither on every node.
---@param config oci.Config
---@return oci.Config
function M.drop_view(config)
  namespaces.drop(config, 'cgroup')
  return mounts.drop_if(config, function(mount)
    return mount.type == 'cgroup' or mount.type == 'cgroup2'
  end)
end

return M
