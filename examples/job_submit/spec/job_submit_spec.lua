--- Specs of job_submit.lua: job_desc is a table with what the user asked for.
local DIRECTORY = debug.getinfo(1, 'S').source:match '^@(.-)spec/[^/]*$'

describe('job_submit.lua', function()
  local ROOT, ALICE = 0, 1000
  local told

  before_each(function()
    dofile(DIRECTORY .. 'job_submit.lua')
    told = stub(slurm, 'log_user')
  end)

  local function job(given)
    given.time_limit = given.time_limit or slurm.NO_VAL
    return given
  end

  local function partition_of(given)
    local job_desc = job(given)
    assert.equal(slurm.SUCCESS, slurm_job_submit(job_desc, {}, ALICE))
    return job_desc.partition
  end

  it('sends jobs where their needs are met', function()
    assert.equal('gpu', partition_of { tres_per_node = 'gres/gpu:2' })
    assert.equal('gpu', partition_of { tres_per_job = 'gres/gpu:a100:1', time_limit = 5 })
    assert.equal('short', partition_of { time_limit = 60 })
    assert.equal('work', partition_of { time_limit = 61 })
    assert.equal('work', partition_of {})
    assert.equal('work', partition_of { tres_per_node = 'gres/ssd:1' })
  end)

  it('leaves a partition alone that the user chose', function()
    assert.equal('work', partition_of { partition = 'work', time_limit = 5 })
    assert.equal('gpu', partition_of { partition = 'gpu', tres_per_task = 'gres/gpu:1' })
  end)

  it('refuses a job in gpu without GPUs, and says what to do', function()
    local verdict = slurm_job_submit(job { partition = 'gpu', script = '#!/bin/sh' }, {}, ALICE)
    assert.equal(slurm.ESLURM_INVALID_GRES, verdict)
    assert.stub(told).was.called(1)
  end)

  it('refuses a long interactive job', function()
    local verdict = slurm_job_submit(job { name = 'bash', time_limit = 481 }, {}, ALICE)
    assert.equal(slurm.ESLURM_INVALID_TIME_LIMIT, verdict)
    verdict = slurm_job_submit(job { name = 'bash', time_limit = 480 }, {}, ALICE)
    assert.equal(slurm.SUCCESS, verdict)
    assert.stub(told).was.called_with('interactive jobs end after %d minutes: use sbatch', 480)
  end)

  it('takes it as a batch job, as a container, and of root', function()
    local batch = { name = 'bash', time_limit = 481, script = '#!/bin/sh' }
    local container = { name = 'scrun-web', time_limit = 481 }
    local interactive = { name = 'bash', time_limit = 481 }
    assert.equal(slurm.SUCCESS, slurm_job_submit(batch, {}, ALICE))
    assert.equal(slurm.SUCCESS, slurm_job_submit(container, {}, ALICE))
    assert.equal(slurm.SUCCESS, slurm_job_submit(interactive, {}, ROOT))
    assert.stub(told).was_not.called()
  end)

  it('lets jobs be changed', function()
    assert.equal(slurm.SUCCESS, slurm_job_modify({ time_limit = 999 }, { job_id = 7 }, {}, ALICE))
  end)
end)
