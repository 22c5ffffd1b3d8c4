--- `match`: stands for arguments in `called_with` and `on_call_with`: `match._` for any,
--- `match.is_string()`, `match.is_not_nil()`, `match.has_match('^x')`.
local assert = require 'luastd.test.assert'
local compare = require 'luastd.test.compare'
local failure = require 'luastd.test.failure'
local show = require 'luastd.test.show'
local words = require 'luastd.test.words'

local M = {}

local matcher_meta = {
  __call = function(matcher, value)
    return (matcher.callback(value) and true or false) == matcher.mod
  end,
  __show = function(matcher)
    local name = matcher.name == '_' and '_' or (matcher.mod and 'is_' or 'not_') .. matcher.name
    return 'match.' .. name .. (matcher.name == '_' and '' or show.arguments(matcher.arguments))
  end,
}
matcher_meta.__tostring = matcher_meta.__show

---@param name string
---@param mod boolean
---@param callback fun(value: any): boolean
---@param arguments table
local function new(name, mod, callback, arguments)
  return setmetatable(
    { name = name, mod = mod, callback = callback, arguments = arguments },
    matcher_meta
  )
end

M._ = new('_', true, function()
  return true
end, { n = 0 })

---@param value any
---@return boolean
function M.is_matcher(value)
  return type(value) == 'table' and getmetatable(value) == matcher_meta
end

--- Whether it is about a value itself, not about what was copied of it at the call.
---@param value any
---@return boolean
function M.is_ref_matcher(value)
  return M.is_matcher(value) and value.name == 'ref'
end

local state_meta = { __index = words.index }

function state_meta.__call(state, ...)
  local word, modifiers = words.find('matcher', 'match', state.tokens)
  local arguments = { n = select('#', ...), ... }
  rawset(state, 'tokens', {})
  for _, modifier in ipairs(modifiers) do
    modifier.callback(state, not word and arguments or nil, 1)
  end
  if not word then
    return state
  end
  return new(word.name, state.mod, word.callback(state, arguments, 1), arguments)
end

function M.state()
  return setmetatable({ mod = true, tokens = {} }, state_meta)
end

---@param names string
---@param make fun(state: table, arguments: table): function
---@param kinds? string[] what its arguments must be: a type, `any`, `number?`; `matcher` for all
local function register(names, make, kinds)
  for name in names:gmatch '%S+' do
    assert:register('matcher', name, function(state, arguments)
      for at, kind in ipairs(kinds or {}) do
        local value = arguments[at]
        local fits = at <= arguments.n and (kind == 'any' or type(value) == kind)
        if kind == 'matcher' then
          fits = M.is_matcher(value)
        elseif kind == 'object' then
          local is = type(value)
          fits = is == 'table' or is == 'function' or is == 'userdata' or is == 'thread'
        elseif kind == 'number' then
          fits = tonumber(value) ~= nil
        elseif kind == 'number?' then
          fits = value == nil or tonumber(value) ~= nil
        end
        if not fits then
          local text = '%s: match.%s: argument %d: a %s is expected, got %s'
          error(text:format(failure.place() or '?', name, at, kind, show.value(value)), 0)
        end
      end
      return make(state, arguments)
    end)
  end
end

for name in ('nil boolean number string table function userdata thread'):gmatch '%S+' do
  register(name, function()
    return function(value)
      return type(value) == name
    end
  end)
end

register('true', function()
  return function(value)
    return value == true
  end
end)
register('false', function()
  return function(value)
    return value == false
  end
end)
register('truthy', function()
  return function(value)
    return value
  end
end)
register('falsy', function()
  return function(value)
    return not value
  end
end)
local function equal(_, arguments)
  return function(value)
    return value == arguments[1]
  end
end

register('equal equals', equal, { 'any' })
register('ref', equal, { 'object' })
register('same', function(_, arguments)
  return function(value)
    return (compare.same(value, arguments[1]))
  end
end, { 'any' })
register('matches match', function(_, arguments)
  return function(value)
    if not compare.is_text(value) and type(value) ~= 'number' then
      return false
    end
    return tostring(value):find(arguments[1], arguments[2], arguments[3]) ~= nil
  end
end, { 'string', 'number?' })
register('contains', function(_, arguments)
  return function(value)
    return type(value) == 'string' and value:find(arguments[1], 1, true) ~= nil
  end
end, { 'string' })
register('near', function(_, arguments)
  local expected, tolerance = tonumber(arguments[1]), tonumber(arguments[2])
  return function(value)
    local number = tonumber(value)
    return number and number >= expected - tolerance and number <= expected + tolerance
  end
end, { 'number', 'number' })
register('unique', function(_, arguments)
  return function(value)
    for key, item in pairs(value) do
      for other, against in pairs(value) do
        local alike = item == against or (arguments[1] and compare.same(item, against))
        if key ~= other and alike then
          return false
        end
      end
    end
    return true
  end
end)

local function some(arguments, value, wanted)
  for at = 1, arguments.n do
    if arguments[at](value) == wanted then
      return true
    end
  end
  return false
end

register('any_of', function(_, arguments)
  return function(value)
    return some(arguments, value, true)
  end
end, { 'matcher' })
register('all_of', function(_, arguments)
  return function(value)
    return not some(arguments, value, false)
  end
end, { 'matcher' })
register('none_of', function(_, arguments)
  return function(value)
    return not some(arguments, value, true)
  end
end, { 'matcher' })

return setmetatable(M, {
  __index = function(_, name)
    return M.state()[name]
  end,
})
