"""Run ``*_spec.lua``: busted's words, the site's own ``slurm`` table, a process for each file.

A spec file runs in a fork of this process, in which its Lua state is made and the library loaded
already: fresh, quick, and neither ``os.exit`` nor a crash in it is ours. The library itself is in
luastd/test.
"""
