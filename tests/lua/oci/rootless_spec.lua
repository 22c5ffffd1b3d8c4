local rootless = require 'luastd.oci.rootless'

local function podman_config()
  return {
    ociVersion = '1.2.0',
    hostname = 'web',
    root = { path = '/r' },
    process = {
      args = { 'sh' },
      user = { uid = 0, gid = 0, additionalGids = { 10 } },
      rlimits = { { type = 'RLIMIT_NOFILE', hard = 1, soft = 1 } },
      apparmorProfile = 'x',
    },
    mounts = {
      { destination = '/proc', type = 'proc', source = 'proc' },
      { destination = '/dev/pts', type = 'devpts', options = { 'newinstance', 'gid=5' } },
      { destination = '/sys/fs/cgroup', type = 'cgroup' },
    },
    linux = {
      cgroupsPath = '/libpod',
      resources = {},
      namespaces = {
        { type = 'pid' },
        { type = 'mount' },
        { type = 'uts' },
      },
    },
  }
end

local args = {
  uid = 1000,
  gid = 1001,
  exists = function()
    return true
  end,
}

describe('oci.rootless', function()
  it('makes a config an ordinary user can run', function()
    assert.same({
      ociVersion = '1.0.0',
      hostname = 'web',
      root = { path = '/r' },
      process = { args = { 'sh' }, user = { uid = 0, gid = 0 } },
      mounts = {
        { destination = '/proc', type = 'proc', source = 'proc' },
        { destination = '/dev/pts', type = 'devpts', options = { 'newinstance' } },
      },
      linux = {
        namespaces = { { type = 'pid' }, { type = 'mount' }, { type = 'uts' }, { type = 'user' } },
        uidMappings = { { containerID = 0, hostID = 1000, size = 1 } },
        gidMappings = { { containerID = 0, hostID = 1001, size = 1 } },
      },
    }, rootless.adapt(podman_config(), args))
  end)

  it('changes nothing the second time', function()
    local once = rootless.adapt(podman_config(), args)
    local twice = rootless.adapt(rootless.adapt(podman_config(), args), args)
    assert.same(once, twice)
  end)

  it('makes the process root when the setting says so', function()
    local config = podman_config()
    config.process.user = { uid = 33, gid = 33 }
    rootless.ids(config, { uid = 1000, gid = 1001, inner_user = 'root' })
    assert.same({ uid = 0, gid = 0 }, config.process.user)
    assert.equal(0, config.linux.uidMappings[1].containerID)
  end)
end)
