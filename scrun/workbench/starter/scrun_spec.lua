--- Specs of scrun.lua, for `scrun lua test`. No command runs: what is not answered has status 0.
local directory = debug.getinfo(1, 'S').source:match '^@(.-)spec/[^/]*$' or ''

describe('scrun.lua', function()
  local bundle

  before_each(function()
    bundle = scrun.bundle()
    assert.is_true(scrun.load(directory .. 'scrun.lua'))
  end)

  it('runs the container from a bundle of its own', function()
    local staged = assert(scrun.stage_in { bundle = bundle, job_id = 7 })

    assert.equal(bundle.path .. '/.scrun-7', staged.bundle)
    assert.equal(bundle.rootfs, staged.config.root.path)
  end)

  it('asks the nodes whether they see the root file system', function()
    assert(scrun.stage_in { bundle = bundle })

    assert.equal('remote_command', scrun.commands[1].kind)
    assert.matches(bundle.rootfs, scrun.commands[1].text, 1, true)
  end)

  it('tells the user when they do not', function()
    scrun.answer('^test %-d', 1)

    assert.is_nil(scrun.stage_in { bundle = bundle })
    assert.matches('keep images on a shared file system', scrun.messages[1])
  end)

  it('leaves nothing behind', function()
    local staged = assert(scrun.stage_in { bundle = bundle })
    assert.is_true(scrun.stage_out())

    assert.is_nil(io.open(staged.bundle .. '/config.json'))
  end)
end)
