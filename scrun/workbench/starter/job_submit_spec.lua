--- Specs of job_submit.lua, for `scrun lua test`.
local directory = debug.getinfo(1, 'S').source:match '^@(.-)spec/[^/]*$' or ''

describe('job_submit.lua', function()
  local ROOT = 0
  local job_desc, told

  before_each(function()
    dofile(directory .. 'job_submit.lua')
    job_desc = { partition = 'work', time_limit = slurm.NO_VAL }
    told = stub(slurm, 'log_user')
  end)

  it('gives a job its time limit', function()
    assert.equal(slurm.SUCCESS, slurm_job_submit(job_desc, {}, 1000))
    assert.equal(60, job_desc.time_limit)
  end)

  it('leaves a time limit alone', function()
    job_desc.time_limit = 5
    assert.equal(slurm.SUCCESS, slurm_job_submit(job_desc, {}, 1000))
    assert.equal(5, job_desc.time_limit)
  end)

  it('refuses a job that is in the gpu partition without a gpu', function()
    job_desc.partition = 'gpu'
    assert.equal(slurm.ESLURM_INVALID_GRES, slurm_job_submit(job_desc, {}, 1000))
    assert.stub(told).was.called(1)
  end)

  it('takes one that asks for a gpu', function()
    job_desc.partition, job_desc.tres_per_node = 'gpu', 'gres/gpu:1'
    assert.equal(slurm.SUCCESS, slurm_job_submit(job_desc, {}, 1000))
  end)

  it('lets changes be', function()
    assert.equal(slurm.SUCCESS, slurm_job_modify({}, { job_id = 7 }, {}, ROOT))
  end)
end)
