--- OCI bundles for specs: real directories with a config.json as rootless podman writes it.
local host = require 'host'
local require = require

local json
--- The host's codec, once it is needed: a spec may have another module of the name json.
local function get_json()
  json = json or require 'host.json'
  return json
end

-- As they are when the spec begins: it may replace those of the module.
local make_dirs, write_file = host.make_dirs, host.write_file
local read_file = host.read_file

local M = {}

---@class scrun.test.Bundle
---@field path string
---@field config_file string
---@field rootfs string
---@field spool_dir string an empty directory beside the bundle

---@class scrun.test.BundleOptions
---@field config? table|string the config.json, or the path of one; default `M.config()`
---@field rootfs? table<string, string> files by their path in the root file system

--- The parts of a config.json that scripts look at; change what it returns as you like.
---@return oci.Config
function M.config()
  return {
    ociVersion = '1.2.0',
    process = {
      terminal = false,
      user = { uid = 0, gid = 0, additionalGids = { 0, 10 } },
      args = { 'sh' },
      env = { 'PATH=/usr/local/bin:/usr/bin:/bin', 'TERM=xterm', 'HOME=/root' },
      cwd = '/',
      rlimits = { { type = 'RLIMIT_NOFILE', hard = 1048576, soft = 1048576 } },
      oomScoreAdj = 200,
    },
    root = { path = 'rootfs' },
    hostname = 'web',
    mounts = {
      { destination = '/proc', type = 'proc', source = 'proc', options = { 'nosuid', 'noexec' } },
      { destination = '/dev', type = 'tmpfs', source = 'tmpfs', options = { 'nosuid' } },
      {
        destination = '/dev/pts',
        type = 'devpts',
        source = 'devpts',
        options = { 'nosuid', 'noexec', 'newinstance', 'gid=5' },
      },
      { destination = '/sys', type = 'sysfs', source = 'sysfs', options = { 'nosuid', 'ro' } },
    },
    annotations = { ['io.container.manager'] = 'libpod' },
    linux = {
      namespaces = { { type = 'pid' }, { type = 'ipc' }, { type = 'uts' }, { type = 'mount' } },
      uidMappings = { { containerID = 0, hostID = 1000, size = 1 } },
      gidMappings = { { containerID = 0, hostID = 1000, size = 1 } },
      cgroupsPath = 'user.slice:libpod:web',
      resources = { pids = { limit = 2048 } },
    },
  }
end

---@param directory string
---@return oci.Config config decoded
function M.read(directory)
  return get_json().decode(assert(read_file(directory .. '/config.json')))
end

--- Makes a bundle.
---@param top string an empty directory, for it alone
---@param options scrun.test.BundleOptions
---@return scrun.test.Bundle
function M.make(top, options)
  local path = top .. '/bundle'
  local bundle = {
    path = path,
    config_file = path .. '/config.json',
    rootfs = path .. '/rootfs',
    spool_dir = top .. '/spool',
  }
  assert(make_dirs(bundle.rootfs))
  assert(make_dirs(bundle.spool_dir))
  for name, text in pairs(options.rootfs or {}) do
    local file = bundle.rootfs .. '/' .. name
    assert(make_dirs((file:gsub('/[^/]*$', ''))))
    if not name:find '/$' then
      assert(write_file(file, text, 420)) -- 0644
    end
  end
  local config = options.config or M.config()
  local text = type(config) == 'string' and assert(read_file(config)) or get_json().encode(config)
  assert(write_file(bundle.config_file, text, 420))
  return bundle
end

return M
