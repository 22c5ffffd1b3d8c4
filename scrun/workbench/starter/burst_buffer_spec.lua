--- Specs of burst_buffer.lua, for `scrun lua test`. No command runs.
local directory = debug.getinfo(1, 'S').source:match '^@(.-)spec/[^/]*$' or ''

describe('burst_buffer.lua', function()
  local execute

  before_each(function()
    dofile(directory .. 'burst_buffer.lua')
    execute = stub(os, 'execute').returns(true)
  end)

  it("makes a directory that is the user's", function()
    assert.equal(slurm.SUCCESS, slurm_bb_setup('7', '1000', '1001', '', '0', '/s', {}))
    assert.stub(execute).was.called_with("install -d -m 700 -o 1000 -g 1001 '/scratch/buffers/7'")
  end)

  it('holds the job when there is no room', function()
    stub(os, 'execute').returns(nil, 'exit', 1)
    local status, reason = slurm_bb_setup('7', '1000', '1001', '', '0', '/s', {})
    assert.equal(slurm.ERROR, status)
    assert.matches('install', reason)
  end)

  it('names the directory to the job', function()
    local path = os.tmpname()
    assert.equal(slurm.SUCCESS, slurm_bb_paths('7', '/s', path, '1000', '1001', {}))
    local file = assert(io.open(path))
    assert.equal('BURST_BUFFER=/scratch/buffers/7\n', file:read '*a')
    file:close()
    os.remove(path)
  end)

  it('removes it at the end', function()
    assert.equal(slurm.SUCCESS, slurm_bb_job_teardown('7', '/s', 'false', '1000', '1001'))
    assert.stub(execute).was.called_with("rm -rf '/scratch/buffers/7'")
  end)

  it('takes no path for a job id', function()
    assert.has_error(function()
      slurm_bb_job_teardown('../..', '/s', 'false', '1000', '1001')
    end)
  end)
end)
