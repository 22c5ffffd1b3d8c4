--- AppArmor, SELinux and seccomp: what of the engine host's confinement a node can apply.
--- Source: OCI runtime-spec, config.md, "Linux Process"; config-linux.md, "Seccomp".
---@class scrun.oci.security
local M = {}

--- Drops AppArmor profiles and SELinux labels: profiles are loaded by the engine as root on its
--- own host, and runtimes fail when the node has no such profile or no SELinux.
---@param config oci.Config
---@return oci.Config
function M.drop_labels(config)
  if config.process then
    config.process.apparmorProfile, config.process.selinuxLabel = nil, nil
  end
  if config.linux then
    config.linux.mountLabel = nil
  end
  return config
end

--- Drops a seccomp profile that asks a listener on the engine's host; any other one stays.
---@param config oci.Config
---@return oci.Config
function M.drop_seccomp_listener(config)
  local linux = config.linux
  if linux and linux.seccomp and linux.seccomp.listenerPath then
    linux.seccomp = nil
  end
  return config
end

return M
