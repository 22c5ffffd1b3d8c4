-- Nothing in here but what busted has as well: `busted tests/lua/test/assert_spec.lua` passes too,
-- which is how the semantics were compared.

local function fails(body)
  local ok = pcall(body)
  if ok then
    error('expected a failure', 2)
  end
end

--- An object that equals another of the same number.
local function make_box(number)
  local meta = {
    __eq = function(a, b)
      return a.number == b.number
    end,
  }
  return function(tag)
    return setmetatable({ number = number, tag = tag }, meta)
  end
end

describe('assert', function()
  it('is the assert of Lua too, and returns its arguments', function()
    local a, b, c = assert(1, 'two', 3)
    assert.equal(1, a)
    assert.equal('two', b)
    assert.equal(3, c)
    fails(function()
      assert(nil)
    end)
    fails(function()
      assert(false, 'words')
    end)
  end)

  it('takes words in any form', function()
    assert.equal(1, 1)
    assert.equals(1, 1)
    assert.are.equal(1, 1)
    assert.are_equal(1, 1)
    assert.are_not.equal(1, 2)
    assert.are_not_equal(1, 2)
    assert.is.Not.same({ 1 }, { 2 })
    assert.is_not_same({ 1 }, { 2 })
    assert.not_same({ 1 }, { 2 })
    assert.no_same({ 1 }, { 2 })
    assert.is_true(true)
    assert.is['true'](true)
    assert.True(true)
    assert.is_not_true(1)
    assert.Not.True(1)
    assert.is_not_nil(1)
    assert.not_nil(1)
    assert.is_not.is_not.equal(1, 1) -- twice is once
    assert.has_no.errors(function() end)
    assert.has.no.error(function() end)
    assert.does_not.has_error(function() end)
  end)

  it('refuses words that it does not know', function()
    fails(function()
      assert.is_sane(1)
    end)
    fails(function()
      assert.sane.equal(1, 1)
    end)
  end)

  it('compares by equality', function()
    local box = make_box(1)
    assert.equal(box 'a', box 'b')
    assert.not_equal({}, {})
    assert.not_equal(1, '1')
    assert.equal(nil, nil)
    assert.not_equal(0 / 0, 0 / 0)
    fails(function()
      assert.equal(1, 2)
    end)
    fails(function()
      assert.not_equal(1, 1)
    end)
    fails(function()
      assert.equal(1)
    end)
  end)

  it('compares by content', function()
    assert.same({ 1, { b = 2 } }, { 1, { b = 2 } })
    assert.not_same({ 1 }, { 1, 2 })
    assert.not_same({ 1, 2 }, { 1 })
    assert.not_same({ a = 1 }, { a = '1' })
    assert.same({}, {})
    assert.same('x', 'x')
    assert.not_same({}, 'x')
    assert.same(nil, nil)
    assert.not_same({ false }, {})
    assert.not_same({ [1] = 1 }, { ['1'] = 1 })
  end)

  it('compares by content whatever __eq says at the top, and asks it inside', function()
    local box = make_box(1)
    assert.not_same(box 'a', box 'b')
    assert.same(box 'a', box 'a')
    assert.same({ box 'a' }, { box 'b' })
    assert.same({ box 'a' }, { box 'a' })
    assert.not_same({ box 'a' }, { make_box(2) 'a' })
  end)

  it('ignores metatables without __eq', function()
    assert.same(setmetatable({ 1 }, {}), { 1 })
    assert.same({ setmetatable({ 1 }, { __index = { x = 1 } }) }, { { 1 } })
  end)

  it('compares tables that hold themselves', function()
    local a, b = { 1 }, { 1 }
    a.me, b.me = a, b
    assert.same(a, b)
    local c = { 1 }
    c.me = { 1, me = c }
    assert.same(a, c)
    b[1] = 2
    assert.not_same(a, b)
  end)

  it('tells types', function()
    assert.is_nil(nil)
    assert.is_nil()
    assert.is_boolean(false)
    assert.is_number(1)
    assert.is_string ''
    assert.is_table {}
    assert.is_function(print)
    assert.is_userdata(io.stdout)
    assert.is_thread(coroutine.create(function() end))
    assert.is_not_number '1'
    assert.is_not_nil(false)
    fails(function()
      assert.is_string(1)
    end)
    fails(function()
      assert.is_not_string 'x'
    end)
  end)

  it('tells truth', function()
    assert.truthy(0)
    assert.is_truthy ''
    assert.falsy(nil)
    assert.is.falsy(false)
    assert.is_not.truthy(nil)
    assert.is_false(false)
    assert.is_not_false(nil)
    fails(function()
      assert.truthy(nil)
    end)
    fails(function()
      assert.falsy(0)
    end)
    fails(function()
      assert.is_true(1)
    end)
    fails(function()
      assert.truthy()
    end)
  end)

  it('compares numbers within a tolerance', function()
    assert.near(1, 1.05, 0.1)
    assert.is.near('1', 0.5, 0.5)
    assert.is_not.near(1, 1.2, 0.1)
    fails(function()
      assert.near(1, 2, 0.5)
    end)
    fails(function()
      assert.near(1, 'x', 0.5)
    end)
    fails(function()
      assert.near(1, 1)
    end)
  end)

  it('tells whether values are unique', function()
    assert.is.unique { 1, 2, '1' }
    assert.is_not.unique { 1, 2, 1 }
    assert.is.unique { {}, {} }
    assert.is_not.unique({ { 1 }, { 1 } }, true)
    assert.is.unique({ { 1 }, { 1 } }, false)
    assert.is_not.unique({ { 1 }, { 1 } }, 'message', true)
  end)

  it('matches patterns, and returns the captures', function()
    assert.matches('^a.c$', 'abc')
    assert.is_match('b', 'abc')
    assert.has_match('%d', 12)
    assert.no.matches('x', 'abc')
    assert.matches('a+', 'a+', nil, true)
    assert.no.matches('a%d', 'a1', nil, true)
    assert.no.matches('a', 'ab', 2)
    local year, month = assert.matches('(%d+)-(%d+)', '2024-11')
    assert.equal('2024', year)
    assert.equal('11', month)
    local text = setmetatable({}, {
      __tostring = function()
        return 'boxed'
      end,
    })
    assert.matches('^boxed$', text)
    fails(function()
      assert.matches('x', 'abc')
    end)
    fails(function()
      assert.matches('x', nil)
    end)
    fails(function()
      assert.matches(nil, 'x')
    end)
  end)

  it('catches errors and compares what was said, not where', function()
    assert.has_error(function()
      error 'boom'
    end)
    assert.has_error(function()
      error 'boom'
    end, 'boom')
    assert.has.errors(function()
      error({ code = 1 }, 0)
    end, { code = 1 })
    assert.error(function()
      error(nil)
    end)
    assert.has_error(function()
      error(setmetatable({}, {
        __tostring = function()
          return 'boxed'
        end,
      }))
    end, 'boxed')
    assert.has_no.errors(function() end)
    assert.has_no.error(function()
      error 'boom'
    end, 'another')
    fails(function()
      assert.has_error(function() end)
    end)
    fails(function()
      assert.has_error(function()
        error 'boom'
      end, 'boo')
    end)
    fails(function()
      assert.has_error 'no function'
    end)
    fails(function()
      assert.has_no.errors(function()
        error 'boom'
      end)
    end)
  end)

  it('returns what was raised', function()
    assert.equal(
      'boom',
      (assert.has_error(function()
        error 'boom'
      end))
    )
  end)

  it('matches errors by pattern or plainly', function()
    local function boom()
      error 'a boom (7)'
    end
    assert.error_matches(boom, 'boom %((%d)%)')
    assert.error.matches(boom, 'boom')
    assert.has_error.match(boom, 'boom')
    assert.error_matches(boom, '(7)', nil, true)
    assert.no.error_matches(boom, '^boom')
    assert.equal('7', (assert.error_matches(boom, '%((%d)%)')))
    fails(function()
      assert.error_matches(boom, 'x')
    end)
    fails(function()
      assert.error_matches(function() end, '')
    end)
    fails(function()
      assert.error_matches(boom)
    end)
  end)

  it('finds holes in arrays', function()
    assert.array({ 1, 2, 3 }).has.no.holes()
    assert.array({ 1, nil, 3 }).has.holes(3)
    assert.array({ 1, 2 }).has.holes(3)
  end)

  it('counts what a function returned', function()
    assert.returned_arguments(2, 'a', nil)
    assert.not_returned_arguments(1)
  end)

  it('returns its arguments when it holds', function()
    local a, b = assert.equal(1, 1)
    assert.equal(1, a)
    assert.equal(1, b)
  end)

  it("shows the caller's words", function()
    local _, thrown = pcall(assert.equal, 1, 2, 'my words')
    assert.matches('my words', tostring(thrown))
    _, thrown = pcall(function()
      assert.message('my words').is_true(false)
    end)
    assert.matches('my words', tostring(thrown))
    _, thrown = pcall(assert, false, 'my words')
    assert.matches('my words', tostring(thrown))
  end)

  it('takes assertions, matchers and modifiers of a spec', function()
    local say = require 'say'
    say:set('assertion.even.positive', 'Expected %s to be even')
    say:set('assertion.even.negative', 'Expected %s to be odd')
    local function even(_, arguments)
      return arguments[1] % 2 == 0
    end
    assert:register('assertion', 'even', even, 'assertion.even.positive', 'assertion.even.negative')
    assert.is_even(2)
    assert.is_not_even(3)
    assert.error_matches(function()
      assert.is_even(3)
    end, 'Expected .*3 to be even')
    assert.error_matches(function()
      assert.is_not.even(2)
    end, 'Expected .*2 to be odd')
    assert:unregister('assertion', 'even')
    fails(function()
      assert.is_even(2)
    end)
    assert:register('matcher', 'odd', function()
      return function(value)
        return value % 2 == 1
      end
    end)
    local called = spy.new(function() end)
    called(3)
    assert.spy(called).was.called_with(match.is_odd())
    assert.spy(called).was_not.called_with(match.is_not_odd())
    assert:unregister('matcher', 'odd')
  end)

  it('shows values by the formatters of a spec', function()
    local function format(value)
      if type(value) == 'table' and value.name then
        return '<' .. value.name .. '>'
      end
    end
    assert:add_formatter(format)
    assert.error_matches(function()
      assert.equal({ name = 'x' }, 1)
    end, '<x>')
    assert:remove_formatter(format)
  end)
end)
