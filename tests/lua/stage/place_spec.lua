local bundles = require 'support.bundle'
local host = require 'support.host'
local place = require 'luastd.stage.place'

describe('stage.place', function()
  local ctx

  before_each(function()
    ctx = bundles.make()
    host.reset()
  end)

  after_each(function()
    host.reset()
    host.remove_tree(ctx.top)
  end)

  it('fills the patterns of a directory', function()
    assert.equal('/s/alice/1000/7/web/%', (place.expand('/s/%u/%U/%j/%n/%%/', ctx)))
    ctx.job_env = { 'USER=x', 'SCRUN_USER=bob' }
    assert.equal('/s/bob', (place.expand('/s/%u', ctx)))
  end)

  it('refuses an unknown pattern and a relative path', function()
    local path, errmsg, code = place.expand('/s/%q', ctx)
    assert.is_nil(path)
    assert.contains('%q stands for nothing', errmsg)
    assert.equal('BAD_CONFIG', code)
    path, errmsg = place.expand('scratch', ctx)
    assert.is_nil(path)
    assert.contains('not absolute', errmsg)
  end)

  it('gives each job a directory of its own', function()
    assert.equal('/s/web.7', place.inside('/s', ctx))
    assert.equal('/s/.scrun-web.7', place.inside('/s', ctx, '.scrun-'))
  end)

  it('makes an empty directory for its owner only and removes it', function()
    local directory = ctx.top .. '/a/b'
    host.make_dirs(directory)
    host.write_file(directory .. '/left-over', 'x')
    assert.is_true(place.make(ctx, directory))
    assert.equal(448, host.stat(directory).mode % 512)
    assert.is_nil(host.stat(directory .. '/left-over'))
    assert.equal(directory, place.recall(ctx))
    assert.is_true(place.remove(ctx))
    assert.is_nil(host.stat(directory))
    assert.is_nil(place.recall(ctx))
  end)

  it('removes nothing that it did not note', function()
    assert.is_true(place.remove(ctx))
    assert.same({ ctx.spool_dir .. '/stage-directory' }, host.calls 'remove_tree')
  end)

  it('refuses a directory that others may write or that another owns', function()
    for _, change in ipairs { { mode = 511 }, { uid = 12345 }, { type = 'link' } } do
      local directory = ctx.top .. '/mine'
      local stat = host.stat
      host.replace('stat', function(path)
        local found = stat(path)
        if found and path == directory then
          for key, value in pairs(change) do
            found[key] = value
          end
        end
        return found
      end)
      local ok, errmsg, code = place.make(ctx, directory)
      host.reset()
      assert.is_nil(ok)
      assert.contains('writable by others', errmsg)
      assert.equal('NO_PERMISSION', code)
    end
  end)
end)
