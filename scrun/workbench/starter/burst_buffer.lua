--- The site's burst_buffer.lua: gives each job that asks for it a directory on the fast disks.
---
--- Every argument is a text but `job_info`, which is a table: `scrun lua doc job_info`. All of
--- these functions have to be there. job_process, pools and paths hold slurmctld up: be quick.

--- Where the directories are; the nodes see it under the same path.
local BUFFERS = '/scratch/buffers'

local function directory_of(job_id)
  assert(job_id:find '^%d+$', 'a job id is a number')
  return BUFFERS .. '/' .. job_id
end

local function quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

--- Runs a command; anything but success holds the job, with the text as its reason.
local function run(command)
  local ok = os.execute(command)
  if type(ok) == 'number' then -- Lua 5.1
    ok = ok == 0
  end
  if not ok then
    return slurm.ERROR, 'command has failed: ' .. command
  end
  return slurm.SUCCESS
end

function slurm_bb_pools()
  return slurm.SUCCESS
end

function slurm_bb_job_process(job_script, uid, gid, job_info)
  return slurm.SUCCESS
end

function slurm_bb_setup(job_id, uid, gid)
  local directory = directory_of(job_id)
  local command = 'install -d -m 700 -o %d -g %d %s'
  return run(command:format(tonumber(uid), tonumber(gid), quote(directory)))
end

function slurm_bb_data_in()
  return slurm.SUCCESS
end

--- Called again as long as it returns slurm.SUCCESS, slurm.SLURM_BB_BUSY.
function slurm_bb_test_data_in()
  return slurm.SUCCESS
end

function slurm_bb_real_size()
  return slurm.SUCCESS
end

--- What is written to `path_file` comes into the job's environment.
function slurm_bb_paths(job_id, job_script, path_file)
  local file = assert(io.open(path_file, 'w'))
  file:write('BURST_BUFFER=', directory_of(job_id), '\n')
  file:close()
  return slurm.SUCCESS
end

function slurm_bb_pre_run()
  return slurm.SUCCESS
end

function slurm_bb_post_run()
  return slurm.SUCCESS
end

function slurm_bb_data_out()
  return slurm.SUCCESS
end

function slurm_bb_test_data_out()
  return slurm.SUCCESS
end

function slurm_bb_job_teardown(job_id)
  return run('rm -rf ' .. quote(directory_of(job_id)))
end

--- What `scontrol show bbstat` prints.
function slurm_bb_get_status()
  return slurm.SUCCESS, 'buffers are in ' .. BUFFERS .. '\n'
end
