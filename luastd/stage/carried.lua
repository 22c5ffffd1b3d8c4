--- The engine's own files in a staged bundle: where each is, and how it follows the engine's.
---
--- podman fills resolv.conf and hosts after `create` has returned, so what was copied in between
--- is empty. Measured: podman 5.4; its source says so, libpod, `completeNetworkSetup`.
local mounts = require 'scrun.oci.mounts'

---@class scrun.stage.carried
local M = {}

local ESCAPES = { ['/'] = '%2F', ['%'] = '%25' }

--- Files that every node has of its own, and that the network of the node suits.
local NODES_OWN = { ['/etc/hosts'] = true, ['/etc/resolv.conf'] = true }

--- Names the place of a mount's source in a staged bundle.
---@param mount oci.Mount
---@return string path from the bundle on
function M.place(mount)
  return '/files/' .. mount.destination:gsub('^/', ''):gsub('[/%%]', ESCAPES)
end

--- Whether the node's own file does where the engine's was not filled.
---@param mount oci.Mount
---@return boolean
function M.is_nodes_own(mount)
  return NODES_OWN[mount.destination] == true
end

---@param path string
---@return string? data
local function read(path)
  local file = io.open(path, 'rb')
  if not file then
    return nil
  end
  local data = file:read 'a' -- nil for a directory
  file:close()
  return data
end

--- Copies again what has changed since it was copied, where the staged bundle is in reach.
---@param config oci.Config as the engine wrote it
---@param bundle string the engine's
---@param staged string
function M.refresh(config, bundle, staged)
  for _, mount in ipairs(config.mounts or {}) do
    if mounts.is_bind(mount) and mount.source then
      local target = staged .. M.place(mount)
      local old = read(target)
      local path = mount.source:sub(1, 1) == '/' and mount.source or bundle .. '/' .. mount.source
      local new = old and read(path)
      local file = new and new ~= old and io.open(target, 'wb')
      if file then
        file:write(new)
        file:close()
      end
    end
  end
end

return M
