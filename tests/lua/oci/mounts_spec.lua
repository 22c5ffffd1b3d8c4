local binds = require 'luastd.oci.binds'
local devices = require 'luastd.oci.devices'
local mounts = require 'luastd.oci.mounts'

describe('oci.mounts', function()
  it('tells a bind by its type or its options', function()
    assert.is_true(mounts.is_bind { type = 'bind' })
    assert.is_true(mounts.is_bind { type = 'none', options = { 'ro', 'rbind' } })
    assert.is_false(mounts.is_bind { type = 'tmpfs', options = { 'ro' } })
    assert.is_false(mounts.is_bind {})
  end)

  it('drops uid= and gid= and keeps what looks alike', function()
    local config = mounts.drop_id_options {
      mounts = { { options = { 'gid=5', 'mode=620', 'uid=0', 'nouid=1' } }, {} },
    }
    assert.same({ { options = { 'mode=620', 'nouid=1' } }, {} }, config.mounts)
  end)

  it('drops id-mapped mounts', function()
    local config = mounts.drop_id_mappings {
      mounts = { { uidMappings = {}, gidMappings = {}, options = { 'idmap', 'ridmap', 'ro' } } },
    }
    assert.same({ { options = { 'ro' } } }, config.mounts)
  end)

  it('borrows /proc, /sys and drops mqueue without own namespaces', function()
    local config = mounts.borrow_kernel_views {
      mounts = {
        { type = 'proc', destination = '/proc' },
        { type = 'sysfs', destination = '/sys' },
        { type = 'mqueue', destination = '/dev/mqueue' },
      },
    }
    assert.equal(2, #config.mounts)
    assert.equal('/proc', config.mounts[1].source)
    assert.equal('bind', config.mounts[1].type)
    assert.equal('/sys', config.mounts[2].source)
    assert.equal('ro', config.mounts[2].options[5])
  end)

  it('leaves them with own namespaces', function()
    local config = mounts.borrow_kernel_views {
      linux = { namespaces = { { type = 'pid' }, { type = 'network' }, { type = 'ipc' } } },
      mounts = { { type = 'proc' }, { type = 'sysfs' }, { type = 'mqueue' } },
    }
    assert.same({ { type = 'proc' }, { type = 'sysfs' }, { type = 'mqueue' } }, config.mounts)
  end)
end)

describe('oci.devices', function()
  local function exists(path)
    return path ~= '/dev/absent'
  end

  it("binds the node's devices, but neither absent ones nor the runtime's own", function()
    local config = devices.bind({
      linux = {
        devices = { { path = '/dev/fuse' }, { path = '/dev/absent' }, { path = '/dev/tty' } },
      },
    }, exists)
    assert.is_nil(config.linux.devices)
    assert.equal(1, #config.mounts)
    assert.equal('/dev/fuse', config.mounts[1].source)
    assert.equal('/dev/fuse', config.mounts[1].destination)
  end)

  it('takes a config without devices', function()
    assert.same({}, devices.bind({}, exists))
  end)
end)

describe('oci.binds', function()
  local id = ('0123456789abcdef'):rep(4)
  local kinds = {
    ['/home/ann'] = 'directory',
    ['/b/hosts'] = 'file',
    ['/b/shm'] = 'directory',
    ['/x/' .. id .. '/hostname'] = 'file',
    ['/x/' .. id .. '/sock'] = 'socket',
    ['/run/user/1000/containers/shm'] = 'directory',
  }
  local context = {
    id = id,
    bundle = '/b',
    stat = function(path)
      return kinds[path] and { type = kinds[path] } or nil
    end,
  }
  local function fate(source, destination)
    return binds.choose({ source = source, destination = destination or '/d' }, context)
  end

  it('keeps what the user names and what every node has', function()
    assert.equal('keep', fate '/home/ann')
    assert.equal('keep', fate '/dev/fuse')
    assert.equal('keep', fate '/proc')
  end)

  it("carries the engine's own files", function()
    assert.equal('carry', fate '/b/hosts')
    assert.equal('carry', fate('/x/' .. id .. '/hostname'))
  end)

  it('keeps what cannot be copied', function()
    assert.equal('keep', fate('/x/' .. id .. '/sock'))
  end)

  it("replaces the engine's /dev/shm and drops what is gone", function()
    assert.equal('shm', fate('/b/shm', '/dev/shm'))
    assert.equal('shm', fate('/run/user/1000/containers/shm', '/dev/shm'))
    assert.equal('keep', fate('/home/ann', '/dev/shm'))
    assert.equal('drop', fate '/gone')
  end)

  it('takes a short id for a directory like any other', function()
    local short = { id = 'web', bundle = '/b', stat = context.stat }
    assert.is_false(binds.is_engine_path('/srv/web/data', short))
    assert.is_false(binds.is_engine_path('/bundle', short))
  end)

  it("makes /dev/shm as large as the engine's", function()
    local function size(bytes)
      local config = { mounts = { { type = 'bind', source = '/b/shm', destination = '/dev/shm' } } }
      binds.plan(config, {
        id = id,
        bundle = '/b',
        stat = context.stat,
        mount_size = function()
          return bytes
        end,
      })
      return config.mounts[1].options[5]
    end
    assert.equal('size=8589934592', size(8589934592))
    assert.equal('size=64m', size(nil))
  end)

  it('plans: carries, drops, gives a tmpfs, makes sources absolute', function()
    local config = {
      mounts = {
        { type = 'bind', source = 'hosts', destination = '/etc/hosts' },
        { type = 'bind', source = '/gone', destination = '/gone' },
        { type = 'bind', source = 'shm', destination = '/dev/shm' },
        { type = 'tmpfs', source = 'tmpfs', destination = '/tmp' },
      },
    }
    local carried, dropped = binds.plan(config, context)
    assert.equal('/b/hosts', carried[1].source)
    assert.equal(1, #carried)
    assert.equal('/gone', dropped[1].source)
    assert.equal(1, #dropped)
    assert.equal(3, #config.mounts)
    assert.equal('tmpfs', config.mounts[2].type)
    assert.equal('size=64m', config.mounts[2].options[5])
    assert.same({ type = 'tmpfs', source = 'tmpfs', destination = '/tmp' }, config.mounts[3])
  end)
end)
