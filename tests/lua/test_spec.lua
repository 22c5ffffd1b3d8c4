local test = require 'luastd.test'
local check = require 'luastd.test.check'

local function run(body)
  local globals, cases = test.globals()
  body(globals)
  return test.run(cases[1])
end

describe('luastd.test', function()
  it('passes a test that raises nothing', function()
    assert.equal(
      'pass',
      run(function(spec)
        spec.it('x', function() end)
      end)
    )
  end)

  it('shows both values of a failed comparison', function()
    local outcome, message = run(function(spec)
      spec.it('x', function()
        spec.assert.same({ a = 1 }, { a = 2 })
      end)
    end)
    assert.equal('fail', outcome)
    assert.contains('{ a = 1 }', message)
    assert.contains('{ a = 2 }', message)
  end)

  it('fails a test that raises an error of its own', function()
    local outcome, message = run(function(spec)
      spec.it('x', function()
        error 'boom'
      end)
    end)
    assert.equal('fail', outcome)
    assert.contains('boom', message)
  end)

  it('runs fixtures from the outside in and back', function()
    local seen = {}
    local function note(text)
      return function()
        seen[#seen + 1] = text
      end
    end
    run(function(spec)
      spec.before_each(note 'outer')
      spec.after_each(note 'last')
      spec.describe('group', function()
        spec.before_each(note 'inner')
        spec.after_each(note 'first')
        spec.it('x', note 'body')
      end)
    end)
    assert.same({ 'outer', 'inner', 'body', 'first', 'last' }, seen)
  end)

  it('runs after_each of a failed test, and fails when it fails', function()
    local cleaned = false
    local outcome = run(function(spec)
      spec.after_each(function()
        cleaned = true
        error 'cleaning'
      end)
      spec.it('x', function() end)
    end)
    assert.is_true(cleaned)
    assert.equal('fail', outcome)
  end)

  it('leaves a test without a body pending', function()
    assert.equal(
      'pending',
      run(function(spec)
        spec.pending 'x'
      end)
    )
  end)

  it('compares by content, both ways', function()
    assert.is_true(check.same({ 1, { b = 2 } }, { 1, { b = 2 } }))
    assert.is_false(check.same({ 1 }, { 1, 2 }))
    assert.is_false(check.same({ 1, 2 }, { 1 }))
  end)
end)
