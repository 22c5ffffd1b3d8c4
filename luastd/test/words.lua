--- The names behind `assert` and `match`: assertions, matchers, modifiers, and how a chain of
--- words such as `is_not.same` names one with the modifiers before it.
local failure = require 'luastd.test.failure'
local late = require 'luastd.test.late'

---@class scrun.test.words
local M = { assertion = {}, matcher = {}, modifier = {} }

---@class scrun.test.Word
---@field name string
---@field callback fun(state: table, arguments: table, level: integer): any, any
---@field positive? string key of `say` for its failure
---@field negative? string the same after `not`

--- Adds a name; also what specs call `assert:register`.
---@param kind string
---@param name string
---@param callback function
---@param positive? string
---@param negative? string
function M.register(kind, name, callback, positive, negative)
  M[kind] = M[kind] or {}
  name = name:lower()
  M[kind][name] = { name = name, callback = callback, positive = positive, negative = negative }
end

--- Appends the words of `is_not.Same`.
---@param tokens string[]
---@param name any
function M.add(tokens, name)
  for token in tostring(name):lower():gmatch '[^_]+' do
    tokens[#tokens + 1] = token
  end
end

--- Finds what a chain of words means: from its end, the longest known names.
---@param kind 'assertion'|'matcher'
---@param tokens string[]
---@return scrun.test.Word? found the last that is no modifier
---@return scrun.test.Word[] modifiers in order
function M.resolve(kind, tokens)
  local known, modifier = M[kind], M.modifier
  local found
  local modifiers = {}
  local last = #tokens
  while last > 0 do
    local first, name = nil, nil
    local joined
    for at = last, 1, -1 do
      joined = joined and tokens[at] .. '_' .. joined or tokens[at]
      if known[joined] or (modifier[joined] and not first) then
        first, name = at, joined
      end
    end
    if not first then
      error(('no %s or modifier is called "%s"'):format(kind, table.concat(tokens, '_')), 0)
    end
    if known[name] and not found then
      found = known[name]
    end
    if modifier[name] then
      table.insert(modifiers, 1, modifier[name])
    end
    last = first - 1
  end
  return found, modifiers
end

--- `__index` of a chain: takes one more word.
---@param state { tokens: string[] }
---@param name any
function M.index(state, name)
  M.add(state.tokens, name)
  return state
end

--- What a chain that is called means; unknown words are an error of the spec, by its line.
---@param kind 'assertion'|'matcher'
---@param label string
---@param tokens string[]
---@return scrun.test.Word? found
---@return scrun.test.Word[] modifiers
function M.find(kind, label, tokens)
  local known, word, modifiers = pcall(M.resolve, kind, tokens)
  if not known and late.complete() then
    known, word, modifiers = pcall(M.resolve, kind, tokens)
  end
  if not known then
    error(('%s: %s: %s'):format(failure.place() or '?', label, word), 0)
  end
  return word, modifiers
end

return M
