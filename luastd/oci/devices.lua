--- `linux.devices`: device files.
--- Source: OCI runtime-spec, config-linux.md, "Devices"; user_namespaces(7): nobody makes a
--- device inside a user namespace, so the node's own file is bound into the container.
---@class scrun.oci.devices
local M = {}

--- Devices that every runtime makes by itself (config-linux.md, "Default Devices"): binding the
--- node's ptmx or console over them would take the container's terminals away.
local BY_RUNTIME = {
  ['/dev/null'] = true,
  ['/dev/zero'] = true,
  ['/dev/full'] = true,
  ['/dev/random'] = true,
  ['/dev/urandom'] = true,
  ['/dev/tty'] = true,
  ['/dev/console'] = true,
  ['/dev/ptmx'] = true,
}

--- Turns devices into binds of the node's devices. crun 1.8 fails on the list itself
--- (`unshare CLONE_NEWNS`), runc on the entries that the node lacks.
---@param config oci.Config
---@param exists fun(path: string): boolean is the device there
---@return oci.Config
function M.bind(config, exists)
  local devices = config.linux and config.linux.devices
  for _, device in ipairs(devices or {}) do
    if not BY_RUNTIME[device.path] and exists(device.path) then
      config.mounts = config.mounts or {}
      table.insert(config.mounts, {
        destination = device.path,
        type = 'bind',
        source = device.path,
        options = { 'bind', 'nosuid', 'noexec' },
      })
    end
  end
  if devices then
    config.linux.devices = nil
  end
  return config
end

return M
