local remote = require 'luastd.oci.remote'

describe('oci.remote', function()
  it("drops what only the engine's host has", function()
    assert.same(
      {
        ociVersion = '1.0.0',
        process = { args = { 'sh' } },
        linux = { namespaces = { { type = 'pid' } } },
        hooks = { poststop = { { path = '/bin/x' } } },
      },
      remote.adapt {
        ociVersion = '1.2.0',
        process = { args = { 'sh' }, apparmorProfile = 'x' },
        linux = {
          cgroupsPath = '/libpod',
          namespaces = { { type = 'pid' }, { type = 'network', path = '/run/netns/x' } },
        },
        hooks = { prestart = { { path = '/bin/hook' } }, poststop = { { path = '/bin/x' } } },
      }
    )
  end)

  it('drops the settings of a network that is dropped, keeps the others', function()
    local docker = {
      hooks = { prestart = { { args = { 'libnetwork-setkey' } } } },
      linux = {
        namespaces = { { type = 'network' }, { type = 'ipc' } },
        sysctl = {
          ['net.ipv4.ip_unprivileged_port_start'] = '0',
          ['kernel.shmmax'] = '1',
          ['vm.swappiness'] = '1',
        },
      },
    }
    local kept = { ['kernel.shmmax'] = '1', ['vm.swappiness'] = '1' }
    assert.same(kept, remote.adapt(docker).linux.sysctl)
  end)

  it("drops a network that the engine's hook would set up, keeps an empty one", function()
    local docker = {
      hooks = { prestart = { { args = { 'libnetwork-setkey' } } } },
      linux = { namespaces = { { type = 'network' } } },
    }
    assert.is_nil(remote.adapt(docker).linux.namespaces)
    local none = { linux = { namespaces = { { type = 'network' } } } }
    assert.same({ { type = 'network' } }, remote.adapt(none).linux.namespaces)
  end)
end)
