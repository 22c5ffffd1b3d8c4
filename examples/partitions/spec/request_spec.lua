--- What is asked of Slurm, by partition.
local function ask(annotations, environment)
  local request = require 'scrun.job.request'
  local settings = require 'scrun.settings'
  local given = {}
  for option, value in pairs(annotations) do
    given['slurm.job.' .. option] = value
  end
  return request.from(environment or {}, { annotations = given }, settings, 'web')
end

describe('a request', function()
  it('gets the defaults of its partition', function()
    local made = assert(ask { partition = 'debug' })
    local wanted = { '--cpus-per-task=4', '--job-name=scrun-web', '--nodes=1', '--partition=debug' }
    wanted[5] = '--time=30'
    assert.same(wanted, made.salloc)
    assert.same({ '--cpus-per-task=4' }, made.srun) -- srun does not take it over from salloc
  end)

  it('keeps what its user said', function()
    local made = assert(ask({ partition = 'debug' }, { SCRUN_TIMELIMIT = '5' }))
    assert.equal('--time=5', made.salloc[5])
  end)

  it('is refused in bigmem without memory and time, in words that help', function()
    local made, errmsg = ask { partition = 'bigmem', time = '60' }
    assert.is_nil(made)
    assert.matches('partition bigmem: .* slurm%.job%.mem=', errmsg)
    assert.is_nil(ask { partition = 'bigmem', mem = '2T' })
    assert(ask { partition = 'bigmem', mem = '2T', time = '60' })
  end)

  it('is left alone elsewhere, in a list of partitions, and in a job that exists', function()
    assert.same({ '--job-name=scrun-web', '--nodes=1' }, assert(ask {}).salloc)
    assert(ask { partition = 'bigmem,debug' })
    assert(ask({ partition = 'bigmem' }, { SLURM_JOB_ID = '77' }))
  end)

  it('keeps the shipped complaints', function()
    local made, errmsg = ask { partitoin = 'debug' }
    assert.is_nil(made)
    assert.matches('knows no option %-%-partitoin', errmsg)
  end)
end)
