"""What runs a further process on its node: its directory goes with it, however it ends."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from pathlib import Path

from scrun.cluster.exec_steps import NOT_STARTED, PROCESS, exec_argv
from tests.py.waiting import least_s

TIMEOUT_S = 60
AT_ONCE_S = 4  # it would wait 5 for somebody to ask


def test_the_jobs_end_waits_for_nobody(tmp_path: Path) -> None:
    """A process that could not be started is asked about; not once its job is ending."""

    def end_it() -> float:
        directory = Path(tempfile.mkdtemp(dir=tmp_path)) / "exec"
        argv = exec_argv("echo sorry >$log; false", str(directory))
        with subprocess.Popen(argv, env={PROCESS: "{}", "PATH": "/usr/bin:/bin"}) as script:
            deadline = time.monotonic() + TIMEOUT_S
            while not (directory / "failed").exists():
                assert time.monotonic() < deadline, "it does not say why"
                time.sleep(0.01)
            asked = time.monotonic()
            script.send_signal(signal.SIGTERM)
            assert script.wait(TIMEOUT_S) == NOT_STARTED
        assert not directory.exists()
        return time.monotonic() - asked

    assert least_s(end_it, AT_ONCE_S) < AT_ONCE_S
