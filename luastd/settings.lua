--- Every setting and its default. A site changes some in scrun.d/settings.lua:
---
---     local settings = require 'luastd.settings'
---     settings.stage = 'rsync'
---     settings.rsync_dir = '/scratch/%u/scrun'
---     return settings
---
--- Directories may hold the patterns %u (user name), %U (user id), %j (job id), %n (container
--- id) and %%. Durations are seconds; 0 and math.huge mean no limit.
---@class scrun.settings
return {
  --- Where containers run: `slurm`, `local` (this machine, no Slurm), or `auto`: `slurm` when
  --- there is a slurm.conf.
  backend = 'auto',

  --- Lua of the site's scrun.lua: `5.1`, `5.2`, `5.3`, `5.4`, `5.5` or `luajit`.
  dialect = '5.4',

  --- Stager used when there is no scrun.lua: a module of scrun.d/stage or luastd/stage.
  --- `shared`: nodes see the engine's files, nothing is copied. `rsync`: the root file system
  --- is copied to `rsync_dir` and back.
  stage = 'shared',

  --- Memory that one Lua state may take, in bytes; 0 or math.huge: as much as it likes.
  lua_memory_bytes = 0,

  --- Time for stage_in or stage_out; the job's own limit counts as well.
  stage_timeout_s = 0,

  --- Time for one Slurm command (scancel, squeue …) to answer.
  command_timeout_s = 60,

  --- `auto`: pyslurm is used where it imports and matches the installed Slurm; `off`: never.
  pyslurm = 'auto',

  --- Runtime of the local backend: a path or a name. nil: crun, else runc.
  local_runtime = nil,

  --- How the node's OCI runtime runs a further process in a container (`exec`): a pattern like
  --- those of oci.conf, which has none for it; shell, with `$process` (file with the process),
  --- `$pid_file` and `$log` (for an error, as JSON). nil: RunTimeQuery of oci.conf, with `exec` in
  --- place of `state`.
  runtime_exec = nil,

  --- Name of the job when SCRUN_JOB_NAME gives none. %n: the container's id.
  job_name = 'scrun-%n',

  --- Nodes of a job for which nobody asked otherwise (nodes, node list or tasks); 0: Slurm's
  --- default.
  job_nodes = 1,

  --- Who the container's process is inside: `process`: the image's user; `root`: always root.
  --- Outside it is the job's user either way. runc cannot run another user than root without
  --- subordinate ids; crun can.
  rootless_user = 'process',

  --- How stdout comes, without a terminal: `lines`: whole lines, as srun hands them on; `bytes`:
  --- at once, by a further step in the job; `auto`: bytes where the container has an input
  --- (`podman run -i`) or SCRUN_UNBUFFEREDIO is set. Several tasks, or labels: always lines.
  output = 'auto',

  --- When the control step of a container begins, the shell on its node that delivers signals,
  --- runs exec and measures: `start`: 0.2 s after the container, so that short ones have none;
  --- `needed`: with the first of these, which then takes 50 ms longer. It costs this machine 4.5
  --- MB, and the node about as much, as long as the container runs.
  control_step = 'start',

  --- Variables of the job that the container gets: Lua patterns of names.
  env_keep = {
    '^SLURM_',
    '^SCRUN_',
    '^CUDA_VISIBLE_DEVICES$',
    '^ROCR_VISIBLE_DEVICES$',
    '^ZE_AFFINITY_MASK$',
    '^GPU_DEVICE_ORDINAL$',
  },

  --- … but never these: the node's configuration and credentials are not the container's.
  env_drop = { '^SLURM_CONF$', '^SLURM_CONF_SERVER$', '^SLURM_JWT$' },

  --- Stager `shared`: where the private copy of config.json lies. Nodes and this machine must
  --- see it under the same path. nil: in the engine's bundle, which the nodes must see anyway.
  shared_dir = nil,

  --- Stager `shared`: ask the nodes whether they see the root file system before the container
  --- starts. Costs a job step; a clear error instead of the runtime's.
  shared_check = false,

  --- Stager `rsync`: where root file systems are copied to.
  rsync_dir = '/run/user/%U/slurm/scrun',

  --- Stager `rsync`: `shared`: this machine and all nodes see `rsync_dir`; `nodes`: each node
  --- has its own, and files travel through srun.
  rsync_scratch = 'shared',

  --- Stager `rsync`: more options for rsync, for both ways.
  rsync_options = {},

  --- Stager `rsync`: what is neither copied nor deleted; rsync's filter patterns, where a
  --- leading slash is the container's root.
  rsync_exclude = { '/dev/*', '/proc/*', '/sys/*' },

  --- Stager `rsync` with `nodes`: how rsync reaches a node; the node's name is appended.
  --- Unbuffered, since srun else hands on whole lines only, and rsync's talk has none.
  rsync_shell = {
    'srun',
    '--quiet',
    '--unbuffered',
    '--overlap',
    '--nodes=1',
    '--ntasks=1',
    '--nodelist',
  },

  --- Stager `rsync`: bring changes in the root file system back to the engine's copy.
  rsync_back = true,
}
