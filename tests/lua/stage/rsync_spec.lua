local bundles = require 'support.bundle'
local host = require 'support.host'
local rsync = require 'luastd.stage.rsync'
local settings = require 'luastd.settings'

describe('stage.rsync', function()
  local ctx, said

  before_each(function()
    ctx = bundles.make()
    slurm, said = bundles.slurm()
    ctx.settings = setmetatable({ rsync_dir = ctx.top .. '/scratch/%U' }, { __index = settings })
  end)

  after_each(function()
    host.reset()
    host.remove_tree(ctx.top)
    slurm = nil
  end)

  --- The context of stage_out after a stage_in.
  local function after()
    ctx.orig_bundle, ctx.bundle = ctx.bundle, said.bundle
    ctx.orig_root_path, ctx.root_path = 'rootfs', said.root
    return ctx
  end

  --- Lets rsync end with a status instead of running it.
  local function answer(status, output)
    local run = host.run
    host.replace('run', function(argv)
      if argv[1] == 'rsync' then
        return status, output or ''
      end
      return run(argv)
    end)
  end

  it('copies the root file system, whatever its directories are called', function()
    assert.is_true(rsync.stage_in(ctx))
    assert.equal(ctx.top .. '/scratch/1000/web.7', said.bundle)
    assert.equal(said.bundle .. '/rootfs', said.root)
    assert.equal('hello\n', host.read_file(said.root .. '/etc/motd'))
    assert.equal('int;\n', host.read_file(said.root .. '/usr/include/sys/types.h'))
    assert.equal(said.root, bundles.config(said.bundle).root.path)
  end)

  it('needs no quoting for odd names', function()
    local odd = [[ it's $(touch x); "]] .. '\n*'
    host.write_file(ctx.bundle .. '/rootfs/' .. odd, 'x')
    ctx.settings.rsync_dir = ctx.top .. '/a "b\' $c'
    assert.is_true(rsync.stage_in(ctx))
    assert.equal('x', host.read_file(said.root .. '/' .. odd))
  end)

  it('brings changes and deletions back and removes the copy', function()
    host.write_file(ctx.bundle .. '/rootfs/etc/old', 'x')
    rsync.stage_in(ctx)
    host.write_file(said.root .. '/etc/new', 'made in the job\n')
    host.remove_tree(said.root .. '/etc/old')
    local home = ctx.bundle .. '/rootfs'
    assert.is_true(rsync.stage_out(after()))
    assert.equal('made in the job\n', host.read_file(home .. '/etc/new'))
    assert.is_nil(host.stat(home .. '/etc/old'))
    assert.is_nil(host.stat(said.bundle))
  end)

  it('leaves the contents of /dev, /proc and /sys alone in both directions', function()
    local home = ctx.bundle .. '/rootfs'
    host.make_dirs(home .. '/dev')
    host.write_file(home .. '/dev/mine', 'x')
    rsync.stage_in(ctx)
    assert.is_nil(host.stat(said.root .. '/dev/mine'))
    host.write_file(said.root .. '/dev/console', '')
    rsync.stage_out(after())
    assert.equal('x', host.read_file(home .. '/dev/mine'))
    assert.is_nil(host.stat(home .. '/dev/console'))
  end)

  it('brings nothing back to a read-only root', function()
    local config = bundles.podman()
    config.root.readonly = true
    host.write_file(ctx.config_file, require('json').encode(config))
    rsync.stage_in(ctx)
    local runs = #host.calls 'run'
    assert.is_true(rsync.stage_out(after()))
    for at = runs + 1, #host.calls 'run' do
      assert.not_equal('rsync', host.calls('run')[at][1])
    end
    assert.is_nil(host.stat(said.bundle))
  end)

  it('goes on when files could not be read, and then deletes none at home', function()
    answer(23, 'rsync: [sender] open "/x" failed: Permission denied (13)\nrsync error')
    assert.is_true(rsync.stage_in(ctx))
    assert.contains('Permission denied', said.log[1])
    rsync.stage_out(after())
    local calls = host.calls 'run'
    local last
    for _, argv in ipairs(calls) do
      last = argv[1] == 'rsync' and table.concat(argv, ' ') or last
    end
    assert.is_nil(last:find('--delete', 1, true))
  end)

  it('says why rsync failed, in one line, and leaves nothing', function()
    answer(11, 'sending\nrsync: write failed: No space left on device (28)\nrsync error: x')
    local ok, errmsg, code = rsync.stage_in(ctx)
    assert.is_nil(ok)
    assert.matches('write failed: No space left on device %(28%)$', errmsg)
    assert.equal('EIO', code)
    assert.is_nil(said.bundle)
    assert.is_nil(host.stat(ctx.top .. '/scratch/1000/web.7'))
    answer(127)
    ok, errmsg = rsync.stage_in(ctx)
    assert.is_nil(ok)
    assert.equal('rsync is not installed on this host', errmsg)
  end)

  it('removes the copy even when copying back fails', function()
    rsync.stage_in(ctx)
    answer(10, 'rsync error: socket I/O')
    local ok, errmsg = rsync.stage_out(after())
    assert.is_nil(ok)
    assert.contains('socket I/O. the changes are lost', errmsg)
    assert.is_nil(host.stat(said.bundle))
  end)

  it('cleans up after a stage in that was cancelled half-way', function()
    local run = host.run
    host.replace('run', function(argv)
      if argv[1] == 'rsync' then
        error('cancelled', 0)
      end
      return run(argv)
    end)
    host.replace('remove_tree', function()
      error('cancelled', 0)
    end)
    assert.error_matches(function()
      rsync.stage_in(ctx)
    end, '^cancelled$')
    host.reset()
    assert.equal('directory', host.stat(ctx.top .. '/scratch/1000/web.7').type)
    ctx.orig_bundle = ctx.bundle
    assert.is_true(rsync.stage_out(ctx))
    assert.is_nil(host.stat(ctx.top .. '/scratch/1000/web.7'))
    assert.equal('hello\n', host.read_file(ctx.bundle .. '/rootfs/etc/motd'))
  end)

  it('keeps owners and devices for a privileged runtime only', function()
    local function has(option)
      for _, word in ipairs(rsync.options(ctx)) do
        if word == option then
          return true
        end
      end
      return false
    end
    assert.is_true(has '--no-owner')
    ctx.rootless = false
    assert.is_false(has '--no-owner')
  end)

  describe('with scratch of the nodes', function()
    --- Plays srun: `WORDS… NODE COMMAND…` runs the command here, below a directory per node.
    before_each(function()
      host.write_file(
        ctx.top .. '/srun',
        '#!/bin/sh\nwhile [ "$1" != --nodelist ]; do echo "$1" >> "$0.log"; shift; done\n'
          .. 'cd "$0.d/$2" || exit 1; shift 2; exec "$@"\n',
        493
      )
      for _, node in ipairs(ctx.nodes) do
        host.make_dirs(ctx.top .. '/srun.d/' .. node)
      end
      ctx.settings.rsync_scratch = 'nodes'
      ctx.settings.rsync_shell = { ctx.top .. '/srun', '--quiet', '--nodelist' }
      ctx.settings.rsync_dir = '/tmp/unused'
    end)

    it('sends bundle and root file system to every node', function()
      -- One machine plays all nodes, so their directories are relative to each node's own.
      rsync.choose_directory = function()
        return 'web.7'
      end
      host.replace('run_remote', function(argv)
        for _, node in ipairs(ctx.nodes) do
          local here = { 'env', '-C', ctx.top .. '/srun.d/' .. node }
          local script = argv[3]:gsub('mkdir %-p .- && ', '')
          for _, word in ipairs { argv[1], argv[2], script, argv[4], argv[5] } do
            here[#here + 1] = word
          end
          local status, output = host.run(here)
          if status ~= 0 then
            return status, output
          end
        end
        return 0, ''
      end)
      local ok, errmsg = rsync.stage_in(ctx)
      assert.is_nil(errmsg)
      assert.is_true(ok)
      for _, node in ipairs(ctx.nodes) do
        local there = ctx.top .. '/srun.d/' .. node .. '/web.7'
        assert.equal('web.7/rootfs', bundles.config(there).root.path)
        assert.equal('hello\n', host.read_file(there .. '/rootfs/etc/motd'))
      end
      assert.contains('--jobid=7\n--quiet\n', host.read_file(ctx.top .. '/srun.log'))

      host.write_file(ctx.top .. '/srun.d/n1/web.7/rootfs/etc/new', 'from n1')
      local home = ctx.bundle .. '/rootfs'
      assert.is_true(rsync.stage_out(after()))
      assert.equal('from n1', host.read_file(home .. '/etc/new'))
      for _, node in ipairs(ctx.nodes) do
        assert.is_nil(host.stat(ctx.top .. '/srun.d/' .. node .. '/web.7'))
      end
      assert.is_nil(host.stat(ctx.spool_dir .. '/bundle'))
    end)

    it('says on which node the changes of a job that is over stay', function()
      rsync.choose_directory = function()
        return 'web.7'
      end
      host.replace('run_remote', function()
        return 0, ''
      end)
      for _, node in ipairs(ctx.nodes) do
        host.make_dirs(ctx.top .. '/srun.d/' .. node .. '/web.7')
      end
      assert.is_true(rsync.stage_in(ctx))
      local refusal = '#!/bin/sh\necho "srun: error: expired" >&2; exit 1\n'
      host.write_file(ctx.top .. '/srun', refusal, 493)
      host.replace('run_remote', function()
        return 1, 'srun: error: expired'
      end)
      local ok, errmsg = rsync.stage_out(after())
      assert.is_nil(ok)
      assert.contains('srun: error: expired. the changes stay in web.7 on n1', errmsg)
    end)
  end)
end)
