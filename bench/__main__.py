"""Command line: measure, print; status 0 whatever the figures are."""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence

from bench import __doc__ as package_doc
from bench.cluster import OURS, PHASES, Bench
from bench.figures import Row, make_rows
from bench.table import print_table
from tests.py.cluster import package, roots
from tests.py.cluster.errors import ClusterError
from tests.py.cluster.sandboxed import running

DEFAULT_ROUNDS = 15
NOT_MEASURED = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit status."""
    options = _parse(argv)
    try:
        with running(options.suite) as cluster:
            package.install(cluster)
            rows = list(make_rows(Bench(cluster, options.rounds).run(options.only or PHASES)))
            machine = _describe_machine(cluster.description)
    except (ClusterError, subprocess.SubprocessError, OSError) as err:
        print(f"bench: {err}", file=sys.stderr)
        return NOT_MEASURED
    if options.json:
        result = {"machine": machine, "rounds": options.rounds, "rows": [r.as_json() for r in rows]}
        print(json.dumps(result, indent=2))
    else:
        styled = sys.stdout.isatty()
        print(f"{machine}; median and minimum of {options.rounds}")
        print_table(rows, styled=styled)
    return 0 if all(_is_measured(row) for row in rows) else NOT_MEASURED


def _is_measured(row: Row) -> bool:
    """Tell whether ours has a figure: the C program may fail without the bench failing."""
    return OURS in row.by


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=package_doc)
    parser.add_argument("-n", "--rounds", type=int, default=DEFAULT_ROUNDS, metavar="N")
    parser.add_argument("--suite", default=roots.DEFAULT_SUITE, help="Debian suite of the cluster")
    parser.add_argument("--only", action="append", choices=PHASES, help="may be given again")
    parser.add_argument("--json", action="store_true", help="for machines")
    return parser.parse_args(argv)


def _describe_machine(cluster: str) -> str:
    load = os.getloadavg()[0]
    return f"{cluster}, {platform.machine()}, {os.cpu_count()} CPUs, load {load:.1f}"


if __name__ == "__main__":
    sys.exit(main())
