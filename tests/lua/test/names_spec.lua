--- The names of the library belong to the spec: what it makes of them ends with the test.
-- luacheck: ignore 121
local before = assert

describe('a name of the library', function()
  it('may be replaced in a test', function()
    assert = nil
    stub = 7
    before.equal(7, stub)
  end)

  it('is itself again in the next', function()
    before.equal(before, assert)
    before.equal(require 'luassert.stub', stub)
  end)

  describe('that a block replaces', function()
    spy = 1
    it('is so in its tests', function()
      assert.equal(1, spy)
      spy = 2
    end)
    it('and in the next one', function()
      assert.equal(1, spy)
    end)
  end)

  it('is itself after the block', function()
    assert.equal(require 'luassert.spy', spy)
  end)
end)
