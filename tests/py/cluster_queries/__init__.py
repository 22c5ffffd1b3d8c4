"""Questions to Slurm: the same tests by commands, by a fake pyslurm and by the real one."""
