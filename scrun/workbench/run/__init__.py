"""Run a site's script without the cluster: shown, here, on Slurm, or answered from a cassette."""
