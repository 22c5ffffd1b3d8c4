--- GPU nodes: a container gets the devices that its job was granted, and the node's own driver, as
--- the node's CDI specification names them. Nobody has to build the driver into an image or to say
--- `--device`; the login node needs neither GPU nor driver.
---
--- The administrator of a node writes the specification when the driver changes:
---
---     nvidia-ctk cdi generate --output=/etc/cdi/nvidia.json
---
--- Which devices: salloc's environment does not tell, it is each step that gets
--- CUDA_VISIBLE_DEVICES, and with ConstrainDevices in cgroup.conf that counts from 0 whatever was
--- granted. So the node is asked, in a step, for SLURM_STEP_GPUS, whose numbers are those of the
--- specification. CUDA_VISIBLE_DEVICES itself comes to the container by Slurm.
--- Source: srun(1), "OUTPUT ENVIRONMENT VARIABLES"; Container Device Interface, "containerEdits".
---
---     scrun lua run examples/gpu --job-env SLURM_JOB_PARTITION=gpu \
---       --answers examples/gpu/answers.toml
local env = require 'scrun.oci.env'
local host = require 'host'
local json = require 'json'

---@class site.gpus
local M = {}

M.specification = '/etc/cdi/nvidia.json'

--- Partitions whose jobs are asked for their GPUs; elsewhere only jobs that have asked for some.
M.partitions = { gpu = true }

--- What salloc sets for a job that asked for GPUs; `--gres` leaves no trace in its environment.
local ASKED = { 'SLURM_GPUS', 'SLURM_GPUS_PER_NODE', 'SLURM_GPUS_PER_TASK', 'SLURM_JOB_GPUS' }

--- Override point: may this job have GPUs? If so it costs two steps to find out.
---@return boolean
function M.may_have_gpus()
  for _, name in ipairs(ASKED) do
    if host.getenv(name) then
      return true
    end
  end
  return M.partitions[host.getenv 'SLURM_JOB_PARTITION' or ''] == true
end

--- Asks all nodes which GPUs the job has there.
---@return table<string, true>? numbers as texts; of several nodes the union
---@return string? errmsg
---@return string? code
function M.granted()
  local status, output = host.run_remote { 'sh', '-c', 'echo "gpus=$SLURM_STEP_GPUS"' }
  if status ~= 0 then
    return nil, 'ask the nodes for their GPUs: ' .. output, 'EIO'
  end
  local numbers = {}
  for list in output:gmatch 'gpus=([%d,]*)' do
    for number in list:gmatch '%d+' do
      numbers[number] = true
    end
  end
  return numbers
end

--- Reads the specification of the job's first node; nodes of one job are taken to be alike.
---@param node string?
---@return table? specification
---@return string? errmsg
---@return string? code
local function read_specification(node)
  local options = { nodes = node and { node } or nil, stderr = 'apart' }
  local status, text, complaint = host.run_remote({ 'cat', M.specification }, options)
  node = node or 'the node'
  if status ~= 0 then
    slurm.log_error('%s: %s', node, complaint or text)
    return nil, ('GPUs: %s has no %s that can be read'):format(node, M.specification), 'BAD_CONFIG'
  end
  local ok, read = pcall(json.decode, text)
  if not ok or type(read) ~= 'table' then
    return nil, ('GPUs: %s of %s is no JSON'):format(M.specification, node), 'BAD_CONFIG'
  end
  return read
end

local function add_bind(config, source, destination, options)
  config.mounts = config.mounts or {}
  table.insert(config.mounts, {
    destination = destination,
    type = 'bind',
    source = source,
    options = options,
  })
end

--- Does one part of a specification to a config. Devices are bound: an ordinary user makes none.
---@param config oci.Config
---@param edits table a `containerEdits`
local function apply(config, edits)
  env.merge(config, edits.env or {})
  for _, device in ipairs(edits.deviceNodes or {}) do
    add_bind(config, device.hostPath or device.path, device.path, { 'bind', 'nosuid', 'noexec' })
  end
  for _, mount in ipairs(edits.mounts or {}) do
    add_bind(config, mount.hostPath, mount.containerPath, mount.options or { 'rbind', 'ro' })
  end
  for _, hook in ipairs(edits.hooks or {}) do -- such as ldconfig's; they run on the node
    config.hooks = config.hooks or {}
    config.hooks[hook.hookName] = config.hooks[hook.hookName] or {}
    table.insert(config.hooks[hook.hookName], {
      path = hook.path,
      args = hook.args,
      env = hook.env,
      timeout = hook.timeout,
    })
  end
end

--- Gives a container the GPUs of its job.
---@param config oci.Config changed in place
---@param ctx scrun.stage.Context
---@return true? ok
---@return string? errmsg
---@return string? code
function M.add(config, ctx)
  if not M.may_have_gpus() then
    return true
  end
  local numbers, errmsg, code = M.granted()
  if not numbers then
    return nil, errmsg, code
  elseif next(numbers) == nil then
    return true -- a job of a gpu partition that asked for none
  end
  local specification
  specification, errmsg, code = read_specification(ctx.nodes and ctx.nodes[1])
  if not specification then
    return nil, errmsg, code
  end
  local missing = numbers
  for _, device in ipairs(specification.devices or {}) do
    if numbers[device.name] then
      apply(config, device.containerEdits or {})
      missing[device.name] = nil
    end
  end
  if next(missing) ~= nil then
    local text = 'GPUs: %s has no device %s: write it anew'
    return nil, text:format(M.specification, (next(missing))), 'BAD_CONFIG'
  end
  apply(config, specification.containerEdits or {})
  return true
end

return M
