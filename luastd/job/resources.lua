--- What an engine's limits for a container (`podman run --memory --cpus`) ask of Slurm.
--- Source: OCI runtime-spec, config-linux.md, "Control groups"; salloc(1).
---@class scrun.job.resources
local M = {}

local MIB = 1048576

---@param value any
---@return number? value above 0; an engine's word for "no limit" is 0 or -1
local function limit(value)
  return type(value) == 'number' and value > 0 and value or nil
end

--- Override point: finds the options of salloc behind `linux.resources`. What somebody says with
--- SCRUN_* or an annotation goes before them.
---@param config oci.Config
---@return table<string, string> values by option
function M.options(config)
  local resources = config.linux and config.linux.resources or {}
  local memory, cpu = resources.memory or {}, resources.cpu or {}
  local found = {}
  local bytes = limit(memory.limit)
  if bytes then
    found.mem = ('%dM'):format(math.ceil(bytes / MIB))
  end
  local quota, period = limit(cpu.quota), limit(cpu.period) or 100000
  if quota then
    found['cpus-per-task'] = ('%d'):format(math.ceil(quota / period))
  end
  return found
end

return M
