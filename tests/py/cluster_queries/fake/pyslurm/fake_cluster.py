"""The jobs of the fake cluster, and what goes wrong in it; tests write here."""

import dataclasses


@dataclasses.dataclass
class FakeStep:
    """A step; ``nodes`` is a node list."""

    step_id: int | str
    name: str
    nodes: str = "n1"


@dataclasses.dataclass
class FakeJob:
    """A job; ``status`` is one of wait(2)."""

    state: str
    status: int = 0
    user_id: int = 1000
    partition: str = "main"
    nodes: str | None = "n1"
    reason: str = "None"
    steps: list[FakeStep] = dataclasses.field(default_factory=list)


jobs: dict[int, FakeJob] = {}
qualities: dict[str, int] | None = None  # priority by name; None: no slurmdbd
refusal = 0  # what every call fails with, an errno of Slurm
stale_errno = 0  # what an earlier system call left in errno


def reset() -> None:
    """Start anew."""
    global qualities, refusal, stale_errno
    jobs.clear()
    qualities, refusal, stale_errno = None, 0, 0
