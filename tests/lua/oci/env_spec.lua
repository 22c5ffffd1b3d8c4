local env = require 'luastd.oci.env'
local lists = require 'luastd.oci.lists'

describe('oci.env', function()
  it('merges in place, without doubles', function()
    local config = { process = { env = { 'A=1', 'B=2', 'A=3' } } }
    env.merge(config, { 'A=9', 'C=4', 'nonsense' })
    assert.same({ 'A=9', 'B=2', 'C=4' }, config.process.env)
  end)

  it('merges only what is wanted', function()
    local wanted = env.filter({ '^SLURM_' }, { '^SLURM_JWT$' })
    local config = { process = {} }
    env.merge(config, { 'SLURM_JOB_ID=7', 'SLURM_JWT=secret', 'HOME=/root' }, wanted)
    assert.same({ 'SLURM_JOB_ID=7' }, config.process.env)
  end)

  it('leaves no empty list, and no process where there was none', function()
    assert.same({ process = {} }, env.merge({ process = {} }, {}))
    assert.same({}, env.merge({}, { 'A=1' }))
  end)
end)

describe('oci.lists', function()
  it('copies without the unwanted, nil when nothing is left', function()
    local function odd(number)
      return number % 2 == 1
    end
    assert.same({ 2, 4 }, lists.without({ 1, 2, 3, 4 }, odd))
    assert.is_nil(lists.without({ 1, 3 }, odd))
    assert.is_nil(lists.without(nil, odd))
  end)
end)
