local host = { jobs = {} }
function host.job_of(id)
  local job = host.jobs[id]
  if job then
    return job, { SLURM_JOB_ID = tostring(job) }
  end
end
package.loaded.host = host
local pod = require 'luastd.job.pod'

local PODMAN = 'io.kubernetes.cri-o.SandboxID'

describe('job.pod', function()
  before_each(function()
    host.jobs = { first = 7 }
  end)

  local function joined(annotations, request)
    request = request or {}
    pod.join({ id = 'web', annotations = annotations }, request)
    return request
  end

  it('leaves a container of its own alone', function()
    assert.same({}, joined {})
    assert.same({}, joined { [PODMAN] = '' })
  end)

  it("takes the job of the pod's first container", function()
    local shared = { job_id = 7, job_variables = { SLURM_JOB_ID = '7' } }
    assert.same(shared, joined { [PODMAN] = 'first' })
  end)

  it('asks for one for all where there is no first container', function()
    assert.same({ pod = 'p' }, joined { [PODMAN] = 'p' })
  end)

  it("knows the name of containerd, whose first container names itself", function()
    assert.same({ pod = 'p' }, joined { ['io.kubernetes.cri.sandbox-id'] = 'p' })
    assert.same({}, joined { ['io.kubernetes.cri.sandbox-id'] = 'web' })
  end)

  it("leaves the caller's own allocation", function()
    assert.same({ job_id = 9 }, joined({ [PODMAN] = 'first' }, { job_id = 9 }))
  end)

  it('takes no path for a name', function()
    for _, name in ipairs { '../x', 'a/b', '.', '..', '.x', 'a b' } do
      assert.same({}, joined { [PODMAN] = name })
    end
  end)
end)
