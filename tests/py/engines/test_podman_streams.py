"""stdin, stdout and stderr of a container: whole, and apart."""

from __future__ import annotations

import subprocess

import pytest

from tests.py.engines.engine import IMAGE
from tests.py.engines.podman import Podman

pytestmark = pytest.mark.slurm

MEGABYTE = 1_000_000
BIG = 50 * MEGABYTE
EVERY_BYTE = bytes(range(256)) * 8


def test_fifty_megabytes_of_output_arrive_without_input(podman: Podman) -> None:
    """The last byte is there before podman returns, also of a process that fails at once after."""
    script = f"head -c {BIG} /dev/zero; printf end; exit 3"
    done = podman("run", "--rm", IMAGE, "sh", "-c", script)
    assert (done.returncode, done.stderr, len(done.stdout)) == (3, b"", BIG + 3)
    assert done.stdout.endswith(b"\0\0end") and done.stdout.count(b"\0") == BIG


def test_stdout_and_stderr_stay_apart(podman: Podman) -> None:
    """Line by line in turn: each stream has its own lines, all of them, in order."""
    script = "i=0; while [ $i -lt 3000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done"
    done = podman("run", "--rm", IMAGE, "sh", "-c", script)
    assert done.returncode == 0
    assert done.stdout == b"".join(b"out %d\n" % n for n in range(3000))
    assert done.stderr == b"".join(b"err %d\n" % n for n in range(3000))


def test_two_writers_at_once_do_not_mix(podman: Podman) -> None:
    """A flood on each stream at the same time arrives whole."""
    script = "(yes out | head -n 500000) & (yes err | head -n 500000 >&2) & wait"
    done = podman("run", "--rm", IMAGE, "sh", "-c", script)
    assert (done.returncode, done.stdout) == (0, b"out\n" * 500000)
    assert done.stderr == b"err\n" * 500000


@pytest.mark.parametrize("stream", [1, 2])
def test_every_byte_passes(podman: Podman, stream: int) -> None:
    """No line is waited for, no end of line added, NUL and 0xFF are bytes like others."""
    done = podman("run", "--rm", "-i", IMAGE, "sh", "-c", f"cat >&{stream}", input=EVERY_BYTE)
    streams = {1: done.stdout, 2: done.stderr}
    assert streams.pop(stream) == EVERY_BYTE
    assert streams.popitem()[1] == b""


@pytest.mark.parametrize("options", [(), ("-i",)])
def test_an_empty_input_ends(podman: Podman, options: tuple[str, ...]) -> None:
    """Without -i, or with nothing to read, the process finds the end of file."""
    done = podman("run", "--rm", *options, IMAGE, "sh", "-c", "cat; echo end", input=b"")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"end\n", b"")


def test_input_is_not_the_containers_without_interactive(podman: Podman) -> None:
    """What podman has on stdin stays there."""
    done = podman("run", "--rm", IMAGE, "cat", input=b"not for you\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_closed_input_is_an_empty_one(podman: Podman) -> None:
    """Podman started without a descriptor 0 works."""
    script = f'podman run --rm -i {IMAGE} sh -c "cat; echo end" <&-'
    done = podman.cluster.run(["sh", "-c", script])
    assert (done.returncode, done.stdout, done.stderr) == (0, b"end\n", b"")


def test_a_dialogue_is_not_held_up(podman: Podman) -> None:
    """Each answer comes while the input is still open, and so does the end."""
    script = "while read word; do echo got $word; [ $word != bye ] || exit 3; done"
    process = podman.popen(
        *("run", "--rm", "-i", IMAGE, "sh", "-c", script),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    assert process.stdin and process.stdout
    for word in (b"one", b"two", b"bye"):
        process.stdin.write(word + b"\n")
        assert process.stdout.readline() == b"got " + word + b"\n"
    assert process.wait(30) == 3
    process.stdin.close()
    process.stdout.close()


def test_input_that_nobody_reads_holds_nobody_up(podman: Podman) -> None:
    """A process that ends before its input does ends the container."""
    done = podman("run", "--rm", "-i", IMAGE, "head", "-c", "5", input=EVERY_BYTE * 10000)
    assert (done.returncode, done.stdout) == (0, EVERY_BYTE[:5])


def test_a_reader_that_goes_away_ends_the_writer(podman: Podman) -> None:
    """``podman run ... | head`` comes to its end, and so does the container."""
    script = f"podman run --rm {IMAGE} yes | head -n 2"
    done = podman.cluster.run(["timeout", "40", "sh", "-c", script])
    assert (done.returncode, done.stdout) == (0, b"y\ny\n")
