local step = require 'luastd.job.step'

local function argv(changes)
  local container = { job_id = 7, bundle = '/b', args = { '/bin/sh', '-c', 'a;b' } }
  for key, value in pairs(changes or {}) do
    container[key] = value
  end
  return table.concat(step.argv(container, { srun = { '--label' }, job_name = 'web' }), '|')
end

describe('job.step', function()
  it("gives the container, the request's options and the command, each word apart", function()
    local options = '--jobid|7|--container|/b|--export=NONE|--chdir=/|--no-kill|--job-name|web'
    assert.equal(options .. '|--label|--|/bin/sh|-c|a;b', argv())
  end)

  it('asks for a pseudoterminal and shares an adopted allocation', function()
    assert.contains('|--pty|', argv { terminal = true })
    assert.contains('|--overlap|', argv { adopted = true })
  end)

  it('sends stdout to a file of the node, and leaves stderr unbuffered', function()
    assert.contains('|--output=/proc/9/fd/%t|--unbuffered|', argv { output = '/proc/9/fd/%t' })
  end)

  describe('wants bytes', function()
    local function wants(changes, options, variables, output)
      local container = { interactive = true, request = { srun = options or {} } }
      for key, value in pairs(changes or {}) do
        container[key] = value
      end
      return step.wants_bytes(container, variables or {}, { output = output or 'auto' })
    end

    it('with an input, or when somebody asks for them', function()
      assert.is_true(wants())
      assert.is_false(wants { interactive = false })
      assert.is_true(wants({ interactive = false }, { '--unbuffered' }))
      assert.is_true(wants({ interactive = false }, {}, {}, 'bytes'))
    end)

    it('not where a site wants lines, on a terminal, with labels or several tasks', function()
      assert.is_false(wants({}, { '--unbuffered' }, {}, 'lines'))
      assert.is_false(wants { terminal = true })
      assert.is_false(wants({}, { '--label' }))
      assert.is_true(wants({}, {}, { 'SLURM_TASKS_PER_NODE=1' }))
      assert.is_false(wants({}, {}, { 'SLURM_TASKS_PER_NODE=1(x2)' }))
      assert.is_false(wants({}, {}, { 'SLURM_NTASKS=4' }))
      assert.is_false(wants({}, { '--ntasks=2' }))
      assert.is_false(wants({}, { '--ntasks-per-node=2' }))
    end)

    it('in an allocation of several nodes for a step on one', function()
      local variables = { 'SLURM_JOB_NUM_NODES=2' }
      local function adopted(...)
        return wants({ request = { srun = { ... }, job_id = 7 } }, {}, variables)
      end
      assert.is_false(adopted())
      assert.is_true(adopted '--nodes=1')
      assert.is_true(adopted '--ntasks=1')
      assert.is_false(adopted('--nodes=1', '--ntasks=3'))
      assert.is_true(wants({}, {}, variables)) -- of a job of ours other variables tell
      assert.is_false(adopted('--nodelist=n2', '--nodes=1')) -- stdout's step is on the first node
      assert.is_false(adopted('--exclude=n1', '--ntasks=1'))
    end)

    it('in the job of a pod by the variables of its salloc', function()
      local function member(...)
        local request = { srun = {}, job_id = 7, job_variables = {} }
        return wants({ request = request }, {}, { 'SLURM_JOB_NUM_NODES=1', ... })
      end
      assert.is_true(member())
      assert.is_false(member 'SLURM_NTASKS=4')
    end)

    it('not with tasks for each GPU', function()
      assert.is_false(wants({}, { '--gpus=4', '--ntasks-per-gpu=1' }))
      assert.is_false(wants({}, { '--ntasks-per-tres=gres/gpu:1' }))
    end)
  end)
end)
