--- OCI `exec`: run another process in a running container, beside its own.
--- Source: OCI runtime-spec, config.md, "Process"; crun-exec(1), runc-exec(8).
---@class scrun.verbs.exec
local M = {}
local env = require 'scrun.oci.env'
local host = require 'host'
local json = require 'scrun.json'
local process_edits = require 'scrun.oci.process'
local security = require 'scrun.oci.security'
local settings = require 'scrun.settings'
local user = require 'scrun.oci.user'

local CAPABILITY_SETS = { 'bounding', 'effective', 'inheritable', 'permitted', 'ambient' }

---@class scrun.exec.Request
---@field process? oci.Process of `--process`
---@field args string[] else the command
---@field terminal boolean
---@field cwd? string
---@field env? string[]
---@field user? string `UID[:GID]`
---@field cap? string[]
---@field no_new_privs? boolean
---@field ignore_paused? boolean
---@field node? string of `--node`
---@field interactive boolean its stdin is something else than /dev/null

---@param process oci.Process
---@param given string
---@return true? ok
---@return string? errmsg
---@return string? code
local function set_user(process, given)
  local uid, gid = given:match '^(%d+):?(%d*)$'
  if not uid then
    return nil, ('exec --user: "%s" is not UID[:GID]'):format(given), 'BAD_OPTION'
  end
  process.user = {
    uid = math.tointeger(uid),
    gid = math.tointeger(gid) or (process.user or {}).gid or 0,
  }
  return true
end

---@param process oci.Process
---@param names string[]
local function add_capabilities(process, names)
  local sets = process.capabilities or {}
  for _, set in ipairs(CAPABILITY_SETS) do
    local list, known = {}, {}
    for _, name in ipairs(sets[set] or {}) do
      list[#list + 1], known[name] = name, true
    end
    for _, name in ipairs(names) do
      local full = 'CAP_' .. name:upper():gsub('^CAP_', '')
      if not known[full] then
        list[#list + 1], known[full] = full, true
      end
    end
    sets[set] = list
  end
  process.capabilities = sets
end

--- Override point: the process that a command line asks for. What it does not say is as
--- config.json has it for the container's own.
---@param request scrun.exec.Request
---@return oci.Process? process
---@return string? errmsg
---@return string? code
function M.from_command(request)
  local own = host.config().process or {}
  local process = {
    args = request.args,
    env = own.env,
    cwd = request.cwd or own.cwd or '/',
    user = own.user or { uid = 0, gid = 0 },
    capabilities = own.capabilities,
    noNewPrivileges = request.no_new_privs or own.noNewPrivileges,
    terminal = request.terminal,
  }
  env.merge({ process = process }, request.env or {})
  if request.user then
    local ok, errmsg, code = set_user(process, request.user)
    if not ok then
      return nil, errmsg, code
    end
  end
  if request.cap then
    add_capabilities(process, request.cap)
  end
  return process
end

--- Override point: makes a process one that the node's runtime can run, and gives it the job's
--- variables, as stagers do with the container's own.
---@param process oci.Process
---@param container scrun.Container
---@return oci.Process
function M.adapt(process, container)
  local config = { process = process }
  if container.rootless then
    process_edits.drop_rlimits(config)
    process_edits.drop_oom_score(config)
    user.drop_additional_gids(config)
    if settings.rootless_user == 'root' then
      user.become_root(config)
    end
  end
  security.drop_labels(config)
  local wanted = env.filter(settings.env_keep or {}, settings.env_drop)
  return env.merge(config, host.job_variables(), wanted).process
end

--- Override point: the node where the process runs, of a container that has several: the option
--- `--node`, else SCRUN_EXEC_NODE in the process's environment (`podman exec -e`), else the
--- container's annotation `scrun.exec.node`.
---@param container scrun.Container
---@param request scrun.exec.Request
---@param process oci.Process
---@return string? node name, or place among the container's nodes; nil: the first
function M.node(container, request, process)
  local wanted = request.node
  for _, entry in ipairs(process.env or {}) do
    wanted = wanted or entry:match '^SCRUN_EXEC_NODE=(.+)$'
  end
  return wanted or (container.annotations or {})['scrun.exec.node']
end

--- Override point: whether stdout is to come byte by byte, not in whole lines.
---@param request scrun.exec.Request
---@return boolean
function M.wants_bytes(request)
  if request.terminal then
    return false
  end
  return settings.output == 'bytes' or (settings.output == 'auto' and request.interactive)
end

--- Runs the verb: tells the caller how to run the process.
---@param container scrun.Container
---@param request scrun.exec.Request
---@return true? ok
---@return any launch; with nil: errmsg
---@return string? code
function M.run(container, request)
  if container.status == 'paused' then
    if not request.ignore_paused then
      local text = 'cannot exec in container "%s": it is paused (--ignore-paused)'
      return nil, text:format(container.id), 'BAD_STATE'
    end
  elseif container.status ~= 'running' then
    local text = 'cannot exec in container "%s": container not running'
    return nil, text:format(container.id), 'NOT_RUNNING'
  end
  local process = request.process
  if not process then
    local errmsg, code
    process, errmsg, code = M.from_command(request)
    if not process then
      return nil, errmsg, code
    end
  end
  return host.exec {
    process = json.encode(M.adapt(process, container)),
    terminal = request.terminal,
    bytes = M.wants_bytes(request),
    node = M.node(container, request, process),
  }
end

return M
