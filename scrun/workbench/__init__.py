"""The Lua workbench: check, run, record, test and document scripts, with no cluster needed.

It runs scripts through `scrun.lua`, as a container does: there is no second ``slurm`` table.
"""
