--- The assertions that not every spec has: of numbers, texts, errors and lists; see assertions.lua.
--- `contains` is ours, as `matches_golden` of main.lua is.
local arguments_of = require 'luastd.test.arguments'
local compare = require 'luastd.test.compare'
local show = require 'luastd.test.show'

local need, refuse = arguments_of.need, arguments_of.refuse
local register, say_why = arguments_of.register, arguments_of.say_why

register('near', function(state, arguments)
  need(3, arguments, 'near')
  local expected, actual, tolerance =
    tonumber(arguments[1]), tonumber(arguments[2]), tonumber(arguments[3])
  for at, number in ipairs { expected or false, actual or false, tolerance or false } do
    if not number then
      refuse(at, 'near', 'number', arguments[at])
    end
  end
  say_why(state, arguments[4])
  state.report = {
    text = function(negated)
      return ('expected %s%s ± %s, got %s'):format(
        negated and 'anything but ' or '',
        show.value(expected),
        show.value(tolerance),
        show.value(actual)
      )
    end,
  }
  return actual >= expected - tolerance and actual <= expected + tolerance
end)

register('unique', function(state, arguments)
  local list = arguments[1]
  local deep, message
  if type(arguments[2]) == 'boolean' or (arguments[2] == nil and arguments.n > 2) then
    deep, message = arguments[2], arguments[3]
  else
    deep, message = arguments[3] == true, arguments[2]
  end
  say_why(state, message)
  state.report = {
    text = function(negated)
      local wanted = negated and 'equal' or 'no equal'
      return ('expected %s values in %s'):format(wanted, show.value(list))
    end,
  }
  for key, value in pairs(list) do
    for other, against in pairs(list) do
      if key ~= other and (value == against or (deep and compare.same(value, against))) then
        return false
      end
    end
  end
  return true
end)

---------------------------------------------------------------------------------------------------
-- texts

--- Takes `init`, `plain` and the message behind the second argument: the first that is neither a
--- number nor a boolean nor nil is the message, wherever it stands.
local function search_options(arguments)
  local message
  local rest, count = {}, 0
  for at = 3, arguments.n do
    local value = arguments[at]
    if message == nil and value and type(value) ~= 'boolean' and not tonumber(value) then
      message = value
    else
      count = count + 1
      rest[count] = value
    end
  end
  return rest[1], rest[2], message
end

local function search(text, pattern, init, plain)
  if plain then
    local found = text:find(pattern, init, true) ~= nil
    return found, found and { pattern } or {}
  end
  local captures = { text:match(pattern, init) }
  return captures[1] ~= nil, captures
end

register('matches match', function(state, arguments)
  need(2, arguments, 'matches')
  local pattern, actual = arguments[1], arguments[2]
  local init, plain, message = search_options(arguments)
  if type(pattern) ~= 'string' then
    refuse(1, 'matches', 'string', pattern)
  elseif not compare.is_text(actual) and type(actual) ~= 'number' then
    refuse(2, 'matches', 'string', actual)
  elseif init ~= nil and not tonumber(init) then
    refuse(3, 'matches', 'number', init)
  end
  local text = tostring(actual)
  say_why(state, message)
  state.report = {
    text = function(negated)
      return ('expected %s match of %s, got %s'):format(
        negated and 'no' or 'a',
        show.value(pattern),
        show.value(text)
      )
    end,
  }
  return search(text, pattern, init, plain)
end)

--- `assert.contains(part, text)`: plain text, no pattern; or an item of a list.
register('contains', function(state, arguments)
  need(2, arguments, 'contains')
  local part, whole = arguments[1], arguments[2]
  say_why(state, arguments[3])
  state.report = {
    text = function(negated)
      local where = negated and 'not to find' or 'to find'
      return ('expected %s %s in %s'):format(where, show.value(part), show.value(whole))
    end,
  }
  if type(whole) == 'table' then
    for _, item in pairs(whole) do
      if compare.same(part, item) then
        return true
      end
    end
    return false
  end
  return type(whole) == 'string' and whole:find(tostring(part), 1, true) ~= nil
end)

---------------------------------------------------------------------------------------------------
-- errors

local function catch(arguments, name)
  local body = arguments[1]
  if not compare.is_callable(body) then
    refuse(1, name, 'function', body)
  end
  local ok, thrown = pcall(body)
  if type(thrown) == 'string' then
    thrown = thrown:gsub('^.-:%d+: ', '', 1) -- what is said, not where
  end
  return not ok, thrown
end

local function report_error(state, raised, thrown, expected)
  state.report = {
    text = function(negated)
      if negated then
        return ('expected no %serror, but there was %s'):format(
          expected ~= nil and 'such ' or '',
          show.value(thrown)
        )
      elseif not raised then
        return 'expected an error, there was none'
      end
      return ('expected the error %s, got %s'):format(show.value(expected), show.value(thrown))
    end,
  }
end

register('error errors', function(state, arguments)
  local raised, thrown = catch(arguments, 'error')
  local expected = arguments[2]
  say_why(state, arguments[3])
  report_error(state, raised, thrown, expected)
  local results = { n = arguments.n, thrown, expected, arguments[3] }
  if not raised or expected == nil then
    return raised, results
  elseif type(expected) == 'string' and compare.is_text(thrown) then
    results[1] = tostring(thrown)
    return expected == results[1], results
  elseif type(expected) == 'number' and type(thrown) == 'string' then
    return tostring(expected) == tostring(tonumber(thrown)), results
  end
  return (compare.same(expected, thrown)), results
end)

register('error_matches error_match matches_error match_error', function(state, arguments)
  need(2, arguments, 'error_matches')
  local pattern = arguments[2]
  if pattern ~= nil and type(pattern) ~= 'string' then
    refuse(2, 'error_matches', 'string', pattern)
  end
  local init, plain, message = search_options(arguments)
  local raised, thrown = catch(arguments, 'error_matches')
  say_why(state, message)
  report_error(state, raised, thrown, pattern)
  local results = { n = arguments.n, thrown, pattern, arguments[3] }
  if not raised then
    return false, results
  elseif thrown == nil and pattern == nil then
    return true, {}
  end
  local kind = type(thrown)
  if not compare.is_text(thrown) and kind ~= 'number' and kind ~= 'boolean' then
    return false, results
  end
  local found, captures = search(tostring(thrown), pattern or '', init, plain)
  return found, found and captures or results
end)

---------------------------------------------------------------------------------------------------
-- calls and lists

register('returned_arguments', function(state, arguments)
  local expected, actual = arguments[1], arguments.n - 1
  state.report = {
    text = function(negated)
      local what = negated and 'anything but ' or ''
      return ('expected %s%s values, got %d'):format(what, tostring(expected), actual)
    end,
  }
  return tostring(expected) == tostring(actual)
end)

register('holes', function(state, arguments)
  local list, length = rawget(state, 'array'), arguments[1]
  if list == nil then
    refuse(1, 'holes', 'list given by assert.array(list)', list)
  end
  if length == nil then
    length = 0
    for key in pairs(list) do
      if type(key) == 'number' and key > length and key % 1 == 0 then
        length = key
      end
    end
  end
  local missing
  for at = 1, length do
    if list[at] == nil and not missing then
      missing = at
    end
  end
  state.report = {
    text = function()
      return missing and ('expected no hole, nothing is at %d'):format(missing)
        or 'expected a hole, there is none'
    end,
  }
  return missing ~= nil, { missing }
end)
