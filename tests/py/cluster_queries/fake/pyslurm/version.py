"""As pyslurm/version.py of 25.11.2 has it: the release of Slurm and a number of its own."""

__version__ = "25.11.2"
