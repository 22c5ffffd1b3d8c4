--- What an assertion and `pending` raise, and where in the spec they did.
local compare = require 'luastd.test.compare'
local late = require 'luastd.test.late'

local show = late.module 'luastd.test.show'

---@class scrun.test.failure
local M = {}

--- Of this library's files; frames of theirs are nobody's news. The runner has stripped them of
--- names and lines, where Lua can (from 5.3 on): `?` is what Lua says in place of them then.
local OWN = debug.getinfo(1, 'S').source:gsub('failure%.lua$', '')

---@class scrun.test.Failure
---@field message any the words, or the caller's own value
---@field text string
---@field where string? `file:line`
---@field expected string? over lines, for a comparison
---@field actual string?
M.Failure = {
  __tostring = function(failure)
    return tostring(failure.message)
  end,
}

M.Pending = {
  __tostring = function(pending)
    return tostring(pending.message)
  end,
}

---@param source string of debug.getinfo
---@return boolean
function M.is_own(source)
  return source:sub(1, #OWN) == OWN
    or source:sub(1, 7) == '=[host]'
    or source == OWN:sub(1, -2) .. '.lua'
end

--- `file:line` of the innermost frame of the spec, or of what it calls.
---@return string?
function M.place()
  for level = 2, 250 do
    local info = debug.getinfo(level, 'Sl')
    if not info then
      return nil
    elseif info.currentline > 0 and not M.is_own(info.source) then
      return ('%s:%d'):format(info.source:gsub('^[@=]', ''), info.currentline)
    end
  end
  return nil
end

--- Raises a failed assertion.
---@param text any words, or a value of the caller's own
---@param more? { expected?: string, actual?: string }
function M.fail(text, more)
  error(
    setmetatable({
      message = text,
      text = compare.is_text(text) and tostring(text) or show.value(text),
      where = M.place(),
      expected = more and more.expected,
      actual = more and more.actual,
    }, M.Failure),
    0
  )
end

--- Ends the running test as one that is still to be written.
---@param reason any
function M.pending(reason)
  error(setmetatable({ message = reason }, M.Pending), 0)
end

---@param thrown any
---@return boolean
function M.is_failure(thrown)
  return debug.getmetatable(thrown) == M.Failure
end

---@param thrown any
---@return boolean
function M.is_pending(thrown)
  return debug.getmetatable(thrown) == M.Pending
end

--- What Lua says of an error, and where it was.
---@param text string
---@return string text
---@return string? where `file:line`; nil: Lua does not know
function M.split(text)
  local where, rest = text:match '^([^\n]-:%d+): (.*)$'
  local ours = text:match '^%?:[-%d?]+: (.*)$' or (where == '[host]:0' and rest)
  if ours then -- of one of our functions, which was called with something odd
    return ours, M.place()
  end
  return rest or text, where
end

--- A traceback without the frames of this library and of the host.
---@param trace string of debug.traceback
---@return string
function M.clean(trace)
  local lines = {}
  for line in trace:gmatch '[^\n]+' do
    local own = line:find 'luastd/test[/.]' or line:find '^%s*%?: ' or line:find('[host]', 1, true)
    if not own and not line:find "%[C%]: in %a+ 'x?pcall'" and line ~= 'stack traceback:' then
      lines[#lines + 1] = line:gsub('^%s+', '')
    end
  end
  while #lines > 0 and (lines[#lines]:find '^%[C%]' or lines[#lines]:find '^%(%.%.%.tail call') do
    lines[#lines] = nil
  end
  return table.concat(lines, '\n')
end

return M
