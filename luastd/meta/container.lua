---@meta
--- What a verb gets of its container, and what `require 'host'` offers it there. Every function
--- may wait: it parks the verb, not the anchor.

---@class scrun.Container
---@field id string
---@field status 'creating'|'created'|'running'|'paused'|'stopped' when the verb began
---@field bundle string as the nodes see it
---@field owns_bundle boolean there is such a directory on this machine too, and it is the user's
---@field backend 'slurm'|'local' what runs it
---@field job_id integer 0 before there is a job
---@field annotations table<string, string> of config.json
---@field args string[] the command; once it was found in the image, by its path there
---@field request? scrun.job.Request what the job was asked for with
---@field rootless boolean the node's runtime runs as an ordinary user
---@field terminal boolean its process has a terminal
---@field interactive boolean its stdin is something else than /dev/null
---@field step_name string of its step, which nobody else in the job has
---@field variables table<string, string> SCRUN_* variables of the step

--- What `spec`, `features`, `checkpoint` and `restore` get in a container's place.
---@class scrun.Facts
---@field id string empty where the verb takes none
---@field backend 'slurm'|'local'
---@field rootless boolean a container's runtime would run as an ordinary user
---@field user_id integer
---@field group_id integer

---@class scrun.exec.Launch
---@field process string as JSON
---@field terminal boolean
---@field bytes? boolean stdout comes byte by byte, not in whole lines
---@field node? string name, or place (from 0) among the container's; nil: the first

---@class scrun.verb.host
local host = {}

--- Finds the container's command in its image, and notes its path in the container's `args`.
---@return string? path absolute, inside the container
---@return string? errmsg
---@return string? code `NO_COMMAND`, `NO_PERMISSION`
function host.resolve_command() end

--- Runs the site's scrun.lua as far as its own functions.
---@return true? ok
---@return string? errmsg
---@return string? code
function host.load_script() end

--- Gets a job, and notes the request in the container.
---@param request scrun.job.Request
---@return integer? job_id
---@return string? errmsg Slurm's reason
---@return string? code
---@return string? output all that salloc wrote
function host.allocate(request) end

--- Shows the container's root file system, staged or else submitted, to whoever enters our mount
--- namespace, in the place of this machine's. Needs to be root, be it in an engine's namespace.
---@return boolean shown
function host.show_root() end

--- Tells the job of another container below the same root.
---@param id string
---@return integer? job_id nil: there is no such container, or it has ended
---@return table<string, string> variables SLURM_* of the job
function host.job_of(id) end

--- Has srun read options without running anything.
---@param options string[]
---@return string? output what it says is wrong with them
function host.check_step_options(options) end

---@return string version of the installed Slurm
function host.slurm_version() end

--- Runs the site's `slurm_scrun_stage_in`, or a stager's `stage_in`.
---@return true? ok
---@return string? errmsg
---@return string? code
function host.stage_in() end

---@return oci.Config config as it was submitted
function host.config() end

---@return string[] variables of the job and of ours, `NAME=value`
function host.job_variables() end

--- Tells how a further process is run in the container.
---@param request scrun.exec.Launch
---@return true? ok
---@return table launch for the caller of `exec`; with nil: errmsg
---@return string? code
function host.exec(request) end

--- How large the container's terminal is now: 0, 0 without one, or while no engine has said.
---@return integer rows
---@return integer columns
function host.console_size() end

--- Has a stdout that comes byte by byte be prepared as soon as the container is created; what then
--- is not ready, `open_output` waits for.
---@return true ok
function host.begin_output() end

--- Prepares a stdout that comes byte by byte.
---@return string? path for srun's `--output`; empty: it comes so by itself; nil: it cannot be
---@return string? errmsg
---@return string? code
function host.open_output() end

--- Starts the container.
---@param argv string[] of srun, see job/step.lua
---@return true? ok
---@return string? errmsg
---@return string? code
function host.start_step(argv) end

--- Delivers a signal to the container's process; ends a container that has none yet.
---@param name string without `SIG`
---@return true? ok
---@return string? errmsg
---@return string? code
function host.signal(name) end

--- Begins the control step, which `signal` and the like need, in a moment; does not wait for it.
---@return true ok
function host.begin_control() end

--- Calls a function of the control shell on the container's node, see
--- scrun/cluster/node_script.py; it is also given where exec'd processes are noted there.
---@param name string
---@param ... string
---@return integer? status
---@return string output; with nil: errmsg
---@return string? code `NOT_RUNNING`, `ETIMEDOUT`
function host.on_node(name, ...) end

--- Delivers a signal to all processes of the container on its nodes.
---@param name string without `SIG`
---@return true? ok
---@return string? errmsg
---@return string? code `NOT_DELIVERED`: there are none, or none to be seen
function host.signal_all(name) end

--- Changes the container's state, and the document that tells of it.
---@param status 'running'|'paused'
---@return true? ok
---@return string? errmsg
---@return string? code
function host.set_status(status) end

--- Changes members of the job, as far as Slurm lets its user.
---@param changes table<string, string> by the names of scontrol(1)
---@return true? ok
---@return string? errmsg Slurm's reason
---@return string? code
function host.update_job(changes) end

--- Changes what limits the container apart from its job.
---@param resources string `linux.resources` as JSON
---@return true? ok
---@return string? errmsg
---@return string? code `JOB_LIMITS`: its job alone does; `NO_CGROUPS`: nothing does
function host.update_limits(resources) end

--- Waits until the container has ended and is staged out.
---@return true ok
function host.wait_ended() end

--- Removes the container's directory.
---@return true ok
function host.remove() end

--- Asks this machine's OCI runtime what it can do. For `features` only.
---@return string? json nil: it does not say, or containers run on nodes
function host.runtime_features() end

return host
