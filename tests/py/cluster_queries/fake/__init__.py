"""A directory for sys.path: it holds the fake pyslurm and nothing else."""
