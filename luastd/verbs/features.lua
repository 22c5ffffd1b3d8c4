--- `features`: what this runtime recognises in a config.json; dockerd asks when it starts.
--- Source: OCI runtime-spec, features.md and features-linux.md. What the node's runtime decides is
--- left out: "All properties … except ociVersionMin and ociVersionMax MAY be absent".
---@class scrun.verbs.features
local M = {}
local hooks = require 'scrun.oci.hooks'
local host = require 'host'
local json = require 'scrun.json'

local KINDS = {
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
}

--- Override point: hooks that reach the node.
---@return string[]
function M.hooks()
  local dropped, kept = {}, json.array {}
  for _, kind in ipairs(hooks.unwanted) do
    dropped[kind] = true
  end
  for _, kind in ipairs(KINDS) do
    if not dropped[kind] then
      kept[#kept + 1] = kind
    end
  end
  return kept
end

--- Override point: what a container in a job can be sure of.
---@param facts scrun.Facts
---@return table linux
function M.linux(facts)
  local cgroup = { systemd = false, systemdUser = false } -- a job's cgroup is Slurm's
  if facts.rootless then -- of root's containers the limits are the node's runtime's to set
    cgroup.v1, cgroup.v2, cgroup.rdma = false, false, false
  end
  return {
    namespaces = { 'cgroup', 'ipc', 'mount', 'network', 'pid', 'user', 'uts' },
    cgroup = cgroup,
    apparmor = { enabled = false }, -- oci/security.lua
    selinux = { enabled = false },
    mountExtensions = facts.rootless and { idmap = { enabled = false } } or nil,
  }
end

--- Override point: the document. Without Slurm it is that of the runtime on this machine, if it
--- has one (runc since 1.1, crun since 1.8.6).
---@param facts scrun.Facts
---@return table
function M.document(facts)
  local own = host.runtime_features()
  local known, document = pcall(json.decode, own or '')
  if not known or type(document) ~= 'table' then
    document = json.decode '{"ociVersionMin": "1.0.0", "ociVersionMax": "1.2.0"}'
  end
  if facts.backend == 'slurm' then
    document.hooks, document.linux = M.hooks(), M.linux(facts)
    document.potentiallyUnsafeConfigAnnotations = { 'slurm.job.' }
  elseif facts.rootless then -- oci/rootless.lua edits for this machine's runtime, too
    document.linux = document.linux or {}
    for name, value in pairs(M.linux(facts)) do
      document.linux[name] = value
    end
  end
  local annotations = document.annotations or {}
  annotations['org.opencontainers.runc.checkpoint.enabled'] = 'false'
  annotations['scrun.backend'] = facts.backend
  document.annotations = annotations
  return document
end

--- Runs the verb.
---@param facts scrun.Facts
---@return true ok
---@return string document
function M.run(facts)
  return true, json.encode(M.document(facts), { indent = true })
end

return M
