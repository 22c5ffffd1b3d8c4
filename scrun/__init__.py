"""scrun: an OCI runtime that runs containers as Slurm jobs. Every start pays for this file."""
