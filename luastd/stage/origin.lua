--- Where a root file system lies that an engine has mounted into its bundle.
---
--- buildah (`podman build`) shows its runtime the image by a bind mount that only its own mount
--- namespace has. No node sees it; the directory behind it they may see.
--- Source: proc_pid_mountinfo(5).
local host = require 'host'

---@class scrun.stage.origin
local M = {}

local FIELDS = '^%d+ %d+ (%d+:%d+) (%S+) (%S+) '

---@param text string
---@return string
local function unescape(text)
  return (text:gsub('\\(%d%d%d)', function(digits)
    return string.char(tonumber(digits, 8))
  end))
end

---@param directory string
---@param path string
---@return string? rest of the path below the directory, empty or from its slash on
local function below(directory, path)
  local prefix = directory:gsub('/$', '')
  local rest = path:sub(#prefix + 1)
  if path:sub(1, #prefix) == prefix and (rest == '' or rest:sub(1, 1) == '/') then
    return rest
  end
  return nil
end

---@class scrun.stage.origin.Mount
---@field device string
---@field root string what of the file system is mounted
---@field point string

---@return scrun.stage.origin.Mount[]
local function read_mounts()
  local mounts = {}
  for line in (host.read_file '/proc/self/mountinfo' or ''):gmatch '[^\n]+' do
    local device, root, point = line:match(FIELDS)
    if device then
      mounts[#mounts + 1] = { device = device, root = unescape(root), point = unescape(point) }
    end
  end
  return mounts
end

--- Finds the directory behind a bind mount.
---@param path string
---@param bundle string only mounts below it count: others may be there on the nodes as well
---@param mounts? scrun.stage.origin.Mount[] nil: those of this process
---@return string path the same one when nothing is mounted there, or its origin is not in reach
function M.find(path, bundle, mounts)
  mounts = mounts or read_mounts()
  local bind
  for _, mount in ipairs(mounts) do -- of several at one place the last is seen
    if below(bundle, mount.point) and below(mount.point, path) then
      bind = mount
    end
  end
  if not bind then
    return path
  end
  local wanted = (bind.root == '/' and '' or bind.root) .. below(bind.point, path)
  for _, mount in ipairs(mounts) do
    local rest = mount.device == bind.device and below(mount.root, wanted)
    if rest and not below(bundle, mount.point) then
      return (mount.point == '/' and '' or mount.point) .. rest
    end
  end
  return path
end

return M
