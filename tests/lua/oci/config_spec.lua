-- The codec and the host are scrun's; here a file is a table entry, and its JSON a Lua value.
local files, null = {}, setmetatable({}, {})
package.loaded.host = {
  read_file = function(path)
    if not files[path] then
      return nil, path .. ': No such file or directory', 'ENOENT'
    end
    return path
  end,
  write_file = function(path, data)
    files[path] = data
    return true
  end,
}
package.loaded.json = {
  null = null,
  decode = function(path)
    if files[path] == 'broken' then
      error 'line 1: expected a value'
    end
    return files[path]
  end,
  encode = function(value)
    return value
  end,
}
local config = require 'luastd.oci.config'

describe('oci.config', function()
  it('reads, without null members, with nulls of arrays', function()
    files['/c'] = { linux = { cgroupsPath = null, list = { 1, null } } }
    assert.same({ linux = { list = { 1, null } } }, config.read '/c')
  end)

  it("gives the host's reason for a missing file", function()
    local read, errmsg, code = config.read '/none'
    assert.is_nil(read)
    assert.contains('/none', errmsg)
    assert.equal('ENOENT', code)
  end)

  it('names the file that is no JSON object', function()
    for _, content in ipairs { 'broken', 7 } do
      files['/bad'] = content
      local read, errmsg, code = config.read '/bad'
      assert.is_nil(read)
      assert.matches('^/bad: ', errmsg)
      assert.equal('BAD_CONFIG', code)
    end
  end)

  it('writes', function()
    assert.is_true(config.write('/new', { a = 1 }))
    assert.same({ a = 1 }, files['/new'])
  end)
end)
