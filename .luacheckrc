-- Lua that a site may run under any dialect is checked against what all of them share;
-- the verbs run in the anchor's own Lua 5.4.
std = 'min'
max_line_length = 100
codes = true
exclude_files = { 'luastd/meta', 'build', 'dist', '.venv', '**/site-packages' }

files['luastd/verbs'] = { std = 'lua54' }
files['luastd/stage'] = { read_globals = { 'slurm' } }
-- The test library serves every dialect and asks which one it is in; its methods are called with `:`
-- whether they need it or not.
files['luastd/test'] = {
  std = 'max',
  globals = { '_G', 'coroutine', 'os', 'package' },
  ignore = { '212/self' },
}
files['luastd/test.lua'] = { globals = { '_G' } }
-- What a spec has besides: luastd/test.lua. `assert` is the library's table, so its fields are known
-- to no standard.
local SPEC = {
  read_globals = {
    'describe',
    'context',
    'insulate',
    'expose',
    'it',
    'pending',
    'before_each',
    'after_each',
    'setup',
    'teardown',
    'lazy_setup',
    'lazy_teardown',
    'finally',
    'spy',
    'stub',
    'mock',
    'match',
    'scrun',
  },
  globals = { '_G', 'slurm', 'package' },
  ignore = { '143/assert' },
}
files['tests/lua'] = SPEC
files['tests/lua/test/support.lua'] = { std = 'max' }
files['**/*_spec.lua'] = SPEC
files['examples'] = {
  std = 'max',
  read_globals = { 'slurm' },
  globals = {
    'slurm_scrun_stage_in',
    'slurm_scrun_stage_out',
    'slurm_job_submit',
    'slurm_job_modify',
  },
}
