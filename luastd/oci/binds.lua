--- Bind mounts: what becomes of each when the container runs on a node.
--- Source: OCI runtime-spec, config.md, "Mounts". Measured: podman binds resolv.conf, hosts,
--- hostname, .containerenv and /dev/shm out of RUNROOT/…-containers/ID/userdata, docker out of
--- /var/lib/docker/containers/ID; both are directories of the engine's host alone.
local lists = require 'scrun.oci.lists'
local mounts = require 'scrun.oci.mounts'

---@class scrun.oci.binds
local M = {}

---@alias scrun.oci.binds.Fate
---| 'keep' # the node has the same source
---| 'carry' # the engine's own file or directory: goes along with the staged bundle
---| 'shm' # a tmpfs of the engine's host: the container gets one of its own
---| 'drop' # the source is nowhere

---@class scrun.oci.binds.Context
---@field id string container id
---@field bundle string the engine's bundle, absolute
---@field stat fun(path: string): { type: string }? of the engine's host
---@field mount_size? fun(path: string): integer? bytes of a file system there; nil: it is none

--- Override point: Lua patterns of sources that belong to an engine, besides everything in
--- the bundle and everything in a directory named by the container's id.
---@type string[]
M.engine_paths = {
  '^/run/user/%d+/containers/',
  '^/run/containers/',
  '^/var/lib/docker/containers/',
}

--- Size of the container's own /dev/shm where the engine's does not tell.
M.shm_size = '64m'

---@param path string
---@param directory string
---@return boolean
local function is_beneath(path, directory)
  directory = directory:gsub('/+$', '') .. '/'
  return path:sub(1, #directory) == directory
end

--- Is a source part of the engine's record of this container?
---@param source string absolute
---@param context scrun.oci.binds.Context
---@return boolean
function M.is_engine_path(source, context)
  if is_beneath(source, context.bundle) then
    return true
  end
  for component in source:gmatch '[^/]+' do
    -- The ids engines make are 64 digits; a person's short one may be any directory's name.
    if component == context.id and #component >= 32 then
      return true
    end
  end
  for _, pattern in ipairs(M.engine_paths) do
    if source:find(pattern) then
      return true
    end
  end
  return false
end

--- Override point: decides about one bind mount.
---@param mount oci.Mount its source is absolute
---@param context scrun.oci.binds.Context
---@return scrun.oci.binds.Fate
function M.choose(mount, context)
  local source = mount.source
  for _, own in ipairs { '/proc', '/sys', '/dev' } do
    if source == own or is_beneath(source, own) then
      return 'keep'
    end
  end
  local engines = M.is_engine_path(source, context)
  if engines and mount.destination == '/dev/shm' then
    return 'shm'
  end
  local found = context.stat(source)
  if not found then
    return 'drop'
  elseif engines and (found.type == 'file' or found.type == 'directory') then
    return 'carry'
  end
  return 'keep'
end

--- Makes the sources of bind mounts absolute: they count from the bundle, which moves.
---@param config oci.Config
---@param bundle string
---@return oci.Config
function M.make_absolute(config, bundle)
  for _, mount in ipairs(config.mounts or {}) do
    if mounts.is_bind(mount) and mount.source and mount.source:sub(1, 1) ~= '/' then
      mount.source = bundle:gsub('/+$', '') .. '/' .. mount.source
    end
  end
  return config
end

--- Gives the container a /dev/shm of its own, as large as the engine's (`--shm-size`).
---@param mount oci.Mount changed in place
---@param context scrun.oci.binds.Context
local function use_tmpfs(mount, context)
  local bytes = context.mount_size and context.mount_size(mount.source)
  local size = bytes and ('%d'):format(bytes) or M.shm_size
  mount.type, mount.source = 'tmpfs', 'shm'
  mount.options = { 'nosuid', 'noexec', 'nodev', 'mode=1777', 'size=' .. size }
end

--- Decides about every bind mount, drops the hopeless ones, and lists those whose source must
--- go along.
---@param config oci.Config
---@param context scrun.oci.binds.Context
---@return oci.Mount[] carried their `source` is the caller's to change once it is copied
---@return oci.Mount[] dropped
function M.plan(config, context)
  local carried, dropped = {}, {}
  M.make_absolute(config, context.bundle)
  config.mounts = lists.without(config.mounts, function(mount)
    local fate = mounts.is_bind(mount) and mount.source and M.choose(mount, context)
    if fate == 'carry' then
      carried[#carried + 1] = mount
    elseif fate == 'shm' then
      use_tmpfs(mount, context)
    elseif fate == 'drop' then
      dropped[#dropped + 1] = mount
    end
    return fate == 'drop'
  end)
  return carried, dropped
end

return M
