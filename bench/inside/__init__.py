"""The timing programs, run in the cluster as an ordinary user: ``python3 -m bench.inside``."""
