--- How images come to the nodes, by partition. No command runs here: each has status 0.
local function stage_in(partition)
  local env = { SLURM_JOB_ID = 7, USER = 'alice', SLURM_JOB_PARTITION = partition }
  local context = { backend = 'slurm', rootless = true, nodes = { 'n1', 'n2' } }
  return scrun.stage_in { bundle = scrun.bundle(), job_env = env, context = context }
end

local function programs()
  local names = {}
  for at, command in ipairs(scrun.commands) do
    names[at] = command.argv[1]
  end
  return names
end

describe('the stager by_partition', function()
  before_each(function()
    assert(scrun.stager(require('scrun.settings').stage))
  end)

  it('copies nothing where the nodes see the images', function()
    for _, partition in ipairs { 'work', 'debug', 'a partition of tomorrow' } do
      local staged = assert(stage_in(partition))
      assert.matches('/%.scrun%-web%.7$', staged.bundle)
    end
    assert.same({}, scrun.commands)
  end)

  it('copies to the disk of each node in nvme', function()
    local staged = assert(stage_in 'nvme')
    assert.equal('/local/alice/scrun/web.7', staged.bundle)
    assert.equal('/local/alice/scrun/web.7/rootfs', staged.root_path)
    assert.same({ '/bin/sh', 'rsync', 'rsync', 'rsync', 'rsync' }, programs())
    assert.matches('%-%-exclude=/tmp/%*', scrun.commands[2].text)
    assert.matches('n1:/local/alice/scrun/web%.7', scrun.commands[2].text)
    assert.matches('n2:/local/alice/scrun/web%.7', scrun.commands[4].text)
  end)

  it('removes the copies and brings nothing back, also without the environment', function()
    assert(stage_in 'nvme')
    scrun.clear()
    assert.is_true(scrun.stage_out())
    assert.same({ '/bin/sh' }, programs())
    assert.equal('run_remote', scrun.commands[1].kind)
  end)

  it('passes on why a disk cannot be used', function()
    scrun.answer('mkdir', 1, 'mkdir: /local: No space left on device')
    local staged, errmsg = stage_in 'nvme'
    assert.is_nil(staged)
    assert.matches('on the nodes: mkdir: /local: No space left on device', errmsg)
  end)

  it('has nothing to do for a container that never was staged', function()
    assert(stage_in 'work')
    assert.is_true(scrun.stage_out { spool_dir = scrun.directory() })
  end)
end)
