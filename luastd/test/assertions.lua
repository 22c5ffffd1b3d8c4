--- The assertions that every spec has; named and called as in luassert, so that specs written for
--- busted run here. Here are those of values; other_assertions.lua has the rest.
local arguments_of = require 'luastd.test.arguments'
local assert = require 'luastd.test.assert'
local compare = require 'luastd.test.compare'
local late = require 'luastd.test.late'
local words = require 'luastd.test.words'

local show = late.module 'luastd.test.show'
local need, register, say_why = arguments_of.need, arguments_of.register, arguments_of.say_why

late.add(function()
  require 'luastd.test.other_assertions'
end)

local function path_text(path)
  local parts = {}
  for _, key in ipairs(path or {}) do
    local is_name = type(key) == 'string' and key:find '^[%a_][%w_]*$'
    parts[#parts + 1] = is_name and '.' .. key or '[' .. show.value(key) .. ']'
  end
  return 'different at ' .. table.concat(parts)
end

register('equal equals', function(state, arguments)
  need(2, arguments, 'equal')
  local expected, actual = arguments[1], arguments[2]
  say_why(state, arguments[3])
  state.report = { expected = expected, actual = actual }
  return expected == actual
end)

register('same', function(state, arguments)
  need(2, arguments, 'same')
  local expected, actual = arguments[1], arguments[2]
  local same, path = compare.same(expected, actual)
  say_why(state, arguments[3])
  state.report = { expected = expected, actual = actual, what = path and path_text(path) }
  return same
end)

for name, value in pairs { ['true'] = true, ['false'] = false } do
  register(name, function(state, arguments)
    say_why(state, arguments[2])
    state.report = { expected = value, actual = arguments[1] }
    return arguments[1] == value
  end)
end

local TYPES = 'nil boolean number string table function userdata thread'
for name in TYPES:gmatch '%S+' do
  register(name, function(state, arguments)
    local value = arguments[1]
    say_why(state, arguments[2])
    state.report = {
      text = function(negated)
        local wanted = name == 'nil' and 'nil' or 'a ' .. name
        return ('expected %s%s, got %s'):format(negated and 'not ' or '', wanted, show.value(value))
      end,
    }
    return type(value) == name -- nothing at all is nil, as in luassert
  end)
end

for name, wanted in pairs { truthy = true, falsy = false } do
  register(name, function(state, arguments)
    need(1, arguments, name)
    local value = arguments[1]
    say_why(state, arguments[2])
    state.report = {
      text = function(negated)
        local what = (wanted ~= negated) and 'a true value' or 'nil or false'
        return ('expected %s, got %s'):format(what, show.value(value))
      end,
    }
    return (value and true or false) == wanted
  end)
end

for name in ('is are was has does a an the'):gmatch '%S+' do
  words.register('modifier', name, function(state)
    return state
  end)
end
for name in ('not no'):gmatch '%S+' do
  words.register('modifier', name, function(state)
    state.mod = not state.mod
    return state
  end)
end
words.register('modifier', 'message', function(state, arguments)
  state.failure_message = arguments and arguments[1]
  return state
end)
words.register('modifier', 'array', function(state, arguments)
  rawset(state, 'array', arguments and arguments[1])
  return state
end)

return assert
