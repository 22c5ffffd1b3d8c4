--- What assertions do with their arguments, and how they come to have a name.
local failure = require 'luastd.test.failure'
local late = require 'luastd.test.late'
local words = require 'luastd.test.words'

local show = late.module 'luastd.test.show'

local M = {}

--- Adds an assertion of the library.
---@param names string all that it has
---@param callback function
function M.register(names, callback)
  for name in names:gmatch '%S+' do
    words.register('assertion', name, callback)
  end
end

---@param count integer
---@param arguments table
---@param name string
function M.need(count, arguments, name)
  if arguments.n < count then
    error(
      ('%s: assert.%s: %d arguments are needed, got %d'):format(
        failure.place() or '?',
        name,
        count,
        arguments.n
      ),
      0
    )
  end
end

---@param at integer
---@param name string
---@param wanted string
---@param value any
function M.refuse(at, name, wanted, value)
  error(
    ('%s: assert.%s: argument %d: a %s is expected, got %s'):format(
      failure.place() or '?',
      name,
      at,
      wanted,
      show.value(value)
    ),
    0
  )
end

--- Adds the words of the spec to those of a failure.
---@param state table
---@param message any nil: it has none
function M.say_why(state, message)
  if message ~= nil then
    state.failure_message = message
  end
end

return M
