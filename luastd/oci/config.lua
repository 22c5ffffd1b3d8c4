--- Reading and writing a bundle's config.json.
--- Source: OCI runtime-spec, config.md.
local host = require 'host'
local json = require 'json'

---@class scrun.oci.config
local M = {}

--- Removes the members of objects that are null: engines written in Go print
--- `"cgroupsPath": null` for a member that is absent, and no edit should meet the difference.
--- A null inside an array stays.
---@param value any
---@param null any the codec's null
---@return any value the same, changed in place
function M.drop_nulls(value, null)
  if type(value) ~= 'table' or value == null then
    return value
  end
  local doomed = {}
  for key, item in pairs(value) do
    if item == null and type(key) == 'string' then
      doomed[#doomed + 1] = key
    else
      M.drop_nulls(item, null)
    end
  end
  for _, key in ipairs(doomed) do
    value[key] = nil
  end
  return value
end

--- Reads a config.json.
---@param path string
---@return oci.Config? config
---@return string? errmsg
---@return string? code an errno name, or `BAD_CONFIG`
function M.read(path)
  local text, errmsg, code = host.read_file(path)
  if not text then
    return nil, errmsg, code
  end
  local ok, config, _, why = pcall(json.decode, text)
  if not ok or type(config) ~= 'table' then
    local reason = ok and (why or 'not a JSON object') or config
    return nil, ('%s: %s'):format(path, tostring(reason)), 'BAD_CONFIG'
  end
  return M.drop_nulls(config, json.null)
end

--- Writes a config.json, whole or not at all, readable by its owner only.
---@param path string
---@param config oci.Config
---@return true? ok
---@return string? errmsg
---@return string? code
function M.write(path, config)
  return host.write_file(path, json.encode(config))
end

return M
