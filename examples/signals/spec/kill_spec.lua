--- Which signal a container gets, whatever its engine says.
describe('kill', function()
  local kill, signal

  before_each(function()
    -- What a verb's host has and a stager's lacks: signals, and the config.json of the container.
    local host = require 'host'
    host.signal = function() end
    host.config = function()
      return { linux = { namespaces = { { type = 'pid' } } } }
    end
    signal = stub(host, 'signal').returns(true)
    kill = require 'scrun.verbs.kill'
  end)

  after_each(function()
    local host = require 'host'
    host.signal, host.config = nil, nil
  end)

  local function send(name, annotations, status)
    local container = { id = 'sim', status = status or 'running', annotations = annotations or {} }
    return kill.run(container, { signal = name })
  end

  it('delivers a checkpoint for TERM to an image that asks for it', function()
    assert.is_true(send('TERM', { ['org.example.checkpoint-signal'] = 'USR1' }))
    assert.stub(signal).was.called_with 'USR1'
  end)

  it('still kills such a container', function()
    assert.is_true(send('KILL', { ['org.example.checkpoint-signal'] = 'USR1' }))
    assert.stub(signal).was.called_with 'KILL'
  end)

  it('makes TERM of QUIT', function()
    assert.is_true(send 'QUIT')
    assert.stub(signal).was.called_with 'TERM'
  end)

  it('delivers every other signal as it is', function()
    for _, name in ipairs { 'TERM', 'INT', 'USR2', 'KILL' } do
      assert.is_true(send(name))
      assert.stub(signal).was.called_with(name)
    end
  end)

  it('keeps the shipped rules: a container that has ended gets none', function()
    local ok, errmsg, code = send('TERM', nil, 'stopped')
    assert.is_nil(ok)
    assert.equal('container not running', errmsg)
    assert.equal('NOT_RUNNING', code)
    assert.stub(signal).was_not.called()
  end)
end)
