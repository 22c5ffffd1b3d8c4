--- What a container of a GPU job gets. The nodes' answers are the spec's; no GPU is needed.
local HERE = debug.getinfo(1, 'S').source:match '^@(.-)[^/]*$'

local function stage_in(env)
  return scrun.stage_in {
    job_env = env,
    context = { backend = 'slurm', rootless = true, nodes = { 'g1', 'g2' } },
  }
end

--- Destinations of binds, as a set.
local function bound(config)
  local set = {}
  for _, mount in ipairs(config.mounts) do
    if mount.type == 'bind' then
      set[mount.destination] = mount
    end
  end
  return set
end

describe('the container of a gpu job', function()
  local GPU = { SLURM_JOB_ID = 7, SLURM_JOB_PARTITION = 'gpu' }
  local specification

  before_each(function()
    local file = assert(io.open(HERE .. 'nvidia.json'))
    specification = file:read '*a'
    file:close()
    assert(scrun.stager 'shared')
    scrun.answer('SLURM_STEP_GPUS', 0, 'gpus=1,2\n')
    scrun.answer('^cat /etc/cdi/nvidia.json', function()
      return 0, specification
    end)
  end)

  it('sees the devices that were granted, and no other', function()
    local binds = bound(assert(stage_in(GPU)).config)
    assert.is_truthy(binds['/dev/nvidia1'] and binds['/dev/nvidia2'] and binds['/dev/nvidiactl'])
    assert.is_nil(binds['/dev/nvidia0'])
  end)

  it('has the driver of the node, which this machine lacks', function()
    local config = assert(stage_in(GPU)).config
    local library = bound(config)['/usr/lib64/libcuda.so.555.42']
    assert.same({ 'ro', 'nosuid', 'nodev', 'bind' }, library.options)
    assert.equal('/usr/bin/nvidia-cdi-hook', config.hooks.createContainer[1].path)
    assert.equal('NVIDIA_VISIBLE_DEVICES=void', config.process.env[#config.process.env])
  end)

  it('has the union of what several nodes grant', function()
    scrun.answer('SLURM_STEP_GPUS', 0, 'gpus=0\ngpus=1\n')
    local binds = bound(assert(stage_in(GPU)).config)
    assert.is_truthy(binds['/dev/nvidia0'] and binds['/dev/nvidia1'])
    assert.is_nil(binds['/dev/nvidia2'])
  end)

  it('is told of a node without a specification', function()
    scrun.answer('^cat', 1, '', 'cat: /etc/cdi/nvidia.json: No such file or directory')
    local staged, errmsg = stage_in(GPU)
    assert.is_nil(staged)
    assert.matches('GPUs: g1 has no /etc/cdi/nvidia.json', errmsg, 1, true)
    assert.is_true(scrun.logged('No such file', 'error'))
  end)

  it('is told of a specification that is older than the hardware', function()
    scrun.answer('SLURM_STEP_GPUS', 0, 'gpus=7\n')
    local staged, errmsg = stage_in(GPU)
    assert.is_nil(staged)
    assert.matches('has no device 7', errmsg)
  end)

  it('is told of a specification that is no JSON', function()
    specification = 'cdiVersion: 0.5.0'
    assert.matches('is no JSON', (select(2, stage_in(GPU))))
  end)
end)

describe('other containers', function()
  before_each(function()
    assert(scrun.stager 'shared')
  end)

  it('cost no step', function()
    assert(stage_in { SLURM_JOB_ID = 7, SLURM_JOB_PARTITION = 'work' })
    assert.same({}, scrun.commands)
  end)

  it('are asked for GPUs when their job asked for some', function()
    assert(stage_in { SLURM_JOB_ID = 7, SLURM_JOB_PARTITION = 'work', SLURM_GPUS = 1 })
    assert.equal(1, #scrun.commands)
  end)

  it('get nothing in a gpu partition when none was granted', function()
    scrun.answer('SLURM_STEP_GPUS', 0, 'gpus=\n')
    local config = assert(stage_in { SLURM_JOB_ID = 7, SLURM_JOB_PARTITION = 'gpu' }).config
    assert.is_nil(config.hooks)
    assert.equal(1, #scrun.commands)
  end)
end)
