"""``podman run -i`` and ``podman exec -i``: talk without line ends, and a lot of it."""

from __future__ import annotations

import hashlib
import os
import select
import subprocess
import threading
from typing import IO

import pytest

from tests.py.engines.engine import IMAGE
from tests.py.engines.podman import Podman

pytestmark = pytest.mark.slurm

MEGABYTE = 1_000_000
MEGABYTES = int(os.environ.get("SCRUN_TEST_MEGABYTES", "128"))  # 1000 by hand: a minute
TIMEOUT_S = 120
ASK = "printf 'name? '; read -r name; printf \"hello $name\"; [ -t 1 ] && exit 9; exit 3"


def read_text(pipe: IO[bytes] | None, text: bytes) -> None:
    """Read what must come while the process waits."""
    assert pipe is not None
    got = b""
    while len(got) < len(text):
        assert select.select([pipe], [], [], TIMEOUT_S)[0], f"nothing comes after {got!r}"
        part = os.read(pipe.fileno(), len(text) - len(got))
        assert part, f"end of file after {got!r}"
        got += part
    assert got == text


def talk(process: subprocess.Popen[bytes]) -> None:
    """Answer the question of `ASK`; its stdout must be no terminal."""
    assert process.stdin is not None
    read_text(process.stdout, b"name? ")
    process.stdin.write(b"you\n")
    read_text(process.stdout, b"hello you")
    assert process.communicate(timeout=TIMEOUT_S)[0] == b""
    assert process.returncode == 3


def test_a_prompt(podman: Podman) -> None:
    pipe = subprocess.PIPE
    process = podman.popen(
        *("run", "--rm", "-i", IMAGE, "sh", "-c", ASK), stdin=pipe, stdout=pipe, bufsize=0
    )
    talk(process)


def test_a_prompt_of_an_execed_process(podman: Podman) -> None:
    container = podman.run_detached("exec sleep 100")
    pipe = subprocess.PIPE
    process = podman.popen(
        *("exec", "-i", container, "sh", "-c", ASK), stdin=pipe, stdout=pipe, bufsize=0
    )
    talk(process)
    podman("rm", "--force", "--time", "0", container, check=True)


@pytest.mark.engine_command("podman", "run -i")
def test_many_megabytes_without_loss(podman: Podman) -> None:
    """What goes in comes out, byte for byte, with nothing of it in memory anywhere."""
    pipe = subprocess.PIPE
    process = podman.popen("run", "--rm", "-i", IMAGE, "cat", stdin=pipe, stdout=pipe)
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None and stdout is not None
    data = os.urandom(MEGABYTE)
    sent, received, count = hashlib.sha256(), hashlib.sha256(), 0

    def write() -> None:
        for _ in range(MEGABYTES):
            stdin.write(data)
            sent.update(data)
        stdin.close()

    writer = threading.Thread(target=write)
    writer.start()
    while part := stdout.read(MEGABYTE):
        received.update(part)
        count += len(part)
    writer.join()
    assert process.wait(TIMEOUT_S) == 0
    assert count == MEGABYTES * MEGABYTE
    assert received.digest() == sent.digest()


def test_sixty_four_at_once(podman: Podman) -> None:
    """Each has its own output and exit code."""
    calls = [
        podman.popen(
            *("run", "--rm", IMAGE, "sh", "-c", f"echo {number}; exit {number}"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        for number in range(64)
    ]
    results = [(call.communicate(timeout=600)[0], call.returncode) for call in calls]
    assert results == [(b"%d\n" % number, number) for number in range(64)]
