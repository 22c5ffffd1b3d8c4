--- OCI `state`: what the state document says. It is made at every change of the state and written
--- to disk; the verb itself prints the file and runs no Lua.
--- Source: OCI runtime-spec, runtime.md, "State".
---@class scrun.verbs.state
local M = {}

---@class oci.StateDocument
---@field ociVersion string
---@field id string
---@field pid integer of the process that engines watch; 0 once stopped
---@field status 'creating'|'created'|'running'|'paused'|'stopped'
---@field bundle string absolute
---@field rootfs? string
---@field created? string RFC 3339
---@field owner? string
---@field annotations? table<string, string>

--- Override point: the document. A site may add members; the spec's own (the first five) are
--- facts, and stay what they are.
---@param facts oci.StateDocument
---@return oci.StateDocument
function M.document(facts)
  return facts
end

return M
