"""``python3 -m bench.inside PHASE JSON``: run a phase; a line of JSON for each figure."""

import json
import sys

from bench.inside import podman, timing, verbs


def main() -> None:
    """Run the phase that argv names with the arguments it has."""
    phase, arguments = sys.argv[1], json.loads(sys.argv[2])
    timing.become_subreaper()
    match phase:
        case "verbs":
            verbs.run(verbs.Life.run, **arguments)
        case "early":
            verbs.run(verbs.Life.run_to_early_signal, **arguments)
        case "floor":
            verbs.time_floor(**arguments)
        case "podman":
            podman.run(**arguments)
        case _:
            raise ValueError(phase)


if __name__ == "__main__":
    main()
