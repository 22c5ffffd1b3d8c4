-- Lua that a site may run under any dialect is checked against what all of them share;
-- the verbs run in the anchor's own Lua 5.4.
std = 'min'
max_line_length = 100
codes = true
exclude_files = { 'luastd/meta', 'build', 'dist', '.venv', '**/site-packages' }

files['luastd/verbs'] = { std = 'lua54' }
files['luastd/stage'] = { read_globals = { 'slurm' } }
files['luastd/test.lua'] = { globals = { '_G' } }
files['tests/lua'] = {
  globals = { 'slurm' },
  read_globals = { 'describe', 'it', 'pending', 'before_each', 'after_each' },
  -- `assert` is the library's table there, so its fields are known to no standard.
  ignore = { '143/assert' },
}
files['examples'] = {
  std = 'max',
  read_globals = { 'slurm' },
  globals = { 'slurm_scrun_stage_in', 'slurm_scrun_stage_out' },
}
