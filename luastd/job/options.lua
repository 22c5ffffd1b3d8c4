--- Which salloc and srun options stand behind the SCRUN_* variables and the annotations
--- `slurm.job.<option>`. Data only; job/request.lua has the rules.
--- Source: scrun(1), "INPUT ENVIRONMENT VARIABLES"; salloc(1), srun(1) of Slurm 24.05 to 26.05.
---@class scrun.job.options
local M = {}

---@class scrun.job.Input
---@field name string without the prefix `SCRUN_` or `SLURM_`
---@field option string long option, without dashes
---@field also? string[] further names that srun(1) gives it, whole; in `process.env` only
---@field everywhere? string[] further names that count in the caller's environment as well
---@field part? 'count'|'wait' of `--switches=COUNT@WAIT`

--- In the manual's order; of two for one option the later wins.
---@type scrun.job.Input[]
M.inputs = {
  { name = 'ACCOUNT', option = 'account' },
  { name = 'ACCTG_FREQ', option = 'acctg-freq' },
  { name = 'BURST_BUFFER', option = 'bb' },
  { name = 'CLUSTER_CONSTRAINT', option = 'cluster-constraint' },
  { name = 'CLUSTERS', option = 'clusters' },
  { name = 'CONSTRAINT', option = 'constraint' },
  { name = 'CORE_SPEC', option = 'core-spec', everywhere = { 'SLURM_CORE_SPEC' } },
  { name = 'CPU_BIND', option = 'cpu-bind' },
  { name = 'CPU_FREQ_REQ', option = 'cpu-freq' },
  { name = 'CPUS_PER_GPU', option = 'cpus-per-gpu' },
  { name = 'CPUS_PER_TASK', option = 'cpus-per-task', also = { 'SRUN_CPUS_PER_TASK' } },
  { name = 'DELAY_BOOT', option = 'delay-boot' },
  { name = 'DEPENDENCY', option = 'dependency' },
  { name = 'DISTRIBUTION', option = 'distribution' },
  { name = 'EPILOG', option = 'epilog' },
  { name = 'EXACT', option = 'exact' },
  { name = 'EXCLUSIVE', option = 'exclusive' },
  { name = 'GPU_BIND', option = 'gpu-bind' },
  { name = 'GPU_FREQ', option = 'gpu-freq' },
  { name = 'GPUS', option = 'gpus' },
  { name = 'GPUS_PER_NODE', option = 'gpus-per-node' },
  { name = 'GPUS_PER_SOCKET', option = 'gpus-per-socket' },
  { name = 'GPUS_PER_TASK', option = 'gpus-per-task' },
  { name = 'GRES_FLAGS', option = 'gres-flags' },
  { name = 'GRES', option = 'gres' },
  { name = 'HINT', option = 'hint' },
  { name = 'JOB_NAME', option = 'job-name' },
  { name = 'JOB_NODELIST', option = 'nodelist' },
  { name = 'JOB_NUM_NODES', option = 'nodes' },
  { name = 'LABELIO', option = 'label' },
  { name = 'MEM_BIND', option = 'mem-bind' },
  { name = 'MEM_PER_CPU', option = 'mem-per-cpu' },
  { name = 'MEM_PER_GPU', option = 'mem-per-gpu' },
  { name = 'MEM_PER_NODE', option = 'mem' },
  { name = 'MPI_TYPE', option = 'mpi' },
  { name = 'NCORES_PER_SOCKET', option = 'cores-per-socket' },
  { name = 'NETWORK', option = 'network' },
  { name = 'NSOCKETS_PER_NODE', option = 'sockets-per-node' },
  { name = 'NTASKS', option = 'ntasks' },
  { name = 'NTASKS_PER_CORE', option = 'ntasks-per-core' },
  { name = 'NTASKS_PER_GPU', option = 'ntasks-per-gpu' },
  { name = 'NTASKS_PER_NODE', option = 'ntasks-per-node' },
  { name = 'NTASKS_PER_TRES', option = 'ntasks-per-tres' },
  { name = 'OPEN_MODE', option = 'open-mode' },
  { name = 'OVERCOMMIT', option = 'overcommit' },
  { name = 'OVERLAP', option = 'overlap' },
  { name = 'PARTITION', option = 'partition' },
  { name = 'POWER', option = 'power' },
  { name = 'PROFILE', option = 'profile' },
  { name = 'PROLOG', option = 'prolog' },
  { name = 'QOS', option = 'qos' },
  { name = 'REMOTE_CWD', option = 'chdir' },
  { name = 'REQ_SWITCH', option = 'switches', part = 'count' },
  { name = 'RESERVATION', option = 'reservation' },
  { name = 'SIGNAL', option = 'signal' },
  { name = 'SLURMD_DEBUG', option = 'slurmd-debug', also = { 'SLURMD_DEBUG' } },
  { name = 'SPREAD_JOB', option = 'spread-job' },
  { name = 'TASK_EPILOG', option = 'task-epilog' },
  { name = 'TASK_PROLOG', option = 'task-prolog' },
  { name = 'THREAD_SPEC', option = 'thread-spec' },
  { name = 'THREADS_PER_CORE', option = 'threads-per-core' },
  { name = 'THREADS', option = 'threads' },
  { name = 'TIMELIMIT', option = 'time' },
  { name = 'TRES_BIND', option = 'tres-bind' },
  { name = 'TRES_PER_TASK', option = 'tres-per-task' },
  { name = 'UNBUFFEREDIO', option = 'unbuffered' },
  { name = 'USE_MIN_NODES', option = 'use-min-nodes' },
  { name = 'WAIT4SWITCH', option = 'switches', part = 'wait' },
  { name = 'WCKEY', option = 'wckey' },
  { name = 'WORKING_DIR', option = 'chdir' },
}

---@param words string
---@return table<string, true>
local function set_of(words)
  local set = {}
  for word in words:gmatch '%S+' do
    set[word] = true
  end
  return set
end

--- Options of salloc. Those that scrun itself decides (container, command, terminal, input and
--- output) and those that would leave the container waiting (hold, no-shell) are in no list.
M.salloc = set_of [[
  account acctg-freq bb bbf begin chdir cluster-constraint clusters comment constraint
  contiguous core-spec cores-per-socket cpu-freq cpus-per-gpu cpus-per-task deadline delay-boot
  dependency distribution exclude exclusive extra extra-node-info gpu-bind gpu-freq gpus
  gpus-per-node gpus-per-socket gpus-per-task gres gres-flags hint immediate job-name licenses
  mail-type mail-user mcs-label mem mem-bind mem-per-cpu mem-per-gpu mincpus network nice
  nodefile nodelist nodes ntasks ntasks-per-core ntasks-per-gpu ntasks-per-node
  ntasks-per-socket ntasks-per-tres oom-kill-step overcommit oversubscribe partition power
  prefer priority profile qos reboot reservation segment signal sockets-per-node spread-job
  stepmgr switches thread-spec threads-per-core time time-min tmp tres-bind tres-per-task
  use-min-nodes wait-all-nodes wckey
]]

--- Options that salloc does not take: they go to the container's step.
M.srun = set_of [[
  cpu-bind epilog exact kill-on-bad-exit label mpi open-mode overlap prolog propagate
  resv-ports slurmd-debug task-epilog task-prolog threads unbuffered wait
]]

--- Options that the step needs again: since Slurm 22.05 srun does not take them over from the
--- allocation (srun(1), `--cpus-per-task`).
M.both = set_of 'cpus-per-task'

--- Options that a step of an allocation that is there already can have as well: how much of it.
M.shares = set_of [[
  acctg-freq cpu-freq cpus-per-gpu distribution exclude gpu-bind gpu-freq gpus gpus-per-node
  gpus-per-socket gpus-per-task gres gres-flags hint mem mem-bind mem-per-cpu mem-per-gpu network
  nodelist nodes ntasks ntasks-per-core ntasks-per-gpu ntasks-per-node ntasks-per-socket
  ntasks-per-tres overcommit profile signal threads-per-core time tres-bind tres-per-task
]]

--- Options that run programs outside of the container. Only the caller's own environment gives
--- them: the container's, and its annotations, may be those of an image that somebody else made.
M.caller_only = set_of 'epilog prolog task-epilog task-prolog'

--- Options without a value.
M.flags = set_of [[
  contiguous exact label overcommit overlap reboot spread-job stepmgr unbuffered use-min-nodes
]]

--- Options that take a value or none.
M.optional = set_of 'exclusive immediate kill-on-bad-exit nice resv-ports'

return M
