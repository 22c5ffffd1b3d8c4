--- Configurations as engines write them, and real bundles made of them, for specs.
local host = require 'support.host'
local json = require 'json'

local M = {}

--- What rootless podman 5 writes, the parts that matter here.
function M.podman()
  return {
    ociVersion = '1.2.0',
    process = {
      user = { uid = 0, gid = 0, additionalGids = { 0, 10 } },
      args = { 'sh' },
      env = { 'PATH=/bin', 'TERM=xterm' },
      cwd = '/',
      rlimits = { { type = 'RLIMIT_NOFILE', hard = 1048576, soft = 1048576 } },
      oomScoreAdj = -500,
      apparmorProfile = 'containers-default',
    },
    root = { path = 'rootfs' },
    hostname = 'web',
    mounts = {
      { destination = '/proc', type = 'proc', source = 'proc', options = { 'nosuid' } },
      {
        destination = '/dev/pts',
        type = 'devpts',
        source = 'devpts',
        options = { 'nosuid', 'newinstance', 'gid=5', 'uid=0' },
      },
      { destination = '/sys', type = 'sysfs', source = 'sysfs', options = { 'ro' } },
      { destination = '/dev/mqueue', type = 'mqueue', source = 'mqueue' },
      { destination = '/sys/fs/cgroup', type = 'cgroup', source = 'cgroup' },
    },
    annotations = { ['io.container.manager'] = 'libpod' },
    linux = {
      namespaces = { { type = 'pid' }, { type = 'ipc' }, { type = 'uts' }, { type = 'mount' } },
      cgroupsPath = '/libpod_parent/libpod-web',
      resources = { pids = { limit = 2048 } },
      sysctl = { ['net.ipv4.ping_group_range'] = '0 0', ['kernel.shmmax'] = '1' },
    },
  }
end

--- Writes a bundle with a small root file system, and the context of its staging.
---@param config? oci.Config
---@return scrun.stage.Context
function M.make(config)
  local script = 'umask 077; top=$(mktemp -d); cd "$top"; '
    .. 'mkdir -p bundle/rootfs/etc bundle/rootfs/usr/include/sys spool; printf %s "$top"'
  local _, top = host.run { 'sh', '-c', script }
  host.write_file(top .. '/bundle/rootfs/etc/motd', 'hello\n')
  host.write_file(top .. '/bundle/rootfs/usr/include/sys/types.h', 'int;\n')
  host.write_file(top .. '/bundle/config.json', json.encode(config or M.podman()))
  return {
    top = top,
    id = 'web',
    bundle = top .. '/bundle',
    spool_dir = top .. '/spool',
    config_file = top .. '/bundle/config.json',
    job_id = 7,
    user_id = 1000,
    group_id = 1000,
    job_env = { 'SLURM_JOB_ID=7', 'SLURM_JWT=secret', 'HOME=/home/alice', 'USER=alice' },
    rootless = true,
    backend = 'slurm',
    nodes = { 'n1', 'n2' },
    annotations = {},
    settings = {},
  }
end

--- Reads a config.json back.
function M.config(directory)
  return json.decode(assert(host.read_file(directory .. '/config.json')))
end

function M.mount_at(config, destination)
  for _, mount in ipairs(config.mounts or {}) do
    if mount.destination == destination then
      return mount
    end
  end
  return nil
end

--- The global `slurm`, which notes what it is told.
function M.slurm()
  local said = { log = {} }
  return {
    set_bundle_path = function(path)
      said.bundle = path
    end,
    set_root_path = function(path)
      said.root = path
    end,
    log_info = function(text, ...)
      table.insert(said.log, text:format(...))
    end,
  }, said
end

return M
