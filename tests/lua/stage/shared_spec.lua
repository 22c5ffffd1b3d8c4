-- The host is a table of files; what a real one does is tested with the primitives themselves.
local files = {}
local null = {}
local host = {}
package.loaded.host = host
package.loaded.json = {
  null = null,
  decode = function(text)
    return text
  end,
  encode = function(value)
    return value
  end,
}
slurm = {
  log_info = function() end,
  set_bundle_path = function(path)
    files.bundle_path = path
  end,
}

function host.read_file(path)
  if files[path] == nil then
    return nil, path .. ': No such file or directory', 'ENOENT'
  end
  return files[path]
end

function host.write_file(path, data)
  files[path] = data
  return true
end

function host.make_dirs(path)
  files[path] = 'directory'
  return true
end

function host.remove_tree(path)
  for name in pairs(files) do
    if name == path or name:sub(1, #path + 1) == path .. '/' then
      files[name] = nil
    end
  end
  return true
end

function host.stat(path)
  if files[path] == nil then
    return nil, path .. ': No such file or directory', 'ENOENT'
  end
  local kind = files[path] == 'directory' and 'directory' or 'file'
  return { type = kind, mode = files.mode or 448, uid = 1000 }
end

function host.getenv() end

local place = require 'luastd.stage.place'
local shared = require 'luastd.stage.shared'

local function context(settings)
  return {
    id = 'web',
    bundle = '/b',
    config_file = '/b/config.json',
    spool_dir = '/spool',
    job_id = 7,
    user_id = 1000,
    group_id = 1001,
    job_env = { 'USER=ann', 'SLURM_JOB_ID=7', 'SLURM_JWT=secret' },
    backend = 'slurm',
    rootless = true,
    settings = settings or { env_keep = { '^SLURM_' }, env_drop = { '^SLURM_JWT$' } },
  }
end

before_each(function()
  for name in pairs(files) do
    files[name] = nil
  end
  files['/spool'] = 'directory'
  files['/b/resolv.conf'] = 'nameserver 10.0.0.1'
  files['/b/config.json'] = {
    ociVersion = '1.2.0',
    root = { path = 'rootfs' },
    process = { args = { 'sh' }, env = { 'A=1' } },
    mounts = {
      { type = 'bind', source = '/b/resolv.conf', destination = '/etc/resolv.conf' },
      { type = 'bind', source = '/gone', destination = '/gone' },
    },
  }
end)

describe('stage.place', function()
  it('fills the patterns of a directory', function()
    assert.equal('/s/ann/1000/7/web/%', place.expand('/s/%u/%U/%j/%n/%%/', context()))
  end)

  it('refuses an unknown pattern and a relative directory', function()
    for _, pattern in ipairs { '/s/%q', 's' } do
      local path, errmsg, code = place.expand(pattern, context())
      assert.is_nil(path)
      assert.contains(pattern, errmsg)
      assert.equal('BAD_CONFIG', code)
    end
  end)

  it('refuses a directory that others may write', function()
    files.mode = 511
    local ok, errmsg, code = place.make(context(), '/s/web')
    assert.is_nil(ok)
    assert.contains('/s/web', errmsg)
    assert.equal('NO_PERMISSION', code)
  end)
end)

describe('stage.shared', function()
  it('announces a private bundle with an edited config and the same root', function()
    assert.is_true(shared.stage_in(context()))
    assert.equal('/b/.scrun-web.7', files.bundle_path)
    local config = files['/b/.scrun-web.7/config.json']
    assert.equal('/b/rootfs', config.root.path)
    assert.equal('1.0.0', config.ociVersion)
    assert.same({ 'A=1', 'SLURM_JOB_ID=7' }, config.process.env)
    assert.equal(1000, config.linux.uidMappings[1].hostID)
  end)

  it("carries the engine's files and drops binds of nothing", function()
    shared.stage_in(context())
    local config = files['/b/.scrun-web.7/config.json']
    assert.equal(1, #config.mounts)
    assert.equal('nameserver 10.0.0.1', files[config.mounts[1].source])
    assert.matches('^/b/%.scrun%-web%.7/', config.mounts[1].source)
  end)

  it('removes it all and may be asked twice', function()
    local ctx = context()
    shared.stage_in(ctx)
    assert.is_true(shared.stage_out(ctx))
    assert.is_true(shared.stage_out(ctx))
    for name in pairs(files) do
      assert.is_nil(name:match 'scrun%-web', name)
    end
    assert.is_not_nil(files['/b/config.json'])
  end)

  it('says what is wrong with a config and leaves nothing', function()
    files['/b/config.json'].root = nil
    local ok, errmsg, code = shared.stage_in(context())
    assert.is_nil(ok)
    assert.equal('/b/config.json: root.path is missing', errmsg)
    assert.equal('BAD_CONFIG', code)
    assert.is_nil(files.bundle_path)
  end)

  it('asks the nodes when told to, and undoes what it made when they see nothing', function()
    host.run_remote = function()
      return 1
    end
    local ok, errmsg, code = shared.stage_in(context { shared_check = true })
    assert.is_nil(ok)
    assert.contains('nodes do not see root file system "/b/rootfs"', errmsg)
    assert.equal('ENOENT', code)
    assert.is_nil(files['/b/.scrun-web.7'])
    assert.is_nil(files['/spool/stage-directory'])
  end)
end)
