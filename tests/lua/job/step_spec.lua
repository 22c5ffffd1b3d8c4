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
    assert.equal(
      '--jobid|7|--container|/b|--export=NONE|--no-kill|--job-name|web|--label|--|/bin/sh|-c|a;b',
      argv()
    )
  end)

  it('asks for a pseudoterminal and shares an adopted allocation', function()
    assert.contains('|--pty|', argv { terminal = true })
    assert.contains('|--overlap|', argv { adopted = true })
  end)
end)
