-- Nothing in here but what busted has as well, but for the last block: see assert_spec.lua.

local function fails(body)
  local ok = pcall(body)
  if ok then
    error('expected a failure', 2)
  end
end

describe('a spy', function()
  it('calls through and counts', function()
    local double = spy.new(function(x)
      return 2 * x
    end)
    assert.spy(double).was_not.called()
    assert.equal(4, double(2))
    assert.spy(double).was.called()
    assert.spy(double).was.called(1)
    assert.spy(double).was_called(1)
    assert.spy(double).called_at_least(1)
    assert.spy(double).called_at_most(1)
    assert.spy(double).called_less_than(2)
    assert.spy(double).called_more_than(0)
    assert.spy(double).was_not.called(2)
    fails(function()
      assert.spy(double).was.called(2)
    end)
    fails(function()
      assert.spy(double).was_not.called()
    end)
    fails(function()
      assert.spy(print).was.called()
    end)
  end)

  it('compares arguments by content, as they were', function()
    local call = spy.new(function() end)
    local list = { 1 }
    call('a', list)
    list[1] = 2
    assert.spy(call).was.called_with('a', { 1 })
    assert.spy(call).was_not.called_with('a', { 2 })
    assert.spy(call).was_not.called_with 'a'
    assert.spy(call).was.called_with('a', match._)
    assert.spy(call).was.called_with(match.is_string(), match.is_table())
    assert.spy(call).was_not.called_with(match.is_number(), match._)
    assert.spy(call).was.called_with('a', match.is_ref(list))
    assert.spy(call).was_not.called_with('a', match.is_ref { 1 })
    fails(function()
      assert.spy(call).was.called_with 'b'
    end)
  end)

  it('tells nil at the end from nothing', function()
    local call = spy.new(function() end)
    call('a', nil)
    assert.spy(call).was.called_with('a', nil)
    assert.spy(call).was_not.called_with 'a'
    assert.spy(call).was.called_with('a', match.is_nil())
  end)

  it('compares what was returned', function()
    local call = spy.new(function()
      return 1, { 2 }
    end)
    call()
    assert.spy(call).returned_with(1, { 2 })
    assert.spy(call).has_not.returned_with(1)
  end)

  it('stands in a table until it is reverted', function()
    local home = {
      answer = function()
        return 42
      end,
    }
    local before = home.answer
    local found = spy.on(home, 'answer')
    assert.equal(42, home.answer())
    assert.spy(home.answer).was.called(1)
    assert.is_true(spy.is_spy(home.answer))
    found:clear()
    assert.spy(home.answer).was_not.called()
    home.answer:revert()
    assert.equal(before, home.answer)
  end)

  it('refuses what cannot be called', function()
    fails(function()
      spy.new(1)
    end)
  end)

  it('may be taken back to a snapshot', function()
    local home = { f = function() end }
    local before = home.f
    local snapshot = assert:snapshot()
    spy.on(home, 'f')
    stub(home, 'g')
    snapshot:revert()
    assert.equal(before, home.f)
    assert.is_nil(home.g)
  end)
end)

describe('a stub', function()
  it('answers in the place of a function', function()
    local home = {
      f = function()
        error 'never'
      end,
    }
    stub(home, 'f')
    assert.is_nil(home.f(1))
    assert.stub(home.f).was.called_with(1)
    home.f.returns(1, 2)
    assert.same({ 1, 2 }, { home.f() })
    home.f.invokes(function(x)
      return x .. '!'
    end)
    assert.equal('a!', home.f 'a')
    home.f:revert()
    fails(function()
      home.f()
    end)
  end)

  it('answers as it is told when it is made', function()
    local home = {}
    stub(home, 'a', 1, nil, 3)
    assert.equal(3, select('#', home.a()))
    stub(home, 'b', function()
      return 'made'
    end)
    assert.equal('made', home.b())
    assert.equal(5, stub.new().returns(5)())
  end)

  it('answers by arguments', function()
    local home = {}
    stub(home, 'f').returns 'other'
    home.f.on_call_with('a', match.is_number()).returns 'first'
    home.f.on_call_with('a').invokes(function()
      return 'second'
    end)
    home.f.by_default.returns 'default'
    assert.equal('first', home.f('a', 1))
    assert.equal('second', home.f 'a')
    assert.equal('default', home.f 'b')
  end)

  it('refuses what is no function', function()
    fails(function()
      stub({ x = 1 }, 'x')
    end)
    fails(function()
      stub({})
    end)
  end)
end)

describe('a mock', function()
  it('spies on all functions of a table', function()
    local home = {
      f = function()
        return 1
      end,
      inner = {
        g = function()
          return 2
        end,
      },
      value = 3,
    }
    home.me = home
    local mocked = mock(home)
    assert.equal(1, mocked.f())
    assert.equal(2, mocked.inner.g())
    assert.spy(mocked.f).was.called(1)
    assert.spy(mocked.inner.g).was.called(1)
    mock.clear(mocked.inner)
    assert.spy(mocked.inner.g).was_not.called()
    mock.revert(mocked.inner)
    assert.equal('function', type(mocked.inner.g))
  end)

  it('may stub them', function()
    local home = mock({
      f = function()
        return 1
      end,
    }, true)
    assert.is_nil(home.f())
    assert.stub(home.f).was.called()
  end)
end)

describe('match', function()
  it('fits by kind, content and pattern', function()
    assert.is_true(match.is_nil()(nil))
    assert.is_true(match.is_not_nil()(1))
    assert.is_true(match.is_same { 1 } { 1 })
    assert.is_false(match.is_equal {} {})
    assert.is_true(match.has_match '^a' 'abc')
    assert.is_false(match.has_no.match '^a' 'abc')
    assert.is_true(match.is_near(1, 0.5)(1.5))
    assert.is_true(match.is_truthy()(0))
    assert.is_true(match.is_unique() { 1, 2 })
    assert.is_true(match.is_all_of(match.is_number(), match.is_not_equal(2))(1))
    assert.is_true(match.is_any_of(match.is_number(), match.is_nil())(nil))
    assert.is_true(match.is_none_of(match.is_number(), match.is_nil()) 'x')
    assert.is_true(match.is_matcher(match._))
    fails(function()
      match.is_sane()
    end)
    fails(function()
      match.has_match()
    end)
    fails(function()
      match.is_all_of(1)
    end)
  end)
end)

describe('spies and stubs #ours', function()
  local home = {
    f = function()
      return 'real'
    end,
  }

  it('of a test', function()
    stub(home, 'f').returns 'stub'
    spy.on(home, 'f')
    assert.equal('stub', home.f())
  end)

  it('are gone in the next one', function()
    assert.equal('real', home.f())
    assert.is_false(spy.is_spy(home.f))
  end)

  describe('of a block', function()
    setup(function()
      stub(home, 'f').returns 'setup'
    end)
    it('stay for its tests', function()
      assert.equal('setup', home.f())
    end)
    it('for all of them', function()
      assert.equal('setup', home.f())
    end)
  end)

  it('and are gone after it', function()
    assert.equal('real', home.f())
  end)

  it('leave no trace of a function that was inherited', function()
    local object = setmetatable({}, { __index = home })
    local made = stub(object, 'f')
    made:revert()
    assert.is_nil(rawget(object, 'f'))
  end)
end)
