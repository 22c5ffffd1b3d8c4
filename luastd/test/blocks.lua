--- `describe` and its like: they note blocks, tests and fixtures for luastd/test/run.lua.
local failure = require 'luastd.test.failure'

local M = {}

---@class scrun.test.Block
---@field kind 'file'|'describe'|'insulate'|'expose'
---@field name string? nil: the file
---@field parent scrun.test.Block?
---@field source string `file:line`
---@field body? function
---@field children (scrun.test.Block|scrun.test.Case)[]
---@field fixtures table<string, function[]>
---@field frame? scrun.test.Frame while it runs
---@field randomize? boolean|integer

---@class scrun.test.Case
---@field kind 'it'|'pending'
---@field name string
---@field parent scrun.test.Block
---@field source string
---@field body? function nil: still to be written

--- Names of fixtures; those with another name in busted come after the `=`.
local FIXTURES = {
  before_each = 'before_each',
  after_each = 'after_each',
  setup = 'setup',
  strict_setup = 'setup',
  teardown = 'teardown',
  strict_teardown = 'teardown',
  lazy_setup = 'lazy_setup',
  lazy_teardown = 'lazy_teardown',
}

---@param kind string
---@param name string?
---@param parent scrun.test.Block?
---@return scrun.test.Block
function M.new(kind, name, parent)
  local fixtures = {}
  for _, fixture in pairs(FIXTURES) do
    fixtures[fixture] = {}
  end
  return { kind = kind, name = name, parent = parent, children = {}, fixtures = fixtures }
end

--- Names of the enclosing blocks and of itself, joined by blanks.
---@param item scrun.test.Block|scrun.test.Case
---@return string
function M.full_name(item)
  local names = {}
  local at = item
  while at and at.name do
    table.insert(names, 1, at.name)
    at = at.parent
  end
  return table.concat(names, ' ')
end

--- Makes the functions that a spec file calls.
---@param file scrun.test.Block
---@return table<string, function> names
---@return fun(block: scrun.test.Block?) open says into which block they note; nil: a test runs
function M.functions(file)
  local current = file ---@type scrun.test.Block?
  local names = {}

  local function need_block(name)
    if not current then
      error(('%s: %s cannot be called while a test runs'):format(failure.place() or '?', name), 0)
    end
    return current
  end

  --- A function of name and body; the body may come in a call of its own.
  local function adder(word, make)
    names[word] = function(name, body)
      local block = need_block(word)
      name = name == nil and word or tostring(name)
      local item = make(block, name)
      item.source, item.body = failure.place() or '?', body
      block.children[#block.children + 1] = item
      return function(late)
        item.body = late
      end
    end
  end

  for word, kind in pairs { describe = 'describe', context = 'describe', insulate = 'insulate' } do
    adder(word, function(block, name)
      return M.new(kind, name, block)
    end)
  end
  adder('expose', function(block, name)
    return M.new('expose', name, block)
  end)
  for _, word in ipairs { 'it', 'spec', 'test' } do
    adder(word, function(block, name)
      return { kind = 'it', name = name, parent = block }
    end)
  end

  local add_pending
  adder('pending', function(block, name)
    return { kind = 'pending', name = name, parent = block }
  end)
  add_pending = names.pending
  function names.pending(name, body)
    if not current then
      failure.pending(name)
    end
    return add_pending(name, body)
  end

  for word, fixture in pairs(FIXTURES) do
    names[word] = function(body)
      local list = need_block(word).fixtures[fixture]
      list[#list + 1] = body
    end
  end

  function names.randomize(...)
    need_block('randomize').randomize = select('#', ...) == 0 or ...
  end

  return names, function(block)
    current = block
  end
end

return M
