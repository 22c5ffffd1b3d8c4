"""An engine's exec without a terminal."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import pytest

from tests.py.engines.each import on_each
from tests.py.engines.engine import Engine

pytestmark = pytest.mark.slurm


@pytest.fixture
def web(engine: Engine) -> Iterator[str]:
    """A container that runs."""
    engine.run_detached("exec sleep 300", "--name", "web")
    yield "web"
    engine.remove("web")


@on_each("exec")
def test_output_status_and_environment(engine: Engine, web: str) -> None:
    script = "echo $A; test $SLURM_JOB_ID; pwd; echo e >&2; exit 9"
    done = engine("exec", "-e", "A=b", "-w", "/tmp", web, "sh", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (9, b"b\n/tmp\n", b"e\n")


@on_each("exec -i")
def test_input(engine: Engine, web: str) -> None:
    data = os.urandom(2 << 20)
    done = engine("exec", "-i", web, "sha256sum", input=data)
    assert done.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()


@on_each("exec -d")
def test_detached(engine: Engine, web: str) -> None:
    engine("exec", "-d", web, "sh", "-c", "echo done >/tmp/mark", check=True)
    engine.cluster.wait_until(
        lambda: engine("exec", web, "cat", "/tmp/mark").stdout == b"done\n", timeout_s=60
    )


@on_each("exec")
def test_many_at_once(engine: Engine, web: str) -> None:
    calls = [engine.popen("exec", web, "sh", "-c", f"sleep 1; exit {n}") for n in range(5)]
    assert [call.wait(60) for call in calls] == [0, 1, 2, 3, 4]
