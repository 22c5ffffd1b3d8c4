"""Where the tests ask: a real cluster, or the fake pyslurm's."""

import itertools
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from scrun.cluster.pyslurm_queries import PyslurmQueries, QueriesWithFallback
from scrun.cluster.queries import Job, Step
from scrun.errors import ClusterError
from tests.py.cluster.base import Cluster
from tests.py.cluster.recipe import VENV
from tests.py.cluster.sandboxed import SandboxCluster

if TYPE_CHECKING:
    from scrun.cluster.queries import Queries  # a protocol: at run time there is none

CHECKOUT = Path(__file__).resolve().parents[3]
INSIDE = (Path(__file__).parent / "inside.py").read_text()
UNKNOWN_JOB = 66999999
STEP = """
echo ready > "$1"
exec sleep 600
"""


class Site(Protocol):
    """A cluster, its jobs, and who is asked about them."""

    queries: "Queries"
    user_id: int

    def pending_job(self) -> int:
        """Return a job that its user holds."""

    def running_job(self, step_name: str) -> int:
        """Return a job whose step 0 has this name."""

    def finished_job(self, exit_code: int) -> int:
        """Return a job that is over."""

    def wait_until_over(self, job_id: int) -> None:
        """Wait for the end."""


class RemoteQueries:
    """Asks from inside a cluster; ``log`` is what the last question logged."""

    def __init__(self, cluster: Cluster, kind: str = "commands") -> None:
        self.cluster = cluster
        self.name = kind
        self.log = ""

    def ask(
        self,
        operation: str,
        *arguments: object,
        env: Mapping[str, str | None] | None = None,
        timeout_s: float = 20,
        user: str = "alice",
    ) -> Any:
        """Return what the operation returns there; ClusterError as there."""
        variables = dict(env or {})
        if isinstance(self.cluster, SandboxCluster):
            python = f"{VENV}/bin/python"
        else:
            python = sys.executable
            paths = [str(CHECKOUT), os.environ.get("PYTHONPATH", "")]
            variables["PYTHONPATH"] = ":".join(path for path in paths if path)
        done = self.cluster.run(
            [python, "-c", INSIDE, self.name, str(timeout_s), operation, json.dumps(arguments)],
            env=variables,
            user=user,
            check=True,
        )
        self.log = done.stderr.decode()
        answer = json.loads(done.stdout)
        if "code" in answer:
            raise ClusterError(answer["message"], code=answer["code"])
        return answer["value"]

    def describe(self) -> str:
        """As `Queries`."""
        return str(self.ask("describe"))

    def qos_priority(self, name: str) -> int | None:
        """As `Queries`."""
        priority: int | None = self.ask("qos_priority", name)
        return priority

    def job(self, job_id: int) -> Job | None:
        """As `Queries`."""
        fields = self.ask("job", job_id)
        if fields is None:
            return None
        status = fields.pop("exit_code"), fields.pop("exit_signal")
        return Job(fields.pop("job_id"), exit_status=status, **fields)

    def steps(self, job_id: int) -> list[Step]:
        """As `Queries`."""
        return [Step(fields.pop("step_id"), **fields) for fields in self.ask("steps", job_id)]

    def cancel(self, job_id: int) -> None:
        """As `Queries`."""
        self.ask("cancel", job_id)

    def cancel_step(self, job_id: int, step_id: str) -> None:
        """As `Queries`."""
        self.ask("cancel_step", job_id, step_id)


class ClusterSite:
    """A real cluster, asked by commands or by the pyslurm that is installed there."""

    def __init__(self, cluster: Cluster, kind: str) -> None:
        self.cluster = cluster
        self.queries: Queries = RemoteQueries(cluster, kind)
        self.user_id = int(self._output("id", "-u"))
        # Below the home directory, which nodes share.
        self._directory = self._output("sh", "-c", 'mktemp -d "$HOME/scrun-queries-XXXXXX"')
        self._jobs: list[int] = []

    def close(self) -> None:
        """Leave nothing: no job, no file."""
        if self._jobs:
            self.cluster.run(["scancel", *map(str, self._jobs)])
        for job_id in self._jobs:
            self.cluster.completed_job(job_id)  # it writes into the directory
        self.cluster.run(["rm", "-r", self._directory], check=True)

    def _output(self, *argv: str) -> str:
        return self.cluster.run(argv, check=True).stdout.decode().strip()

    def _submit(self, *options: str) -> int:
        answer = self._output("sbatch", "--parsable", "--output=/dev/null", *options)
        self._jobs.append(int(answer.split(";")[0]))
        return self._jobs[-1]

    def _write(self, name: str, text: str) -> str:
        path = f"{self._directory}/{name}"
        self.cluster.run(["sh", "-c", 'cat > "$0"', path], input=text.encode(), check=True)
        return path

    def _said(self, job_id: int) -> str:
        return self.cluster.run(["cat", f"{self._directory}/{job_id}"]).stdout.decode().strip()

    def pending_job(self) -> int:
        """See `Site`."""
        return self._submit("--hold", "--wrap", "true")

    def running_job(self, step_name: str) -> int:
        """See `Site`."""
        step = self._write("step.sh", STEP)
        said = f"{self._directory}/$SLURM_JOB_ID"
        script = f'#!/bin/sh\nsrun --job-name="$NAME" sh {step} {said}\n'
        job_id = self._submit(f"--export=ALL,NAME={step_name}", self._write("batch.sh", script))
        self.cluster.wait_until(
            lambda: self._said(job_id) == "ready", timeout_s=30, what="the step runs"
        )
        return job_id

    def finished_job(self, exit_code: int) -> int:
        """See `Site`."""
        job_id = self._submit("--wrap", f"exit {exit_code}")
        self.wait_until_over(job_id)
        return job_id

    def wait_until_over(self, job_id: int) -> None:
        """See `Site`."""
        self.cluster.completed_job(job_id)


class TruthfulCommands:
    """Answers for commands from the fake cluster's own records, and counts the questions."""

    name = "commands"

    def __init__(self, fake: Any) -> None:
        self._fake = fake
        self.asked: list[str] = []

    def describe(self) -> str:
        """As `Queries`."""
        return "records"

    def qos_priority(self, name: str) -> int | None:
        """As `Queries`."""
        self.asked.append("qos_priority")
        return None

    def job(self, job_id: int) -> Job | None:
        """As `Queries`."""
        self.asked.append("job")
        record = self._fake.jobs[job_id]
        ended = os.waitstatus_to_exitcode(record.status)
        return Job(
            job_id,
            state=record.state,
            user_id=record.user_id,
            partition=record.partition,
            node_list=record.nodes or "",
            reason=record.reason,
            exit_status=(ended, 0) if ended >= 0 else (0, -ended),
        )

    def steps(self, job_id: int) -> list[Step]:
        """As `Queries`."""
        self.asked.append("steps")
        return []

    def cancel(self, job_id: int) -> None:
        """As `Queries`."""
        self.asked.append("cancel")

    def cancel_step(self, job_id: int, step_id: str) -> None:
        """As `Queries`."""
        self.asked.append("cancel_step")


class FakeSite:
    """The fake pyslurm's cluster."""

    user_id = 1000

    def __init__(self, module: ModuleType) -> None:
        self.fake: Any = sys.modules["pyslurm.fake_cluster"]
        self.fake.reset()
        self.commands: Any = TruthfulCommands(self.fake)
        self.queries: Queries = QueriesWithFallback(PyslurmQueries(module), self.commands, "fake")
        self._numbers = itertools.count(1)

    def add(self, state: str, **fields: Any) -> int:
        """Return a new job."""
        number = next(self._numbers)
        self.fake.jobs[number] = self.fake.FakeJob(state, **fields)
        return number

    def pending_job(self) -> int:
        """See `Site`."""
        return self.add("PENDING", nodes=None, reason="JobHeldUser")

    def running_job(self, step_name: str) -> int:
        """See `Site`."""
        steps = [self.fake.FakeStep(0, step_name), self.fake.FakeStep("batch", "batch")]
        return self.add("RUNNING", steps=steps)

    def finished_job(self, exit_code: int) -> int:
        """See `Site`."""
        state = "FAILED" if exit_code else "COMPLETED"
        return self.add(state, status=exit_code << 8, reason="NonZeroExitCode")

    def wait_until_over(self, job_id: int) -> None:
        """See `Site`."""
        assert self.fake.jobs[job_id].state not in ("PENDING", "RUNNING")
