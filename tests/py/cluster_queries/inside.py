"""Ask one question inside a cluster and print the answer as JSON; run as ``python -c``."""

import json
import os
import sys

from scrun import log
from scrun.cluster.command_queries import CommandQueries
from scrun.cluster.queries import Job, Step, choose_queries
from scrun.errors import ClusterError


def as_json(value: object) -> object:
    """Return jobs and steps as objects by their slots."""
    if isinstance(value, (Job, Step)):
        return {name: getattr(value, name) for name in value.__slots__}
    return [as_json(entry) for entry in value] if isinstance(value, list) else value


def main(kind: str, timeout_s: str, operation: str, arguments: str) -> None:
    """Print ``{"value": ...}`` or ``{"code": ..., "message": ...}``; stderr has the log."""
    log.configure(verbose=2)
    queries: object = CommandQueries(dict(os.environ), float(timeout_s))
    if kind == "pyslurm":
        queries = choose_queries("auto", dict(os.environ), float(timeout_s))
        assert queries.name == "pyslurm", queries.describe()
    try:
        value = getattr(queries, operation)(*json.loads(arguments))
    except ClusterError as err:
        print(json.dumps({"code": err.code, "message": err.message}))
    else:
        print(json.dumps({"value": as_json(value)}))


main(*sys.argv[1:])
