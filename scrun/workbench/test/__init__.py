"""Run ``*_spec.lua``: busted's words, the site's own ``slurm`` table, a fresh state for each file.

Spec files run in forks of this process, some one after the other in one (`worker`): neither
``os.exit`` nor a crash in one is ours, and none finds anything that another has left. The library
itself is in luastd/test.
"""
