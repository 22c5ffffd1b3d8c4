--- Specs of a scrun.lua that copies nothing. Bundles are real directories; no command runs.
describe('examples/shared', function()
  local bundle

  before_each(function()
    bundle = scrun.bundle()
    assert(scrun.load())
  end)

  it('runs the container from its own files, with an edited config.json beside them', function()
    local staged = assert(scrun.stage_in { bundle = bundle, job_id = 7 })
    assert.equal(bundle.path .. '/.scrun-7', staged.bundle)
    assert.equal(bundle.rootfs, staged.config.root.path)
    local env = table.concat(staged.config.process.env, ' ')
    assert.matches('SCRUN_BUNDLE=' .. staged.bundle, env, 1, true)
    assert.same({}, scrun.commands)
  end)

  it("leaves the engine's config.json alone", function()
    local before = scrun.read_config(bundle.path)
    assert(scrun.stage_in { bundle = bundle })
    assert.same(before, scrun.read_config(bundle.path))
  end)

  it("takes out what an ordinary user's runtime cannot do, and keeps the rest", function()
    local config = assert(scrun.stage_in { bundle = bundle }).config
    assert.is_nil(config.process.rlimits)
    assert.is_nil(config.linux.cgroupsPath)
    assert.same({ 'sh' }, config.process.args)
    assert.matches('SLURM_JOB_ID=7', table.concat(config.process.env, ' '), 1, true)
  end)

  it('binds the file systems of the site that are there', function()
    local host = require 'host'
    local stat = host.stat
    stub(host, 'stat').invokes(function(path)
      if path == '/scratch' or path == '/software' then
        return path == '/scratch' and { type = 'directory' } or nil
      end
      return stat(path)
    end)
    local found = {}
    for _, mount in ipairs(assert(scrun.stage_in { bundle = bundle }).config.mounts) do
      found[mount.destination] = mount.source
    end
    assert.equal('/scratch', found['/scratch'])
    assert.is_nil(found['/software'])
  end)

  it('tells the user of a config.json that is broken', function()
    local file = assert(io.open(bundle.config_file, 'w'))
    file:write '{ "root": '
    file:close()
    local staged, errmsg = scrun.stage_in { bundle = bundle }
    assert.is_nil(staged)
    assert.matches('config.json', errmsg, 1, true)
  end)

  it('leaves nothing behind, and never the container itself', function()
    local staged = assert(scrun.stage_in { bundle = bundle })
    assert.is_true(scrun.stage_out())
    assert.is_nil(io.open(staged.bundle .. '/config.json'))
    assert(io.open(bundle.config_file)):close()

    assert.is_true(scrun.stage_out { bundle = bundle.path })
    assert(io.open(bundle.config_file)):close()
  end)
end)
