local options = require 'luastd.job.options'
local request = require 'luastd.job.request'

local function salloc(environment, env, annotations)
  local config = { process = { env = env }, annotations = annotations }
  local made, errmsg = request.from(environment, config, {})
  return made and made.salloc, errmsg
end

describe('job.options', function()
  it('has each variable once, for an option that salloc or srun takes', function()
    local seen = {}
    for _, input in ipairs(options.inputs) do
      assert.is_nil(seen[input.name], input.name)
      seen[input.name] = true
      assert.truthy(options.salloc[input.option] or options.srun[input.option], input.name)
    end
    assert.equal(70, #options.inputs)
  end)

  it('sends each option to one command', function()
    for option in pairs(options.srun) do
      assert.is_nil(options.salloc[option], option)
    end
  end)
end)

describe('job.request', function()
  it('asks for nothing by itself', function()
    local made = request.from({}, {}, {})
    assert.same({ salloc = {}, srun = {}, origin = {} }, made)
  end)

  it('takes the limits of an engine where nobody says more', function()
    local limits = { memory = { limit = 67108865, swap = -1 } }
    limits.cpu = { quota = 150000, period = 1e5 }
    local function made(environment)
      return request.from(environment, { linux = { resources = limits } }, {}).salloc
    end
    assert.same({ '--cpus-per-task=2', '--mem=65M' }, made {})
    assert.same({ '--cpus-per-task=4', '--mem=1G' }, made {
      'SCRUN_CPUS_PER_TASK=4',
      'SCRUN_MEM_PER_NODE=1G',
    })
    assert.same({ '--cpus-per-task=2', '--mem-per-cpu=1G' }, made { 'SCRUN_MEM_PER_CPU=1G' })
    limits = { memory = { limit = -1 }, cpu = { quota = 0, shares = 5 }, pids = { limit = 7 } }
    assert.same({}, made {})
  end)

  it("reads the caller's variables, as a map and as a list", function()
    local wanted = { '--partition=gpu', '--time=1:00' }
    assert.same(wanted, salloc { SCRUN_TIMELIMIT = '1:00', SCRUN_PARTITION = 'gpu', HOME = '/h' })
    assert.same(wanted, salloc { 'SCRUN_TIMELIMIT=1:00', 'SCRUN_PARTITION=gpu', 'HOME=/h' })
  end)

  it('takes what runs programs from the caller alone, not from an image', function()
    local env = { 'SCRUN_PROLOG=/tmp/evil', 'SLURM_TASK_PROLOG=/tmp/evil', 'SLURM_JOB_ID=7' }
    local made = request.from({ SCRUN_EPILOG = '/site/epilog' }, { process = { env = env } }, {})
    assert.same({ '--epilog=/site/epilog' }, made.srun)
    assert.is_nil(made.job_id)
    local _, errmsg = salloc({}, nil, { ['slurm.job.task-prolog'] = '/tmp/evil' })
    assert.matches('runs a program outside of the container', errmsg)
  end)

  it('gives a step of an existing allocation what the job would have got', function()
    local environment = { 'SLURM_JOB_ID=7', 'SCRUN_JOB_NUM_NODES=1', 'SCRUN_PARTITION=gpu' }
    local made = request.from(environment, {}, { job_nodes = 1 })
    assert.equal(7, made.job_id)
    assert.same({ '--nodes=1' }, made.srun)
    made = request.from({ 'SLURM_JOB_ID=7' }, {}, { job_nodes = 1 }) -- which nobody asked for
    assert.same({}, made.srun)
    for option in pairs(options.shares) do
      assert.is_true(options.salloc[option], option)
      assert.is_nil(options.srun[option], option)
    end
  end)

  it('maps every variable to its option', function()
    for _, input in ipairs(options.inputs) do
      local name, option = 'SCRUN_' .. input.name, input.option
      if input.part ~= 'wait' then
        local made = request.from({ [name] = 'yes' }, {}, {})
        local bare = options.flags[option] or options.optional[option]
        local command = options.salloc[option] and 'salloc' or 'srun'
        assert.same({ '--' .. option .. (bare and '' or '=yes') }, made[command], name)
        assert.equal(name, made.origin['--' .. option])
      end
    end
  end)

  it("lets the container's variables win, SCRUN_ before SLURM_", function()
    local caller = { SCRUN_PARTITION = 'a' }
    assert.same({ '--partition=b' }, salloc(caller, { 'SCRUN_PARTITION=b' }))
    assert.same({ '--partition=c' }, salloc(caller, { 'SLURM_PARTITION=c' }))
    local both = { 'SCRUN_PARTITION=b', 'SLURM_PARTITION=c' }
    assert.same({ '--partition=b' }, salloc(caller, both))
  end)

  it('takes an empty variable for an unset one', function()
    assert.same({ '--partition=a' }, salloc({ SCRUN_PARTITION = 'a' }, { 'SCRUN_PARTITION=' }))
  end)

  it("takes no SLURM_ variable of the caller's but SLURM_CORE_SPEC", function()
    assert.same({ '--core-spec=2' }, salloc { SLURM_CORE_SPEC = '2', SLURM_NTASKS = '4' })
    assert.same({ '--core-spec=3' }, salloc { SLURM_CORE_SPEC = '2', SCRUN_CORE_SPEC = '3' })
  end)

  it('gives one --chdir; the container wins there too', function()
    local caller = { SCRUN_REMOTE_CWD = '/a', SCRUN_WORKING_DIR = '/b' }
    assert.same({ '--chdir=/b' }, salloc(caller))
    assert.same({ '--chdir=/c' }, salloc(caller, { 'SCRUN_REMOTE_CWD=/c' }))
  end)

  it('takes flags: on when empty, 1, yes or true, and off otherwise', function()
    for _, value in ipairs { '', '1', 'yes', 'true' } do
      assert.same({ '--overcommit' }, salloc { SCRUN_OVERCOMMIT = value })
    end
    for _, value in ipairs { '0', 'no', 'false' } do
      assert.same({}, salloc { SCRUN_OVERCOMMIT = value })
    end
  end)

  it("lets the container switch the caller's flag off", function()
    assert.same({}, salloc({ SCRUN_OVERCOMMIT = '1' }, { 'SCRUN_OVERCOMMIT=0' }))
  end)

  it('takes --exclusive with and without a value', function()
    assert.same({ '--exclusive' }, salloc { SCRUN_EXCLUSIVE = '' })
    assert.same({ '--exclusive=mcs' }, salloc { SCRUN_EXCLUSIVE = 'mcs' })
    assert.same({}, salloc { SCRUN_EXCLUSIVE = 'no' })
  end)

  it('gives the step what salloc does not take', function()
    local made = request.from({ SCRUN_LABELIO = '1', SCRUN_MPI_TYPE = 'pmix' }, {}, {})
    assert.same({}, made.salloc)
    assert.same({ '--label', '--mpi=pmix' }, made.srun)
  end)

  it('gives both --cpus-per-task, which srun takes over from no allocation', function()
    local made = request.from({ SCRUN_CPUS_PER_TASK = '2' }, {}, {})
    assert.same({ '--cpus-per-task=2' }, made.salloc)
    assert.same({ '--cpus-per-task=2' }, made.srun)
  end)

  it('joins the two variables of --switches', function()
    assert.same({ '--switches=2' }, salloc { SCRUN_REQ_SWITCH = '2' })
    local both = { SCRUN_REQ_SWITCH = '2', SCRUN_WAIT4SWITCH = '10:00' }
    assert.same({ '--switches=2@10:00' }, salloc(both))
    assert.same({ '--switches=3' }, salloc(both, nil, { ['slurm.job.switches'] = '3' }))
    assert.same({}, salloc { SCRUN_WAIT4SWITCH = '10:00' })
  end)

  it('takes annotations, which win, and options without a variable', function()
    local annotations = {
      ['slurm.job.partition'] = 'gpu',
      ['slurm.job.comment'] = 'a b; c',
      ['slurm.job.contiguous'] = '',
      ['org.other'] = 'x',
    }
    assert.same(
      { '--comment=a b; c', '--contiguous', '--partition=gpu' },
      salloc({ SCRUN_PARTITION = 'a' }, { 'SCRUN_PARTITION=b' }, annotations)
    )
  end)

  it("gives the step's annotations to the step", function()
    local made = request.from({}, { annotations = { ['slurm.job.label'] = 'true' } }, {})
    assert.same({ '--label' }, made.srun)
  end)

  it('refuses annotations that are no option or that scrun decides itself', function()
    for _, name in ipairs { '-p', 'a=b', '', 'no-shell', 'jobid', 'container', 'hold' } do
      local key = 'slurm.job.' .. name
      local made, errmsg, code = request.from({}, { annotations = { [key] = '1' } }, {})
      assert.is_nil(made, key)
      assert.contains(key, errmsg)
      assert.equal('BAD_CONFIG', code)
    end
  end)

  it('refuses annotations without the value they need', function()
    local _, errmsg, code = request.from({}, { annotations = { ['slurm.job.time'] = '' } }, {})
    assert.contains('slurm.job.time', errmsg)
    assert.equal('BAD_CONFIG', code)
  end)

  it('refuses a NUL byte, which no argument can hold', function()
    local annotations = { ['slurm.job.comment'] = 'a\0b' }
    local made, errmsg = request.from({}, { annotations = annotations }, {})
    assert.is_nil(made)
    assert.contains('slurm.job.comment', errmsg)
  end)

  it('knows how many nodes when it is one number', function()
    assert.equal(3, request.from({ SCRUN_JOB_NUM_NODES = '3' }, {}, {}).nodes)
    assert.is_nil(request.from({ SCRUN_JOB_NUM_NODES = '1-3' }, {}, {}).nodes)
  end)

  it('adds the name and the nodes of the settings', function()
    local settings = { job_name = 'scrun-%n', job_nodes = 1 }
    local made = request.from({}, {}, settings, 'web%1')
    assert.same({ '--job-name=scrun-web%1', '--nodes=1' }, made.salloc)
    assert.equal(1, made.nodes)
    assert.equal('scrun-web%1', made.job_name)
    made = request.from({ SCRUN_JOB_NAME = 'x', SCRUN_NTASKS = '4' }, {}, settings, 'web')
    assert.same({ '--job-name=x', '--ntasks=4' }, made.salloc)
    assert.is_nil(made.nodes)
  end)

  it("shortens an engine's id in the name, as people get to see it", function()
    local id = ('0123456789abcdef'):rep(4)
    assert.equal('scrun-0123456789ab', request.default_name(id, { job_name = 'scrun-%n' }))
  end)

  it('names the variable and the version when Slurm lacks an option', function()
    local made = request.from({ SCRUN_POWER = 'x' }, {}, {})
    local output = "salloc: unrecognized option '--power=x'\nTry \"salloc --help\"\n"
    assert.equal(
      'SCRUN_POWER: Slurm 24.05.1 has no option --power',
      request.explain_refusal(made, output, '24.05.1')
    )
    assert.is_nil(request.explain_refusal(made, 'salloc: error: Job violates QOS', '24.05.1'))
  end)
end)
