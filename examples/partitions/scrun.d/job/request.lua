--- What Slurm is asked for: the partition's defaults on top of the shipped rules, and a refusal in
--- words of ours for what the site does not want. A request that names a job of its own has been
--- through this before.
local partitions = require 'scrun.partitions'
local request = require 'luastd.job.request'

local add_defaults, from = request.add_defaults, request.from

function request.add_defaults(chosen, id, settings)
  add_defaults(chosen, id, settings)
  local name = chosen.partition and chosen.partition.value
  for option, value in pairs(partitions.of(name).defaults or {}) do
    if not chosen[option] then
      local origin = 'default of partition ' .. (name or partitions.default)
      chosen[option] = { value = value, origin = origin }
    end
  end
end

---@param words string[] such as `--partition=debug`
---@return string?
local function partition_in(words)
  for _, word in ipairs(words) do
    local name = word:match '^%-%-partition=(.*)$'
    if name then
      return name
    end
  end
end

function request.from(...)
  local made, errmsg, code = from(...)
  if not made or made.job_id then
    return made, errmsg, code
  end
  local name = partition_in(made.salloc)
  for _, option in ipairs(partitions.of(name).required or {}) do
    if not made.origin['--' .. option] then
      local text = 'partition %s: say what the container needs, by --annotation slurm.job.%s=…'
      return nil, text:format(name or partitions.default, option), 'BAD_OPTION'
    end
  end
  return made
end

return request
