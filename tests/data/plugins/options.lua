-- A cli_filter script that writes down what each option reads, unset and after it was set.
-- @OUT@ and @NAMES@ are filled in by the test.
local out, names = '@OUT@', dofile '@NAMES@'

local texts = {
  { 'account', 'phys' }, { 'account', '' }, { 'time', '90' }, { 'time', '1-0' }, { 'time', '5:30' },
  { 'time', 'UNLIMITED' }, { 'time', 'abc' }, { 'time', '0' }, { 'time-min', '60' },
  { 'mem', '4G' }, { 'mem', '1000' }, { 'mem', '1024' }, { 'mem', '1500M' }, { 'mem', '2000K' },
  { 'mem', '0' }, { 'mem', 'xyz' }, { 'mem-per-cpu', '2G' }, { 'mem-per-gpu', '1T' }, { 'tmp', '10G' },
  { 'nodes', '4' }, { 'nodes', '1-4' }, { 'nodes', '2-2' }, { 'nodes', '2k' }, { 'ntasks', 8 },
  { 'cpus-per-task', '2' }, { 'cpus-per-gpu', '3' }, { 'mincpus', '4' }, { 'priority', '100' },
  { 'priority', 'TOP' }, { 'nice', '10' }, { 'nice', '-5' }, { 'nice', '' }, { 'exclusive', '' },
  { 'exclusive', 'user' }, { 'exclusive', 'mcs' }, { 'exclusive', 'foo' }, { 'oversubscribe', '' },
  { 'contiguous', '' }, { 'hold', '' }, { 'reboot', 'set' }, { 'overcommit', '1' }, { 'no-kill', '' },
  { 'no-kill', 'off' }, { 'no-kill', 'set' }, { 'requeue', '' }, { 'no-requeue', '' },
  { 'begin', '2030-01-01T00:00:00' }, { 'delay-boot', '10' }, { 'dependency', 'afterok:1' },
  { 'distribution', 'block:cyclic' }, { 'distribution', 'plane=4' }, { 'error', '/tmp/e' },
  { 'output', 'none' }, { 'input', 'none' }, { 'input', '/tmp/i' }, { 'hint', 'nomultithread' },
  { 'mail-type', 'END,FAIL' }, { 'mail-type', 'ALL' }, { 'mail-user', 'x@y' },
  { 'switches', '2@10:00' }, { 'core-spec', '2' }, { 'gres', 'gpu:2' }, { 'gpus', '2' },
  { 'gpus-per-node', 'a100:1' }, { 'gpu-bind', 'closest' }, { 'gres-flags', 'disable-binding' },
  { 'licenses', 'foo:1' }, { 'constraint', 'haswell' }, { 'partition', 'main' }, { 'qos', 'high' },
  { 'job-name', 'new' }, { 'array', '1-10%2' }, { 'wrap', 'hostname' }, { 'export', 'ALL' },
  { 'open-mode', 'append' }, { 'open-mode', 'truncate' }, { 'open-mode', 'x' }, { 'profile', 'all' },
  { 'profile', 'task,energy' }, { 'propagate', 'NONE' }, { 'threads-per-core', '1' },
  { 'ntasks-per-node', '4' }, { 'ntasks-per-gpu', '2' }, { 'kill-on-invalid-dep', 'yes' },
  { 'verbose', '3' }, { 'immediate', '10' }, { 'wait-all-nodes', '1' }, { 'wait', '0' },
  { 'resv-ports', '3' }, { 'spread-job', '1' }, { 'use-min-nodes', '1' }, { 'mem-bind', 'local' },
  { 'cpu-bind', 'cores' }, { 'mpi', 'pmi2' }, { 'bcast', '/tmp/x' }, { 'compress', 'lz4' },
  { 'kill-on-bad-exit', '1' }, { 'unbuffered', '1' }, { 'label', '1' }, { 'threads', '5' },
  { 'relative', '1' }, { 'oom-kill-step', '1' }, { 'oom-kill-step', '0' }, { 'comment', 'hello' },
  { 'nosuch', '1' }, { 'uid', 'alice' }, { 'gid', 'alice' }, { 'chdir', '/tmp' },
  { 'nodelist', 'n[1-2]' }, { 'exclude', 'n1' }, { 'parsable', '1' }, { 'test-only', '1' },
  { 'stepmgr', '1' }, { 'type', 'x' }, { 'jobid', '5' }, { 'segment', '4' },
}

function slurm_cli_setup_defaults(options)
  options.comment = 'default'
  return slurm.SUCCESS
end

function slurm_cli_pre_submit(options, offset)
  local file = assert(io.open(out, 'w'))
  file:write('type ', options.type, ' offset ', ('%d'):format(offset), '\n')
  file:write('json ', slurm.json_cli_options(options), '\n')
  for _, name in ipairs(names.options) do
    file:write(name, ' = ', tostring(options[name]), '\n')
  end
  for _, pair in ipairs(texts) do
    local name, text = pair[1], pair[2]
    options[name] = text
    file:write('set ', name, ' ', text, ' -> ', tostring(options[name]), '\n')
  end
  file:close()
  slurm.cli_store(3, 'kept')
  slurm.log_info('%s', slurm.cli_retrieve(3))
  slurm.log_error 'refused'
  return slurm.ERROR
end

function slurm_cli_post_submit()
  return slurm.SUCCESS
end

return slurm.SUCCESS
