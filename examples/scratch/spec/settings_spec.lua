--- What the settings make of the shipped stager. No command runs here: each has status 0.
describe('examples/scratch', function()
  local host, settings

  before_each(function()
    host = require 'host'
    settings = require 'scrun.settings'
    assert(scrun.stager(settings.stage))
    -- Nobody can write /scratch on the machine that runs the spec.
    settings.rsync_dir = scrun.directory() .. settings.rsync_dir
  end)

  local function stage_in()
    return scrun.stage_in { context = { rootless = true, settings = settings } }
  end

  it('copies the image to a directory of the user and the job', function()
    local staged = assert(stage_in())
    assert.matches('/alice/scrun/web%.7$', staged.bundle)
    assert.equal(staged.bundle .. '/rootfs', staged.config.root.path)
    assert.equal(1, #scrun.commands)
    assert.equal('rsync', scrun.commands[1].argv[1])
  end)

  it('leaves out what nobody needs on a node', function()
    assert(stage_in())
    for _, pattern in ipairs { '/proc/*', '/tmp/*', '/var/cache/*', '/var/tmp/*' } do
      assert.matches('--exclude=' .. pattern, scrun.commands[1].text, 1, true)
    end
  end)

  it('brings nothing back, and removes the copy', function()
    local staged = assert(stage_in())
    scrun.clear()
    assert.is_true(scrun.stage_out())
    assert.same({}, scrun.commands)
    assert.is_nil(host.stat(staged.bundle))
  end)

  it('ends a stage-in that hangs', function()
    assert.is_true(settings.stage_timeout_s > 0)
  end)

  it('tells why rsync failed, and leaves nothing', function()
    scrun.answer('^rsync ', 11, 'rsync: write failed on "/scratch/x": No space left on device (28)')
    local staged, errmsg = stage_in()
    assert.is_nil(staged)
    assert.matches('No space left on device', errmsg)
    assert.same({}, host.list_dir((settings.rsync_dir:gsub('%%u', 'alice'))))
  end)
end)
