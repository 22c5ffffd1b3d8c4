--- What specs for busted meet besides the common words.
local busted = require 'busted'
local util = require 'luassert.util'
local support = require 'test.support'

describe('words without a meaning of their own', function()
  it('may stand anywhere', function()
    assert.is_a_string 'text'
    assert.is.Not.a.number 'text'
    assert.are.the.same({ 1 }, { 1 })
    assert.has.an.error(error)
  end)
end)

describe('a message', function()
  it('stays when a spy follows it', function()
    local report = support.run_test [[
      assert.message('not at all').spy(spy.new()).was.called()
    ]]
    assert.matches('^not at all\n', report.message)
  end)

  it('of the spy goes before it', function()
    local report = support.run_test [[
      assert.message('first').spy(spy.new(), 'second').was.called()
    ]]
    assert.matches('^second\n', report.message)
  end)
end)

describe('a match', function()
  it('returns what it found, and nothing of what it did not', function()
    assert.same({ 'ing' }, { assert.has_match('ing', 'string', nil, true) })
    assert.same({}, { assert.has_no_match('%d+', 'string', nil, true) })
  end)
end)

describe('a matcher', function()
  it('takes numbers that are texts', function()
    assert.is_true(match.is_near('1.5', '0.5')('2.0'))
    assert.is_false(match.is_near('1.5', '0.4')('2.0'))
    assert.has_error(function()
      match.is_near('one', 1)
    end)
  end)

  it('of a text refuses a start that is no number', function()
    assert.has_error(function()
      match.matches('s', 's')
    end)
    assert.is_true(match.matches('^test', 5) '123 test')
  end)

  it('of a value itself takes a coroutine', function()
    local thread = coroutine.create(function() end)
    assert.is_true(match.is_ref(thread)(thread))
    assert.is_false(match.is_ref(thread)(coroutine.create(function() end)))
  end)
end)

describe('the module busted', function()
  it('has the words', function()
    assert.equal(describe, busted.describe)
    assert.equal(spy, busted.spy)
    assert.is_nil(busted.nothing)
  end)

  it('fails a test', function()
    local ok, failure = pcall(busted.fail, 'for a reason')
    assert.is_false(ok)
    assert.equal('for a reason', failure.text)
    assert.matches('busted_spec%.lua:%d+$', failure.where)
  end)
end)

describe('the module luassert.util', function()
  local never = setmetatable({ 1 }, {
    __eq = function()
      return false
    end,
  })

  it('compares by content', function()
    assert.is_true(util.deepcompare({ a = { 1 } }, { a = { 1 } }))
    assert.is_false(util.deepcompare({ a = { 1 } }, { a = { 2 } }))
    local other = setmetatable({ 1 }, getmetatable(never))
    assert.is_false(util.deepcompare(never, other))
    assert.is_true(util.deepcompare(never, other, true))
  end)

  it('copies', function()
    local inner = setmetatable({}, {})
    local outer = { inner }
    assert.equal(inner, util.shallowcopy(outer)[1])
    local deep = util.deepcopy(outer)
    assert.is_false(rawequal(inner, deep[1]))
    assert.equal(getmetatable(inner), getmetatable(deep[1]))
  end)

  it('packs lists with holes', function()
    assert.equal(3, select('#', util.unpack(util.pack(1, nil, nil))))
  end)
end)

describe('the arguments of the interpreter', function()
  it('are a global of modules too', function()
    assert.matches('busted_spec%.lua$', arg[0])
    assert.equal(arg, rawget(_G, 'arg'))
  end)

  it('are none of a script', function()
    local path = scrun.directory() .. '/scrun.lua'
    require('host').write_file(
      path,
      [[
      slurm.log_info('%s', type(arg))
      function slurm_scrun_stage_in() return slurm.SUCCESS end
      slurm_scrun_stage_out = slurm_scrun_stage_in
    ]]
    )
    assert(scrun.load(path))
    assert.is_true(scrun.logged '^nil$')
    scrun.unload()
    assert.is_table(arg)
  end)
end)
