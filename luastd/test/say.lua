--- The texts of custom assertions, by key: what specs know as the module `say`.
---@class scrun.test.say
local M = { _registry = {} }

local current, fallback = 'en', 'en'

---@param namespace string a language
function M:set_namespace(namespace)
  current = namespace
  self._registry[namespace] = self._registry[namespace] or {}
end

---@param namespace string
function M:set_fallback(namespace)
  fallback = namespace
  self._registry[namespace] = self._registry[namespace] or {}
end

---@param key string
---@param text string a format for string.format
function M:set(key, text)
  self._registry[current][key] = text
end

M:set_namespace 'en'

return setmetatable(M, {
  __index = M._registry,
  __call = function(self, key, values)
    if values ~= nil and type(values) ~= 'table' then
      error(("expected parameter table to be a table, got '%s'"):format(type(values)), 2)
    end
    local text = self._registry[current][key] or self._registry[fallback][key]
    if text == nil then
      return nil
    end
    local words = {}
    for at = 1, values and math.max(values.n or 0, #values) or 0 do
      words[at] = tostring(values[at])
    end
    return #words > 0 and text:format((table.unpack or unpack)(words)) or text
  end,
})
