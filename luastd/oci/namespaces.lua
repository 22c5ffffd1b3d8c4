--- `linux.namespaces`: what the container has of its own.
--- Source: OCI runtime-spec, config-linux.md, "Namespaces".
local lists = require 'scrun.oci.lists'

---@class scrun.oci.namespaces
local M = {}

---@param config oci.Config
---@param kind oci.NamespaceType
---@return oci.Namespace? entry nil: the container shares its creator's
function M.find(config, kind)
  for _, namespace in ipairs(config.linux and config.linux.namespaces or {}) do
    if namespace.type == kind then
      return namespace
    end
  end
  return nil
end

--- Does the container get a new namespace of this kind? One joined by path has another owner.
---@param config oci.Config
---@param kind oci.NamespaceType
---@return boolean
function M.is_own(config, kind)
  local namespace = M.find(config, kind)
  return namespace ~= nil and namespace.path == nil
end

--- Asks for a new namespace, unless one of the kind is there.
---@param config oci.Config
---@param kind oci.NamespaceType
---@return oci.Config
function M.add(config, kind)
  if not M.find(config, kind) then
    config.linux = config.linux or {}
    config.linux.namespaces = config.linux.namespaces or {}
    table.insert(config.linux.namespaces, { type = kind })
  end
  return config
end

--- Drops the namespaces for which `unwanted` answers true. Without a UTS namespace the host
--- name goes too: runtimes refuse to set the node's.
---@param config oci.Config
---@param unwanted fun(namespace: oci.Namespace): boolean?
---@return oci.Config
function M.drop_if(config, unwanted)
  if config.linux then
    config.linux.namespaces = lists.without(config.linux.namespaces, unwanted)
  end
  if not M.find(config, 'uts') then
    config.hostname, config.domainname = nil, nil
  end
  return config
end

--- Drops a kind of namespace: the container shares the node's.
---@param config oci.Config
---@param kind oci.NamespaceType
---@return oci.Config
function M.drop(config, kind)
  return M.drop_if(config, function(namespace)
    return namespace.type == kind
  end)
end

--- Drops namespaces joined by path: the path names a process or a file of the engine's host,
--- which no node has.
---@param config oci.Config
---@return oci.Config
function M.drop_joined(config)
  return M.drop_if(config, function(namespace)
    return namespace.path ~= nil
  end)
end

return M
