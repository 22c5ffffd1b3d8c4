---@meta
--- The global `slurm` of a site's scrun.lua. Source: scrun(1), "SCRUN.LUA"; Slurm's
--- src/lua/slurm_lua.c and src/scrun/lua.c, 24.05 to 26.05.

---@class slurm
---@field SUCCESS integer 0
---@field ERROR integer -1
---@field FAILURE integer -1
---@field CLUSTER_NAME string
---@field null any JSON's null
---@field [string] any errno names and constants of all Slurm versions
slurm = {}

--- Runs a shell script on this machine, with the job's environment.
---@param script string for /bin/sh -c
---@param options? host.RunOptions
---@return integer status exit code; 128+n for a death by signal n
---@return string output
---@return string? stderr when asked for apart
function slurm.allocator_command(script, options) end

--- Runs a shell script on every node of the job, as a step of its own.
---@param script string for /bin/sh -c
---@param options? host.RunOptions
---@return integer status
---@return string output
---@return string? stderr
function slurm.remote_command(script, options) end

--- Makes another directory the container's bundle. Edits no file.
---@param path string?
---@return string? original the bundle given to `create`
function slurm.set_bundle_path(path) end

--- Tells where the root file system is now. Edits no file: config.json is the script's to write.
---@param path string?
---@return string? original
function slurm.set_root_path(path) end

--- Logs; takes (level, message) as Slurm's code does, or (message, level) as its manual says.
---@param level integer 0 info, 1 verbose, 2 debug, 3 debug2, 4 debug3, above: debug4
---@param message string
---@overload fun(message: string, level?: integer)
function slurm.log(level, message) end

---@param message string
function slurm.error(message) end

---@param format string
---@param ... any
function slurm.log_error(format, ...) end

---@param format string
---@param ... any
function slurm.log_info(format, ...) end

---@param format string
---@param ... any
function slurm.log_verbose(format, ...) end

---@param format string
---@param ... any
function slurm.log_debug(format, ...) end

---@param format string
---@param ... any
function slurm.log_debug2(format, ...) end

---@param format string
---@param ... any
function slurm.log_debug3(format, ...) end

---@param format string
---@param ... any
function slurm.log_debug4(format, ...) end

--- Logs at info and tells the caller of `create`.
---@param format string
---@param ... any
function slurm.log_user(format, ...) end

---@param message string
function slurm.user_msg(message) end

--- Minutes in a Slurm duration, seconds rounded up.
---@param text string
---@return integer minutes -1: infinite, -2: no duration
function slurm.time_str2mins(text) end

--- Priority of a QOS; nothing at all when it is unknown.
---@param name string
---@return integer?
function slurm.get_qos_priority(name) end

---@param value any
---@return string
function slurm.to_json(value) end

---@param text string
---@return any
function slurm.from_json(text) end

---@param value any
---@return string
function slurm.to_yaml(value) end

--- JSON always; other YAML needs PyYAML beside scrun.
---@param text string
---@return any
function slurm.from_yaml(text) end

--- Called right after the allocation.
---@param id string
---@param bundle string
---@param spool_dir string
---@param config_file string
---@param job_id integer
---@param user_id integer
---@param group_id integer
---@param job_env string[] `NAME=value`, from 1; index 0 answers with the first as well
---@return integer status slurm.SUCCESS, or the job is cancelled
function slurm_scrun_stage_in(
  id, bundle, spool_dir, config_file, job_id, user_id, group_id, job_env
) end

--- Called right after the container's step has ended.
---@param id string
---@param bundle string
---@param orig_bundle string
---@param root_path string?
---@param orig_root_path string?
---@param spool_dir string
---@param config_file string
---@param job_id integer
---@param user_id integer
---@param group_id integer
---@return integer status
function slurm_scrun_stage_out(
  id, bundle, orig_bundle, root_path, orig_root_path, spool_dir, config_file, job_id, user_id,
  group_id
) end
