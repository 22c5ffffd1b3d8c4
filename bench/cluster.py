"""Run the phases of the bench in a test cluster and collect their figures."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.memory import NotWeighed, weigh_container
from tests.py.cluster.base import Cluster
from tests.py.cluster.bundle import write_bundle
from tests.py.cluster.errors import ClusterError
from tests.py.cluster.recipe import VENV

OURS, C = "ours", "C"
C_SCRUN = "/usr/bin/scrun"
PODMAN_RUNTIMES = {"slurm": OURS, "cscrun": C, "crun": "crun"}
PHASES = ("floor", "verbs", "early", "podman", "memory")
WEIGHINGS = 3  # memory does not scatter as time does
INSIDE = "/run/scrun-bench"
BUNDLE = "/home/alice/bench"
HERE = Path(__file__).parent
MANUAL_SCRIPT = HERE.parent / "tests/data/manual-example-scrun.lua"

EMPTY_SCRIPT = """\
function slurm_scrun_stage_in() return slurm.SUCCESS end
function slurm_scrun_stage_out() return slurm.SUCCESS end
return slurm.SUCCESS
"""


@dataclasses.dataclass
class Samples:
    """The figures of one thing and one program, and why others are missing.

    Attributes:
        values: milliseconds, or MiB for memory.
    """

    values: list[float] = dataclasses.field(default_factory=list)
    dropped: list[str] = dataclasses.field(default_factory=list)


Figures = dict[tuple[str, str], Samples]  # by what was measured and whose it is


class Bench:
    """The measurements in one cluster, in which ours is installed.

    Args:
        rounds: how many samples each figure gets.
    """

    def __init__(self, cluster: Cluster, rounds: int) -> None:
        self.figures: Figures = {}
        self._cluster = cluster
        self._rounds = rounds
        self._runtimes = {OURS: cluster.scrun, C: C_SCRUN}
        for source in (HERE / "__init__.py", *sorted((HERE / "inside").glob("*.py"))):
            name = source.relative_to(HERE.parent)
            cluster.write_file(f"{INSIDE}/{name}", source.read_bytes())
        # What the line is for: the bench sees when the process runs. SIGWINCH does not end it.
        write_bundle(cluster, BUNDLE, ["/bin/sh", "-c", "echo up; exec sleep 600"])

    def run(self, phases: Sequence[str] = PHASES) -> Figures:
        """Measure what is asked for.

        Raises:
            ClusterError: a phase broke off.
        """
        self._cluster.site_script(EMPTY_SCRIPT)
        for phase in PHASES:
            if phase not in phases:
                continue
            if phase == "memory":
                self._weigh_all()
            else:
                self._time(phase, self._arguments(phase))
        self._say("")
        return self.figures

    def _arguments(self, phase: str) -> dict[str, Any]:
        """Return what `bench.inside` is told for a phase."""
        ours = self._cluster.scrun
        if phase in ("verbs", "early"):
            return {"runtimes": self._runtimes, "bundle": BUNDLE}
        if phase == "podman":
            commands = {
                "podman run --rm, true": ["/bin/true"],
                "podman run --rm, echo": ["/bin/echo", "bench"],
            }
            return {"runtimes": list(PODMAN_RUNTIMES), "commands": commands}
        floor = {
            "/bin/true": {OURS: ["/bin/true"]},
            "python3 -I -S -c pass": {OURS: [f"{VENV}/bin/python3", "-I", "-S", "-c", "pass"]},
            # No container of that name: all but the work itself. Of `state`, ours ends with 1.
            "delete --force of none": {
                OURS: [ours, "delete", "--force", "bench-none"],
                C: [C_SCRUN, "delete", "--force", "bench-none"],
            },
            "--version": {OURS: [ours, "--version"], C: [C_SCRUN, "--version"]},
        }
        return {"commands": floor}

    def _weigh_all(self) -> None:
        for name, script in (("empty", EMPTY_SCRIPT), ("manual's", MANUAL_SCRIPT)):
            self._cluster.site_script(script)
            for number in range(min(self._rounds, WEIGHINGS)):
                for who, program in self._runtimes.items():
                    self._weigh(f"{name} scrun.lua", who, program, number)

    def _weigh(self, script: str, who: str, program: str, number: int) -> None:
        self._say(f"memory, {script}, {who}")
        try:
            weighed = weigh_container(self._cluster, program, BUNDLE, f"weigh-{who}-{number}")
        except NotWeighed as reason:
            self._samples(f"anchor PSS, {script}", who).dropped.append(str(reason))
        else:
            for part, mib in weighed.items():
                self._samples(f"{part}, {script}", who).values.append(mib)

    def _time(self, phase: str, arguments: dict[str, Any]) -> None:
        """Run a phase inside and collect its lines."""
        text = json.dumps({**arguments, "rounds": self._rounds})
        argv = ["/usr/bin/python3", "-m", "bench.inside", phase, text]
        with self._cluster.popen(
            argv, cwd=INSIDE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                told = json.loads(line)
                who = PODMAN_RUNTIMES.get(told["who"], told["who"])
                samples = self._samples(told["what"], who)
                if "dropped" in told:
                    samples.dropped.append(told["dropped"])
                else:
                    samples.values.append(told["ms"])
                self._say(f"{phase}: {told['what']} {who} {len(samples.values)}")
        if process.returncode:
            raise ClusterError(f"bench {phase}: ended with status {process.returncode}")

    def _samples(self, what: str, who: str) -> Samples:
        return self.figures.setdefault((what, who), Samples())

    def _say(self, text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
