local host = require 'host'

describe('scrun in a spec', function()
  local bundle

  before_each(function()
    assert(scrun.load 'data/scratch.lua')
    bundle = scrun.bundle { rootfs = { ['etc/motd'] = 'hello\n', ['tmp/'] = '' } }
  end)

  it('stages in with the real slurm table, and runs no command', function()
    local staged = assert(scrun.stage_in { bundle = bundle, id = 'db', user_id = 42, job_id = 9 })
    assert.equal(bundle.spool_dir, staged.bundle)
    assert.equal('/scratch/42/db/rootfs', staged.root_path)
    assert.contains('JOB=9', staged.config.process.env)
    assert.contains('FIRST=HOME=/home/alice', staged.config.process.env)
    assert.same({
      {
        kind = 'allocator_command',
        text = 'rsync -a -- ' .. bundle.path .. '/ /scratch/42/db/',
      },
    }, scrun.commands)
    assert.same({ 'staged to /scratch/42/db' }, scrun.messages)
    assert.is_true(scrun.logged('^group 1000$', 'debug'))
    assert.is_false(scrun.logged('group', 'error'))
  end)

  it('answers commands, the newest answer first', function()
    scrun.answer('^rsync', 0, 'fine')
    scrun.answer('/scratch/1000/', 23, 'no space')
    local staged, errmsg = scrun.stage_in { bundle = bundle }
    assert.is_nil(staged)
    assert.matches('scratch%.lua: slurm_scrun_stage_in returned %-1$', errmsg)
    assert.is_true(scrun.logged('rsync: no space', 'error'))
    scrun.answer('.', function(text, kind)
      return 0, kind .. text
    end)
    assert.truthy(scrun.stage_in { bundle = bundle })
  end)

  it('forgets answers and commands of the test before', function()
    assert.same({}, scrun.commands)
    assert.truthy(scrun.stage_in { bundle = bundle })
  end)

  it('stages out what was staged in', function()
    assert(scrun.stage_in { bundle = bundle })
    assert.is_true(scrun.stage_out())
    assert.equal('rm -rf -- /scratch/1000/web/rootfs', scrun.commands[2].text)
    assert.equal('remote_command', scrun.commands[2].kind)
    local ok, errmsg = scrun.stage_out { bundle = bundle.path }
    assert.is_nil(ok)
    assert.contains('slurm_scrun_stage_out returned', errmsg)
  end)

  it('loads the script afresh for each test', function()
    assert.is_nil(rawget(_G, 'loads'))
    assert(scrun.stage_in { bundle = bundle })
    assert.equal(1, rawget(_G, 'loads'))
    scrun.unload()
    assert.is_nil(rawget(_G, 'slurm_scrun_stage_in'))
    assert.equal('table', type(slurm))
  end)

  it('lets functions of slurm be stubbed', function()
    local first = slurm
    stub(slurm, 'allocator_command').returns(1, 'stubbed')
    assert.is_nil((scrun.stage_in { bundle = bundle }))
    assert.spy(slurm.allocator_command).was.called_with(match.has_match '^rsync')
    assert(scrun.load 'data/scratch.lua')
    assert.not_equal(first, slurm)
    assert.equal('function', type(slurm.allocator_command))
  end)

  it('runs commands when it is told to', function()
    local status, output = slurm.allocator_command 'echo here'
    assert.equal(0, status)
    assert.equal('', output)
    scrun.run '^echo'
    status, output = slurm.allocator_command 'echo here; exit 3'
    assert.equal(3, status)
    assert.equal('here\n', output)
    assert.equal('', (select(2, host.run { 'uname' })))
    scrun.run()
    status, output = host.run { 'printf', '%s', "it's" }
    assert.equal(0, status)
    assert.equal("it's", output)
    assert.equal([[printf %s 'it'\''s']], scrun.commands[#scrun.commands].text)
    assert.same({ 'printf', '%s', "it's" }, scrun.commands[#scrun.commands].argv)
  end)

  it('gives stderr to a script that asks for it', function()
    scrun.answer('x', 1, 'out', 'err')
    assert.same({ 1, 'outerr' }, { slurm.allocator_command 'x' })
    assert.same({ 1, 'out', 'err' }, { slurm.allocator_command('x', { stderr = 'apart' }) })
  end)

  it('checks the arguments of slurm functions as ever', function()
    assert.error_matches(function()
      slurm.allocator_command {}
    end, 'a command is expected, got table')
  end)

  it('makes bundles that a script can read', function()
    assert.equal('hello\n', host.read_file(bundle.rootfs .. '/etc/motd'))
    assert.equal('directory', host.stat(bundle.rootfs .. '/tmp').type)
    local config = scrun.config()
    config.hostname = 'other'
    local other = scrun.bundle { config = config }
    assert.not_equal(bundle.path, other.path)
    assert.equal('other', scrun.read_config(other.path).hostname)
  end)

  it('tells why a script does not load', function()
    local ok, errmsg = scrun.load 'data/nothing.lua'
    assert.is_nil(ok)
    assert.contains('no file data/nothing.lua', errmsg)
    assert.is_nil((scrun.stage_in()))
  end)

  it('runs a stager in the place of a script', function()
    assert(scrun.stager 'shared')
    local staged = assert(scrun.stage_in {
      bundle = bundle,
      context = { backend = 'slurm', rootless = true, nodes = { 'n1' } },
    })
    assert.equal(bundle.path .. '/.scrun-web.7', staged.bundle)
    assert.equal(bundle.rootfs, staged.config.root.path)
    assert.is_true(scrun.stage_out())
    assert.is_nil(host.stat(staged.bundle))
  end)

  it("runs the manual's own example", function()
    assert(scrun.load '../../data/manual-example-scrun.lua')
    local staged, errmsg = scrun.stage_in { bundle = bundle }
    assert.is_nil(errmsg)
    assert.matches('rsync', scrun.commands[#scrun.commands].text)
    assert.truthy(staged)
  end)

  it('keeps golden files', function()
    local staged = assert(scrun.stage_in { bundle = bundle })
    assert.matches_golden(staged.config, 'scratch-config')
    assert.matches_golden('some text\n', 'text')
    assert.matches_golden(staged.bundle, 'path')
  end)
end)
