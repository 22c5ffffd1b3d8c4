local inner = require 'test.support'

describe('luastd.test blocks', function()
  it('names a test by its blocks and its place', function()
    local reports = inner.run [[
      describe('outer', function()
        context('inner', function()
          it('works', function() end)
        end)
      end)]]
    assert.same({
      { name = 'outer inner works', source = 'inner_spec.lua:3', outcome = 'pass' },
    }, reports)
  end)

  it('runs a describe when its turn comes, after the tests before it', function()
    _G.seen = {}
    inner.run [[
      describe('a', function()
        it('x', function() table.insert(seen, 'a.x') end)
      end)
      table.insert(seen, 'file')
      describe('b', function()
        table.insert(seen, 'b')
        it('x', function() table.insert(seen, 'b.x') end)
      end)]]
    assert.same({ 'file', 'a.x', 'b', 'b.x' }, _G.seen)
    _G.seen = nil
  end)

  it('runs fixtures from the outside in and back', function()
    _G.seen = {}
    inner.run [[
      local function note(text)
        return function() table.insert(seen, text) end
      end
      before_each(note 'before 1')
      after_each(note 'after 1')
      setup(note 'setup 1')
      teardown(note 'teardown 1')
      describe('group', function()
        setup(note 'setup 2')
        teardown(note 'teardown 2')
        lazy_setup(note 'lazy')
        lazy_teardown(note 'lazy down')
        it('a', function()
          finally(note 'finally')
          table.insert(seen, 'a')
        end)
        before_each(note 'before 2')
        after_each(note 'after 2')
        it('b', note 'b')
      end)]]
    assert.same({
      'setup 1',
      'setup 2',
      'lazy',
      'before 1',
      'before 2',
      'a',
      'finally',
      'after 2',
      'after 1',
      'before 1',
      'before 2',
      'b',
      'after 2',
      'after 1',
      'lazy down',
      'teardown 2',
      'teardown 1',
    }, _G.seen)
    _G.seen = nil
  end)

  it('does not run lazy_setup for tests that are not wanted', function()
    _G.seen = {}
    local reports, tests = inner.run(
      [[
        describe('a', function()
          lazy_setup(function() table.insert(seen, 'a') end)
          it('one', function() end)
        end)
        describe('b', function()
          lazy_setup(function() table.insert(seen, 'b') end)
          it('two', function() end)
        end)]],
      { filter = { 'two' } }
    )
    assert.same({ 'b' }, _G.seen)
    assert.equal(1, #reports)
    assert.equal(2, tests)
    _G.seen = nil
  end)

  it('fails a test by each of its fixtures, and runs after_each all the same', function()
    local found = inner.outcomes [[
      describe('before', function()
        before_each(function() error 'boom' end)
        after_each(function() cleaned = true end)
        it('x', function() entered = true end)
        it('y', function() assert(not entered) assert(cleaned) end)
      end)
      describe('after', function()
        after_each(function() error 'boom' end)
        it('x', function() end)
      end)
      describe('finally', function()
        it('x', function() finally(function() error 'boom' end) end)
      end)]]
    assert.same({
      ['before x'] = 'error',
      ['before y'] = 'error',
      ['after x'] = 'error',
      ['finally x'] = 'error',
    }, found)
  end)

  it('reports a failing setup and runs none of its tests', function()
    local found = inner.outcomes [[
      describe('a', function()
        setup(function() error 'boom' end)
        it('x', function() end)
      end)
      describe('b', function()
        lazy_setup(function() error 'boom' end)
        it('x', function() end)
      end)
      it('c', function() end)]]
    assert.same({ ['a (setup)'] = 'error', ['b (lazy_setup)'] = 'error', c = 'pass' }, found)
  end)

  it('reports an error in a describe, and goes on with the next', function()
    local reports = inner.run [[
      describe('a', function()
        error 'boom'
      end)
      describe('b', function() it('x', function() end) end)]]
    assert.equal('a', reports[1].name)
    assert.equal('error', reports[1].outcome)
    assert.equal('inner_spec.lua:2', reports[1].where)
    assert.equal('boom', reports[1].message)
    assert.equal('pass', reports[2].outcome)
  end)

  it('leaves tests pending that have no body, or say so', function()
    local reports = inner.run [[
      pending('a')
      pending('b', function() error 'not run' end)
      it('c')
      it('d', function() pending 'not yet' end)]]
    for _, report in ipairs(reports) do
      assert.equal('pending', report.outcome)
    end
    assert.equal(4, #reports)
    assert.equal('not yet', reports[4].message)
  end)

  it('takes a body in a call of its own', function()
    assert.same({ a = 'pass' }, inner.outcomes [[it 'a' (function() end)]])
  end)

  it('refuses blocks while a test runs', function()
    local report = inner.run_test 'it("y", function() end)'
    assert.equal('error', report.outcome)
    assert.contains('it cannot be called while a test runs', report.message)
  end)

  it('chooses by names and tags', function()
    local spec = [[
      describe('disk #slow', function()
        it('reads', function() end)
        it('writes #root', function() end)
      end)
      it('adds #slower', function() end)]]
    local function names(options)
      local found = {}
      for name in pairs(inner.outcomes(spec, options)) do
        found[#found + 1] = name:match '^[^ ]+ ?[^# ]*'
      end
      table.sort(found)
      return #found
    end
    assert.equal(2, names { tags = { 'slow' } })
    assert.equal(1, names { tags = { 'slow' }, exclude_tags = { '#root' } })
    assert.equal(2, names { filter = { '^disk', 'nothing' } })
    assert.equal(2, names { filter_out = { 'writes' } })
  end)

  it('shuffles in the same way for a seed', function()
    local text = {}
    for number = 1, 20 do
      text[number] = ('it("%02d", function() end)'):format(number)
    end
    local function order(seed)
      local names = {}
      for at, report in ipairs(inner.run(table.concat(text, '\n'), { seed = seed })) do
        names[at] = report.name
      end
      return table.concat(names, ' ')
    end
    assert.equal(order(7), order(7))
    assert.not_equal(order(7), order(8))
    -- In every dialect: the generator knows no other numbers than these.
    assert.equal('12 11 14', order(7):sub(1, 8))
  end)
end)

describe('luastd.test globals', function()
  it('are gone with the block or test that set them', function()
    local found = inner.outcomes [[
      at_file = 1
      describe('a', function()
        in_block = 2
        before_each(function() in_fixture = 3 end)
        it('x', function()
          in_test = 4
          assert(at_file == 1 and in_block == 2 and in_fixture == 3)
          assert(rawget(_G, 'in_test') == 4, 'modules see it')
        end)
        it('y', function() assert(in_test == nil and in_fixture == 3) end)
      end)
      it('z', function() assert(in_block == nil and in_fixture == nil and at_file == 1) end)]]
    assert.same({ ['a x'] = 'pass', ['a y'] = 'pass', z = 'pass' }, found)
    assert.is_nil(rawget(_G, 'at_file'))
  end)

  it('and modules are put back by insulate, and kept by expose', function()
    local found = inner.outcomes [[
      insulate('a', function()
        _G.leaked = 1
        package.loaded['a.module'] = 1
        it('x', function() assert.equal(1, _G.leaked) end)
      end)
      it('y', function()
        assert.is_nil(rawget(_G, 'leaked'))
        assert.is_nil(package.loaded['a.module'])
      end)
      insulate('b', function()
        expose('c', function()
          _G.kept = 1
          it('x', function() end)
        end)
        it('y', function() assert.equal(1, _G.kept) end)
      end)]]
    for name, outcome in pairs(found) do
      assert.equal('pass', outcome, name)
    end
    _G.kept = nil
  end)

  it('leave the assert of modules as Lua has it', function()
    assert.equal('function', type(_G.assert))
    assert.equal('table', type(assert))
  end)
end)
