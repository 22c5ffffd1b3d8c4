local bundles = require 'support.bundle'
local host = require 'support.host'
local shared = require 'luastd.stage.shared'

describe('stage.shared with real files', function()
  local ctx, said

  before_each(function()
    ctx = bundles.make()
    slurm, said = bundles.slurm()
  end)

  after_each(function()
    host.reset()
    host.remove_tree(ctx.top)
    slurm = nil
  end)

  it("makes a private bundle in the engine's, which keeps its root file system", function()
    assert.is_true(shared.stage_in(ctx))
    assert.equal(ctx.bundle .. '/.scrun-web.7', said.bundle)
    assert.is_nil(said.root)
    local config = bundles.config(said.bundle)
    assert.equal(ctx.bundle .. '/rootfs', config.root.path)
    assert.same({ { containerID = 0, hostID = 1000, size = 1 } }, config.linux.uidMappings)
    assert.is_nil(config.process.rlimits)
    assert.equal(448, host.stat(said.bundle).mode % 512)
  end)

  it("leaves the engine's config.json as it is", function()
    local before = host.read_file(ctx.config_file)
    shared.stage_in(ctx)
    assert.equal(before, host.read_file(ctx.config_file))
  end)

  it("gives the container the job's variables, without credentials and HOME", function()
    ctx.settings = require 'luastd.settings'
    shared.stage_in(ctx)
    local config = bundles.config(said.bundle)
    assert.same({
      'PATH=/bin',
      'TERM=xterm',
      'SLURM_JOB_ID=7',
      'SCRUN_BUNDLE=' .. said.bundle, -- where it is now, not where it was submitted
      'SCRUN_ROOTFS_PATH=' .. config.root.path,
    }, config.process.env)
  end)

  it("carries the engine's files along and leaves the user's binds in place", function()
    local config = bundles.podman()
    host.make_dirs(ctx.top .. '/data')
    host.write_file(ctx.bundle .. '/resolv.conf', 'nameserver ::1\n', 420)
    for destination, source in pairs {
      ['/etc/resolv.conf'] = 'resolv.conf',
      ['/data'] = ctx.top .. '/data',
      ['/gone'] = '/nonexistent/x',
      ['/dev/shm'] = ctx.bundle .. '/shm',
    } do
      table.insert(config.mounts, { destination = destination, type = 'bind', source = source })
    end
    host.write_file(ctx.config_file, require('json').encode(config))

    assert.is_true(shared.stage_in(ctx))
    local staged = bundles.config(said.bundle)
    local carried = bundles.mount_at(staged, '/etc/resolv.conf').source
    assert.contains(said.bundle .. '/files/', carried)
    assert.equal('nameserver ::1\n', host.read_file(carried))
    assert.equal(420, host.stat(carried).mode % 512)
    assert.equal(ctx.top .. '/data', bundles.mount_at(staged, '/data').source)
    assert.equal('tmpfs', bundles.mount_at(staged, '/dev/shm').type)
    assert.is_nil(bundles.mount_at(staged, '/gone'))
    assert.matches('/gone: /nonexistent/x is missing', said.log[1])
  end)

  it('takes the directory that the site chose', function()
    ctx.settings = { shared_dir = ctx.top .. '/site/%U' }
    assert.is_true(shared.stage_in(ctx))
    assert.equal(ctx.top .. '/site/1000/web.7', said.bundle)
  end)

  it('keeps to the spool directory and edits nothing foreign without Slurm', function()
    ctx.backend, ctx.rootless = 'local', false
    assert.is_true(shared.stage_in(ctx))
    assert.equal(ctx.spool_dir .. '/bundle', said.bundle)
    local config = bundles.config(said.bundle)
    assert.equal('containers-default', config.process.apparmorProfile)
    assert.equal('/libpod_parent/libpod-web', config.linux.cgroupsPath)
    assert.is_nil(config.linux.uidMappings)
  end)

  it('advises when the bundle cannot be written', function()
    host.replace('make_dirs', function(path)
      return nil, path .. ': Read-only file system', 'EROFS'
    end)
    local ok, errmsg, code = shared.stage_in(ctx)
    assert.is_nil(ok)
    assert.contains('Read-only file system. set shared_dir', errmsg)
    assert.equal('EROFS', code)
    assert.is_nil(said.bundle)
  end)

  it('asks the nodes for the root file system when the setting says so', function()
    ctx.settings = { shared_check = true }
    host.replace('run_remote', function()
      return 1, ''
    end)
    local ok, errmsg = shared.stage_in(ctx)
    assert.is_nil(ok)
    assert.contains('nodes do not see root file system', errmsg)
    assert.same({ { 'test', '-d', ctx.bundle .. '/rootfs' } }, host.calls 'run_remote')
    assert.is_nil(host.stat(ctx.bundle .. '/.scrun-web.7'))
  end)

  it('leaves nothing half-made when writing fails, or raises', function()
    local write_file = host.write_file
    for _, broken in ipairs {
      function()
        return nil, 'No space left on device', 'ENOSPC'
      end,
      function()
        error('cancelled', 0)
      end,
    } do
      host.replace('write_file', function(path, ...)
        if path:find 'config.json$' then
          return broken()
        end
        return write_file(path, ...)
      end)
      local finished, ok = pcall(shared.stage_in, ctx)
      host.reset()
      assert.is_true(not finished or not ok)
      assert.is_nil(host.stat(ctx.bundle .. '/.scrun-web.7'))
      assert.is_nil(said.bundle)
    end
  end)

  it('removes the private bundle at stage out, and nothing else, as often as asked', function()
    shared.stage_in(ctx)
    local staged = said.bundle
    ctx.bundle, ctx.orig_bundle = staged, ctx.bundle
    assert.is_true(shared.stage_out(ctx))
    assert.is_true(shared.stage_out(ctx))
    assert.is_nil(host.stat(staged))
    assert.equal('hello\n', host.read_file(ctx.orig_bundle .. '/rootfs/etc/motd'))
    assert.equal('file', host.stat(ctx.orig_bundle .. '/config.json').type)
  end)

  it('names what is wrong with a config.json', function()
    host.write_file(ctx.config_file, '{"root": {}}')
    local ok, errmsg, code = shared.stage_in(ctx)
    assert.is_nil(ok)
    assert.contains('config.json: root.path is missing', errmsg)
    assert.equal('BAD_CONFIG', code)
  end)
end)
