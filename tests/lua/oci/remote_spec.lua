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
