local text
package.loaded.host = {
  read_file = function()
    return text
  end,
}
local origin = require 'luastd.stage.origin'

local BUNDLE = '/var/tmp/buildah1'
local ROOTFS = BUNDLE .. '/mnt/rootfs'

local function mounts(...)
  local lines = {}
  for number, fields in ipairs { ... } do
    lines[number] = ('%d 1 %s rw,relatime shared:1 - xfs /dev/x rw'):format(number, fields)
  end
  text = table.concat(lines, '\n') .. '\n'
end

describe('stage.origin', function()
  it('finds the directory behind a bind mount in the bundle', function()
    mounts('8:1 / /', '8:2 / /home', '8:2 /alice/a\\040b ' .. ROOTFS)
    assert.equal('/home/alice/a b', origin.find(ROOTFS, BUNDLE))
    mounts('8:1 / /', '8:1 /srv/image ' .. ROOTFS)
    assert.equal('/srv/image', origin.find(ROOTFS, BUNDLE))
  end)

  it('finds it where only a part of the file system is mounted', function()
    mounts('8:1 / /', '8:2 /export/home /home', '8:2 /export/home/alice/image ' .. ROOTFS)
    assert.equal('/home/alice/image', origin.find(ROOTFS, BUNDLE))
  end)

  it('leaves what is no mount of the bundle', function()
    mounts('8:1 / /', '8:2 /export/home /home')
    assert.equal(ROOTFS, origin.find(ROOTFS, BUNDLE))
    assert.equal('/home/alice/image', origin.find('/home/alice/image', BUNDLE))
  end)

  it('leaves what lies nowhere else, as an overlay', function()
    mounts('8:1 / /', '0:50 / ' .. ROOTFS)
    assert.equal(ROOTFS, origin.find(ROOTFS, BUNDLE))
  end)

  it('leaves all when there is nothing to read', function()
    text = nil
    assert.equal(ROOTFS, origin.find(ROOTFS, BUNDLE))
  end)
end)
