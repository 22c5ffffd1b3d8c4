--- The assertions of scrun.test, and how they show and compare values.
---
--- A failed one names the line of the spec, what was expected and what was there.
---@class scrun.test.check
local M = {}

--- A failed assertion travels as a table, so that a test's own `error` calls stay apart.
M.Failure = {
  __tostring = function(failure)
    return failure.message
  end,
}

--- Values deeper than this are shown as `{...}`.
local SHOW_DEPTH = 6

---@param a any
---@param b any
---@return boolean
local function key_before(a, b)
  if type(a) == type(b) and (type(a) == 'number' or type(a) == 'string') then
    return a < b
  end
  return type(a) == 'number' and type(b) ~= 'number' or tostring(a) < tostring(b)
end

--- Writes a value as a person reads it: strings quoted, tables with sorted keys.
---@param value any
---@param depth? integer how deep we are; callers leave it out
---@return string
function M.show(value, depth)
  depth = depth or 0
  if type(value) == 'string' then
    return (('%q'):format(value):gsub('\\\n', '\\n'))
  elseif type(value) ~= 'table' then
    return tostring(value)
  elseif depth >= SHOW_DEPTH then
    return '{...}'
  end
  local keys, parts, count = {}, {}, #value
  for key in pairs(value) do
    keys[#keys + 1] = key
  end
  table.sort(keys, key_before)
  for _, key in ipairs(keys) do
    local text = M.show(value[key], depth + 1)
    local in_list = type(key) == 'number' and key >= 1 and key <= count and key % 1 == 0
    if in_list then
      parts[#parts + 1] = text
    elseif type(key) == 'string' and key:match '^[%a_][%w_]*$' then
      parts[#parts + 1] = key .. ' = ' .. text
    else
      parts[#parts + 1] = '[' .. M.show(key, depth + 1) .. '] = ' .. text
    end
  end
  return #parts == 0 and '{}' or '{ ' .. table.concat(parts, ', ') .. ' }'
end

--- Compares by content: tables key by key (metatables do not count), the rest by `==`.
---@param a any
---@param b any
---@return boolean
function M.same(a, b)
  if type(a) ~= 'table' or type(b) ~= 'table' then
    return a == b
  end
  for key, value in pairs(a) do
    if not M.same(value, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end

---@param note any the caller's own words, shown first
---@param text string
local function fail(note, text)
  local where = ''
  -- The first frame outside this file is the line of the spec.
  local own = debug.getinfo(1, 'S').source
  for level = 2, 12 do
    local info = debug.getinfo(level, 'Sl')
    if info and info.source ~= own and info.currentline > 0 then
      where = ('%s:%d: '):format(info.short_src, info.currentline)
      break
    end
  end
  local message = where .. (note ~= nil and tostring(note) .. ': ' or '') .. text
  error(setmetatable({ message = message }, M.Failure), 0)
end

---@class scrun.test.Assert
local check = {}
M.assert = setmetatable(check, {
  __call = function(_, value, note, ...)
    if not value then
      fail(nil, note ~= nil and tostring(note) or 'assertion failed')
    end
    return value, note, ...
  end,
})

---@param expected any
---@param actual any
---@param note? any
function check.equal(expected, actual, note)
  if expected ~= actual then
    fail(note, ('expected %s, got %s'):format(M.show(expected), M.show(actual)))
  end
end

---@param unexpected any
---@param actual any
---@param note? any
function check.not_equal(unexpected, actual, note)
  if unexpected == actual then
    fail(note, ('expected anything but %s'):format(M.show(unexpected)))
  end
end

---@param expected any
---@param actual any
---@param note? any
function check.same(expected, actual, note)
  if not M.same(expected, actual) then
    fail(note, ('expected %s,\n     got %s'):format(M.show(expected), M.show(actual)))
  end
end

---@param value any
---@param note? any
function check.is_true(value, note)
  check.equal(true, value, note)
end

---@param value any
---@param note? any
function check.is_false(value, note)
  check.equal(false, value, note)
end

---@param value any
---@param note? any
function check.is_nil(value, note)
  check.equal(nil, value, note)
end

---@param value any
---@param note? any
function check.is_not_nil(value, note)
  check.not_equal(nil, value, note)
end

---@param value any
---@param note? any
function check.truthy(value, note)
  if not value then
    fail(note, ('expected a true value, got %s'):format(M.show(value)))
  end
end

---@param value any
---@param note? any
function check.falsy(value, note)
  if value then
    fail(note, ('expected nil or false, got %s'):format(M.show(value)))
  end
end

---@param expected string name of a type
---@param value any
---@param note? any
function check.is_type(expected, value, note)
  if type(value) ~= expected then
    fail(note, ('expected a %s, got %s'):format(expected, M.show(value)))
  end
end

---@param pattern string Lua pattern
---@param text any
---@param note? any
function check.matches(pattern, text, note)
  if type(text) ~= 'string' or not text:find(pattern) then
    fail(note, ('expected a match of %s, got %s'):format(M.show(pattern), M.show(text)))
  end
end

---@param part string plain text, no pattern
---@param text any
---@param note? any
function check.contains(part, text, note)
  if type(text) ~= 'string' or not text:find(part, 1, true) then
    fail(note, ('expected %s in %s'):format(M.show(part), M.show(text)))
  end
end

--- The function must raise; its error must match, when a pattern is given.
---@param body fun()
---@param pattern? string Lua pattern
---@param note? any
function check.has_error(body, pattern, note)
  local ok, err = pcall(body)
  if ok then
    fail(note, 'expected an error, there was none')
  elseif pattern and not tostring(err):find(pattern) then
    fail(note, ('expected an error like %s, got %s'):format(M.show(pattern), M.show(err)))
  end
end

--- The function must not raise.
---@param body fun()
---@param note? any
function check.has_no_error(body, note)
  local ok, err = pcall(body)
  if not ok then
    fail(note, ('expected no error, got %s'):format(tostring(err)))
  end
end

return M
