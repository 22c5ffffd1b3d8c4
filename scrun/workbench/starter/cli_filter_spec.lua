--- Specs of cli_filter.lua, for `scrun lua test`.
local directory = debug.getinfo(1, 'S').source:match '^@(.-)spec/[^/]*$' or ''

describe('cli_filter.lua', function()
  local errors

  before_each(function()
    dofile(directory .. 'cli_filter.lua')
    errors = stub(slurm, 'log_error')
    stub(slurm, 'log_info')
    stub(slurm, 'cli_store')
    stub(slurm, 'cli_retrieve').returns 'sbatch'
  end)

  it('wants one thread for each core', function()
    local options = {}
    assert.equal(slurm.SUCCESS, slurm_cli_setup_defaults(options))
    assert.equal('nomultithread', options['hint'])
  end)

  it('refuses all the memory of a node', function()
    assert.equal(slurm.ERROR, slurm_cli_pre_submit({ type = 'sbatch', mem = '0?' }, 0))
    assert.stub(errors).was.called(1)
  end)

  it('advises who waits for long', function()
    local options = { type = 'salloc', time = '1-00:00:00' }
    assert.equal(slurm.SUCCESS, slurm_cli_pre_submit(options, 0))
    assert.stub(slurm.log_info).was.called(1)
  end)

  it('keeps the command for later', function()
    assert.equal(slurm.SUCCESS, slurm_cli_pre_submit({ type = 'sbatch' }, 0))
    assert.stub(slurm.cli_store).was.called_with(0, 'sbatch')
    assert.equal(slurm.SUCCESS, slurm_cli_post_submit(0, 7))
  end)
end)
