"""Lua for scrun: states, module search, the ``slurm`` table and the site's script."""
