local cgroups = require 'luastd.oci.cgroups'
local hooks = require 'luastd.oci.hooks'
local process = require 'luastd.oci.process'
local root = require 'luastd.oci.root'
local security = require 'luastd.oci.security'
local user = require 'luastd.oci.user'
local version = require 'luastd.oci.version'

describe('oci.process', function()
  it('drops resource limits and the out-of-memory score, nothing else', function()
    local config = { process = { rlimits = { {} }, oomScoreAdj = 0, args = { 'sh' } } }
    process.drop_rlimits(config)
    process.drop_oom_score(config)
    assert.same({ process = { args = { 'sh' } } }, config)
  end)

  it('takes a config without a process', function()
    assert.same({}, process.drop_oom_score(process.drop_rlimits {}))
  end)
end)

describe('oci.user', function()
  it('is root when the config names nobody', function()
    assert.same({ 0, 0 }, { user.ids {} })
    assert.same({ 5, 6 }, { user.ids { process = { user = { uid = 5, gid = 6 } } } })
  end)

  it('drops supplementary groups and keeps the ids', function()
    local config = { process = { user = { uid = 5, gid = 6, additionalGids = { 7 } } } }
    assert.same({ process = { user = { uid = 5, gid = 6 } } }, user.drop_additional_gids(config))
  end)

  it('becomes root', function()
    local config = user.become_root { process = { user = { uid = 5, gid = 6 } } }
    assert.same({ uid = 0, gid = 0 }, config.process.user)
    assert.same({ process = { user = { uid = 0, gid = 0 } } }, user.become_root { process = {} })
    assert.same({}, user.become_root {})
  end)
end)

describe('oci.version', function()
  it('declares the oldest version', function()
    assert.equal('1.0.0', version.lower({ ociVersion = '1.3.0' }).ociVersion)
  end)
end)

describe('oci.root', function()
  it('counts a relative path from the bundle', function()
    assert.equal('/b/rootfs', root.path({ root = { path = 'rootfs' } }, '/b/'))
    assert.equal('/r', root.path({ root = { path = '/r' } }, '/b'))
    assert.is_nil(root.path({ root = { path = '' } }, '/b'))
    assert.is_nil(root.path({}, '/b'))
  end)

  it('moves and stays read-only', function()
    local config = root.set_path({ root = { path = 'a', readonly = true } }, '/s')
    assert.same({ path = '/s', readonly = true }, config.root)
    assert.same({ root = { path = '/s' } }, root.set_path({}, '/s'))
  end)
end)

describe('oci.hooks', function()
  it('drops hooks of the engine and keeps the others', function()
    local config = hooks.drop { hooks = { prestart = { {} }, poststop = { {} } } }
    assert.same({ hooks = { poststop = { {} } } }, config)
  end)

  it('leaves no empty table behind', function()
    assert.same({}, hooks.drop { hooks = { prestart = {}, createContainer = {} } })
    assert.same({}, hooks.drop {})
  end)

  it('drops the kinds it is told', function()
    assert.same({}, hooks.drop({ hooks = { poststop = {} } }, { 'poststop' }))
  end)

  it("knows docker's network hook", function()
    local args = { 'libnetwork-setkey', '-exec-root=/var/run/docker' }
    assert.is_true(hooks.sets_up_network { hooks = { prestart = { { args = args } } } })
    assert.is_false(hooks.sets_up_network { hooks = { prestart = { { args = { 'x' } } } } })
    assert.is_false(hooks.sets_up_network {})
  end)
end)

describe('oci.cgroups', function()
  it('drops the path and the limits', function()
    local config = { linux = { cgroupsPath = '/x', resources = {}, intelRdt = {}, devices = {} } }
    cgroups.drop_path(config)
    cgroups.drop_resources(config)
    assert.same({ linux = { devices = {} } }, config)
  end)

  it('drops the namespace and both file systems', function()
    local config = cgroups.drop_view {
      linux = { namespaces = { { type = 'cgroup' }, { type = 'pid' } } },
      mounts = { { type = 'cgroup' }, { type = 'cgroup2' }, { type = 'proc' } },
    }
    assert.same({ { type = 'pid' } }, config.linux.namespaces)
    assert.same({ { type = 'proc' } }, config.mounts)
  end)
end)

describe('oci.security', function()
  it('drops AppArmor and SELinux labels', function()
    local config = security.drop_labels {
      process = { apparmorProfile = 'x', selinuxLabel = 'y', cwd = '/' },
      linux = { mountLabel = 'z' },
    }
    assert.same({ process = { cwd = '/' }, linux = {} }, config)
  end)

  it('drops a seccomp profile only when it has a listener', function()
    local plain = { linux = { seccomp = { defaultAction = 'SCMP_ACT_ERRNO' } } }
    assert.is_not_nil(security.drop_seccomp_listener(plain).linux.seccomp)
    local asking = { linux = { seccomp = { listenerPath = '/run/x.sock' } } }
    assert.is_nil(security.drop_seccomp_listener(asking).linux.seccomp)
  end)
end)
