--- Runs the blocks and tests of one spec file, depth first: the body of a `describe` runs when its
--- turn comes, after the tests that stand before it.
local blocks = require 'luastd.test.blocks'
local compare = require 'luastd.test.compare'
local failure = require 'luastd.test.failure'
local late = require 'luastd.test.late'
local scope = require 'luastd.test.scope'
local snapshots = require 'luastd.test.snapshot'

local show = late.module 'luastd.test.show'

---@class scrun.test.run
local M = {}

---@class scrun.test.Outcome
---@field outcome 'pass'|'fail'|'error'|'pending'
---@field message? string
---@field where? string `file:line`
---@field trace? string
---@field expected? string over lines
---@field actual? string

---@class scrun.test.Reporter
---@field begin fun(name: string, source: string)
---@field finish fun(outcome: scrun.test.Outcome)

---@class scrun.test.Run
---@field reporter scrun.test.Reporter
---@field wants fun(name: string): boolean
---@field random? fun(most: integer): integer
---@field open fun(block: scrun.test.Block?)
---@field set_finally fun(): function? takes what the test gave to `finally`
---@field tests integer how many were there, wanted or not

--- What a thrown value means.
---@param thrown any
---@return scrun.test.Outcome
local function judge(thrown)
  if failure.is_pending(thrown) then
    local reason = thrown.message
    return { outcome = 'pending', message = reason ~= nil and tostring(reason) or nil }
  end
  local trace = failure.clean(debug.traceback('', 2))
  if failure.is_failure(thrown) then
    return {
      outcome = 'fail',
      message = thrown.text,
      where = thrown.where,
      trace = trace,
      expected = thrown.expected,
      actual = thrown.actual,
    }
  end
  local text = compare.is_text(thrown) and tostring(thrown) or show.value(thrown)
  local message, where = failure.split(text)
  return { outcome = 'error', message = message, where = where, trace = trace }
end

---@param body function
---@return scrun.test.Outcome? nil: it raised nothing
local function attempt(body)
  local ok, outcome = xpcall(body, judge)
  if ok then
    return nil
  elseif type(outcome) ~= 'table' then -- no stack or memory left for the handler
    return { outcome = 'error', message = tostring(outcome) }
  end
  return outcome
end

--- Keeps the first thing that went wrong; a pending test may still fail.
---@param before scrun.test.Outcome?
---@param after scrun.test.Outcome?
---@param stage string?
---@return scrun.test.Outcome?
local function worse(before, after, stage)
  if not after or (before and before.outcome ~= 'pending') then
    return before
  end
  if stage and after.outcome ~= 'pending' then
    after.message = stage .. ': ' .. tostring(after.message)
    after.outcome = 'error'
  end
  return after
end

---@param fixture function
---@param block scrun.test.Block
---@return scrun.test.Outcome?
local function run_fixture(fixture, block)
  return scope.on_behalf(block.frame, function()
    return attempt(fixture)
  end)
end

---@param block scrun.test.Block?
---@param run function called for each fixture, the outermost block's first; true from it ends it
---@return boolean? stopped
local function before_each(block, run)
  if not block then
    return false
  end
  if before_each(block.parent, run) then
    return true
  end
  for _, fixture in ipairs(block.fixtures.before_each) do
    if run(fixture, block) then
      return true
    end
  end
  return false
end

--- Lazy setups of a block and those around it, once each, when the first test wants to run.
---@param run scrun.test.Run
---@param block scrun.test.Block?
---@return boolean ok
local function set_up_lazily(run, block)
  if not block then
    return true
  elseif block.lazy == nil then
    block.lazy = set_up_lazily(run, block.parent)
      and M.run_once(run, block, block.fixtures.lazy_setup, 'lazy_setup')
  end
  return block.lazy
end

--- Runs the setups or teardowns of a block; a failing one is reported as a test of its own.
---@param run scrun.test.Run
---@param block scrun.test.Block
---@param fixtures function[]
---@param word string
---@return boolean ok
function M.run_once(run, block, fixtures, word)
  local ok = true
  for _, fixture in ipairs(fixtures) do
    local outcome = run_fixture(fixture, block)
    if outcome then
      ok = false
      local name = blocks.full_name(block)
      run.reporter.begin((name == '' and '' or name .. ' ') .. '(' .. word .. ')', block.source)
      run.reporter.finish(outcome)
    end
  end
  return ok
end

---@param run scrun.test.Run
---@param case scrun.test.Case
local function run_body(run, case)
  scope.push(false)
  local outcome = attempt(case.body)
  local finally = run.set_finally()
  if finally then
    outcome = worse(outcome, attempt(finally), 'finally')
  end
  scope.pop()
  return outcome
end

---@param run scrun.test.Run
---@param case scrun.test.Case
local function run_case(run, case)
  run.tests = run.tests + 1
  local name = blocks.full_name(case)
  if not run.wants(name) then
    return
  elseif case.kind == 'pending' or not case.body then
    run.reporter.begin(name, case.source)
    run.reporter.finish { outcome = 'pending' }
    return
  elseif not set_up_lazily(run, case.parent) then
    return -- reported
  end
  run.reporter.begin(name, case.source)
  local outcome
  local snapshot = snapshots.take()
  local deepest -- after_each runs for the blocks whose before_each has run
  local stopped = before_each(case.parent, function(fixture, block)
    deepest = block
    outcome = worse(outcome, run_fixture(fixture, block), 'before_each')
    return outcome ~= nil
  end)
  if not stopped then
    deepest = case.parent
    outcome = worse(outcome, run_body(run, case))
  end
  while deepest do
    for _, fixture in ipairs(deepest.fixtures.after_each) do
      outcome = worse(outcome, run_fixture(fixture, deepest), 'after_each')
    end
    deepest = deepest.parent
  end
  local reverted = attempt(function()
    snapshot:revert()
  end)
  outcome = worse(outcome, reverted, 'revert')
  run.reporter.finish(outcome or { outcome = 'pass' })
end

---@param list any[]
---@param random fun(most: integer): integer
local function shuffle(list, random)
  for at = #list, 2, -1 do
    local other = random(at)
    list[at], list[other] = list[other], list[at]
  end
end

---@param run scrun.test.Run
---@param block scrun.test.Block
local function run_children(run, block)
  if not M.run_once(run, block, block.fixtures.setup, 'setup') then
    return
  end
  local random = run.random or (block.randomize and M.random(tonumber(block.randomize) or 1))
  if random then
    shuffle(block.children, random)
  end
  for _, child in ipairs(block.children) do
    if child.children then
      M.run_block(run, child)
    else
      run_case(run, child)
    end
  end
  if block.lazy ~= nil then
    M.run_once(run, block, block.fixtures.lazy_teardown, 'lazy_teardown')
  end
end

--- Runs a block's body, which notes its children, and then these.
---@param run scrun.test.Run
---@param block scrun.test.Block
function M.run_block(run, block)
  block.frame = scope.push(block.kind == 'insulate')
  local snapshot = snapshots.take()
  run.open(block)
  local outcome = block.body and attempt(block.body)
  run.open(nil)
  if outcome then
    local name = blocks.full_name(block)
    run.reporter.begin(name == '' and '(loading)' or name, block.source)
    run.reporter.finish(outcome)
  else
    run_children(run, block)
    M.run_once(run, block, block.fixtures.teardown, 'teardown')
  end
  snapshot:revert()
  if block.kind == 'expose' then
    scope.expose()
  end
  scope.pop()
end

--- Numbers from 1 to `most` that are the same in every dialect for a seed (Park and Miller).
---@param seed integer
---@return fun(most: integer): integer
function M.random(seed)
  local state = seed % 2147483646 + 1
  return function(most)
    state = state * 16807 % 2147483647
    return state % most + 1
  end
end

return M
