--- A site whose partitions differ, in one table: what containers there are asked, given and
--- refused, and how their images come to the nodes. Edit this file when a partition comes or goes.
---
--- `work` and `debug` see the users' images on the shared file system; the nodes of `nvme` have
--- fast disks of their own, and images full of small files run there from a copy. In `debug` a
--- container that says no time gets half an hour, where Slurm's default may be the partition's
--- whole limit. In `bigmem` one that says no memory would get a node's 6 TB: it is refused before
--- there is a job.
---
--- What reads it: scrun.d/job/request.lua and scrun.d/stage/by_partition.lua.
---
---     scrun lua run examples/partitions --job-env SLURM_JOB_PARTITION=nvme

---@class site.Partition
---@field stager 'shared'|'rsync'
---@field settings? table<string, any> of the stager, in place of the site's
---@field defaults? table<string, string> options of the job, for a container without them
---@field required? string[] options without which a container is refused

---@type table<string, site.Partition>
local partitions = {
  work = { stager = 'shared' },
  debug = { stager = 'shared', defaults = { time = '30', ['cpus-per-task'] = '4' } },
  bigmem = { stager = 'shared', required = { 'mem', 'time' } },
  nvme = {
    stager = 'rsync',
    settings = {
      rsync_dir = '/local/%u/scrun',
      rsync_scratch = 'nodes', -- each node has its own, reached through srun
      rsync_exclude = { '/dev/*', '/proc/*', '/sys/*', '/tmp/*', '/var/cache/*' },
      rsync_back = false, -- results belong on the shared file system
    },
  },
}

local M = {}

--- Slurm's default partition, for a request that names none.
M.default = 'work'

--- The policy for a partition. One that the table lacks is as the default; so is a list of them
--- (`--partition work,nvme`), of which nobody knows yet which it will be.
---@param name string?
---@return site.Partition
function M.of(name)
  return partitions[name or M.default] or partitions[M.default]
end

return M
