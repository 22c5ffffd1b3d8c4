--- What specs that were written for busted find by the names of its modules.
local say = require 'say'

describe('say', function()
  it('takes as many values as there are, whatever n says', function()
    say:set('field.two', '%s and %s')
    assert.equal('one and two', say('field.two', { 'one', 'two', n = 1 }))
    assert.equal('one and nil', say('field.two', { 'one', nil, n = 2 }))
  end)

  it('refuses what is no table', function()
    assert.has_error(function()
      say('field.two', 7)
    end, "expected parameter table to be a table, got 'number'")
  end)
end)
