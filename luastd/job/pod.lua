--- The pod of a container, and whose job its containers share.
---
--- podman and CRI engines name a pod's first container in an annotation of the others: they are
--- steps of that one's job and end with it. In a pod without one (`pod create --infra=false`)
--- whoever comes first asks for a job for all, which ends with the last.
local host = require 'host'

---@class scrun.job.pod
local M = {}

--- Override point: annotations that name a container's pod. An empty list: each container of a
--- pod has a job of its own.
---@type string[]
M.annotations = { 'io.kubernetes.cri-o.SandboxID', 'io.kubernetes.cri.sandbox-id' }

--- Override point: finds a container's pod.
---@param container scrun.Container
---@return string? pod id of its first container, or its own
function M.of(container)
  for _, name in ipairs(M.annotations) do
    local pod = container.annotations[name]
    -- A CRI engine's first container names itself.
    if type(pod) == 'string' and pod:match '^[%w_+-][%w_+.-]*$' and pod ~= container.id then
      return pod
    end
  end
  return nil
end

--- Has a request share the job of the container's pod. What it asks of salloc counts only where
--- it is the first.
---@param container scrun.Container
---@param request scrun.job.Request changed in place
function M.join(container, request)
  local pod = not request.job_id and M.of(container)
  if not pod then
    return
  end
  local job_id, variables = host.job_of(pod)
  if job_id then
    request.job_id, request.job_variables = job_id, variables
  else
    request.pod = pod
  end
end

return M
