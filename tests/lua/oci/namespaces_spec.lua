local idmap = require 'luastd.oci.idmap'
local namespaces = require 'luastd.oci.namespaces'
local sysctl = require 'luastd.oci.sysctl'

describe('oci.namespaces', function()
  it('finds and tells own from joined', function()
    local config = { linux = { namespaces = { { type = 'pid' }, { type = 'ipc', path = '/p' } } } }
    assert.equal('/p', namespaces.find(config, 'ipc').path)
    assert.is_nil(namespaces.find({}, 'ipc'))
    assert.is_true(namespaces.is_own(config, 'pid'))
    assert.is_false(namespaces.is_own(config, 'ipc'))
    assert.is_false(namespaces.is_own(config, 'network'))
  end)

  it('adds a kind once', function()
    local config = namespaces.add(namespaces.add({}, 'user'), 'user')
    assert.same({ linux = { namespaces = { { type = 'user' } } } }, config)
  end)

  it('drops the host name with the UTS namespace', function()
    local config = namespaces.drop({
      hostname = 'web',
      domainname = 'x',
      linux = { namespaces = { { type = 'uts' }, { type = 'pid' } } },
    }, 'uts')
    assert.same({ linux = { namespaces = { { type = 'pid' } } } }, config)
  end)

  it('keeps the host name when another kind goes', function()
    local list = { { type = 'uts' }, { type = 'pid' } }
    local config = namespaces.drop({ hostname = 'web', linux = { namespaces = list } }, 'pid')
    assert.equal('web', config.hostname)
  end)

  it('drops those joined by path', function()
    local list = { { type = 'network', path = '/proc/1/ns/net' }, { type = 'mount' } }
    local config = namespaces.drop_joined { linux = { namespaces = list } }
    assert.same({ { type = 'mount' } }, config.linux.namespaces)
  end)
end)

describe('oci.idmap', function()
  it("maps the process's ids to the job's user", function()
    local config = idmap.map_process({ process = { user = { uid = 33, gid = 34 } } }, 1000, 1001)
    assert.same({ { containerID = 33, hostID = 1000, size = 1 } }, config.linux.uidMappings)
    assert.same({ { containerID = 34, hostID = 1001, size = 1 } }, config.linux.gidMappings)
    assert.is_true(namespaces.is_own(config, 'user'))
  end)

  it("replaces the engine's mappings and its user namespace", function()
    local config = idmap.map_process({
      linux = {
        namespaces = { { type = 'user', path = '/proc/7/ns/user' } },
        uidMappings = { { containerID = 0, hostID = 1, size = 65536 } },
      },
    }, 1000, 1001)
    assert.same({ { containerID = 0, hostID = 1000, size = 1 } }, config.linux.uidMappings)
    assert.same({ { type = 'user' } }, config.linux.namespaces)
  end)
end)

describe('oci.sysctl', function()
  local function keep(settings, list, gid)
    return sysctl.keep_own({
      process = { user = { uid = 0, gid = gid or 0 } },
      linux = { sysctl = settings, namespaces = list },
    }).linux.sysctl
  end

  it('keeps settings of own namespaces', function()
    local settings = { ['net.core.somaxconn'] = '1', ['kernel.shmmax'] = '2' }
    assert.same({ ['net.core.somaxconn'] = '1' }, keep(settings, { { type = 'network' } }))
    assert.same({ ['kernel.shmmax'] = '2' }, keep(settings, { { type = 'ipc' } }))
  end)

  it('leaves nothing behind when nothing may be set', function()
    assert.is_nil(keep({ ['vm.swappiness'] = '1' }, { { type = 'network' } }))
  end)

  it('drops the ping range when group 0 is not mapped', function()
    local settings = { ['net.ipv4.ping_group_range'] = '0 0' }
    assert.is_nil(keep(settings, { { type = 'network' } }, 5))
    assert.same(settings, keep(settings, { { type = 'network' } }, 0))
  end)
end)
