"""scrun: an OCI runtime that runs containers as Slurm jobs. Nothing here: every start pays for it."""
