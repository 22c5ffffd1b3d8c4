"""What runs a further process on its node: its directory goes with it, however it ends."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from scrun.cluster.exec_steps import NOT_STARTED, PROCESS, exec_argv

TIMEOUT_S = 60
AT_ONCE_S = 4  # it would wait 5 for somebody to ask


def test_the_jobs_end_waits_for_nobody(tmp_path: Path) -> None:
    """A process that could not be started is asked about; not once its job is ending."""
    taken_s: list[float] = []
    while not taken_s or (min(taken_s) > AT_ONCE_S and len(taken_s) < 3):  # the machine may stall
        directory = tmp_path / f"exec-{len(taken_s)}"
        argv = exec_argv("echo sorry >$log; false", str(directory))
        with subprocess.Popen(argv, env={PROCESS: "{}", "PATH": "/usr/bin:/bin"}) as script:
            deadline = time.monotonic() + TIMEOUT_S
            while not (directory / "failed").exists():
                assert time.monotonic() < deadline, "it does not say why"
                time.sleep(0.01)
            asked = time.monotonic()
            script.send_signal(signal.SIGTERM)
            assert script.wait(TIMEOUT_S) == NOT_STARTED
            taken_s.append(time.monotonic() - asked)
        assert not directory.exists()
    assert min(taken_s) < AT_ONCE_S
