"""A real Slurm cluster on one machine, made for tests.

slurmctld, two slurmd (n1, n2), munge and rootless podman run inside a Debian root in
namespaces of their own; the users are ``alice`` (uid 1000), ``bob`` (1001) and ``root``.
The root is made once and cached below ``SCRUN_TEST_ROOTS`` (default
``~/.cache/scrun-test``); a cluster writes to a tmpfs above it and leaves nothing behind.

For developers, from the top of the checkout, as root::

    python -m tests.py.cluster build              # make the cached root (first time: a minute)
    python -m tests.py.cluster up                 # start a cluster and leave it running
    python -m tests.py.cluster install            # build this checkout, install to /opt/scrun
    python -m tests.py.cluster exec -- squeue     # run a command in it as alice
    python -m tests.py.cluster exec --user root -- scontrol show nodes
    python -m tests.py.cluster exec -- podman --runtime crun run --rm busy echo hi
    python -m tests.py.cluster exec -t -- bash    # with a terminal: a shell in the cluster
    python -m tests.py.cluster root               # its / as a path of this machine
    python -m tests.py.cluster down
    python -m tests.py.cluster shell [-- CMD]     # a cluster for one command or shell

``--name NAME`` tells several clusters apart (default ``dev``). ``pytest --cluster=NAME``
runs the tests in one that is up, ``--cluster=existing`` on this host against the cluster
whose slurm.conf it has; without it each session starts and ends its own.

For tests, the fixtures are ``cluster`` and ``scrun_cluster`` (see ``tests/py/conftest.py``)
and the interface is ``tests.py.cluster.base.Cluster``.
"""
