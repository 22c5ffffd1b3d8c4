"""docs/admin.md, executed on the cluster from its first line to its last."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.py.cluster import package
from tests.py.cluster.base import Cluster
from tests.py.cluster.sandboxed import SandboxCluster
from tests.py.docs.page import CHECKOUT, Block, Page, code
from tests.py.docs.session import check, matches, parse

ADMIN = Page("docs/admin.md")
LINK_TO_SCRUN = "/usr/local/bin/scrun"
PAGE_VENV = "/opt/page"  # the page's own installation: /opt/scrun is the other tests'
WHEELS = "/run/wheels"  # where package.install has put ours and what it depends on
USERS_OWN = [f"/home/alice/.config/containers/{name}.conf" for name in ("containers", "storage")]
FILES_OF_USERS = ("/home/alice/",)
VARIES = re.compile(r"…|(?<=the node) ")  # "the node {why}"
ENVIRONMENT = {
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": WHEELS,
    "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",  # the machine's, not the page's
}


class Reader:
    """Does what the page says, and can undo it."""

    def __init__(self, cluster: SandboxCluster) -> None:
        self.cluster = cluster
        self._before: dict[str, bytes | None] = {}
        (self._wheel,) = cluster.root_path(WHEELS).glob("scrun-*.whl")

    def follow(self, block: Block) -> None:
        """Run or install a block; others are left alone."""
        language, *words = block.words
        if language == "console":
            check(block, lambda script: self.run(script, user=words[0]))
        elif words:
            self.write(words[0], block.text)

    def run(self, script: str, *, user: str) -> str:
        """Run a shell script, return all that it prints."""
        done = self.cluster.run(
            ["sh"], user=user, env=ENVIRONMENT, input=self._adapt(script).encode(), timeout_s=300
        )
        return done.stdout.decode()

    def write(self, path: str, text: str) -> None:
        """Write a file as its owner to be would."""
        owner = "alice" if path.startswith(FILES_OF_USERS) else "root"
        if owner == "root":
            there = self.cluster.root_path(path)
            self._before.setdefault(path, there.read_bytes() if there.exists() else None)
        self.cluster.write_file(path, self._adapt(text), owner=owner)

    def undo(self) -> None:
        """Put back what was there."""
        for path, content in self._before.items():
            there = self.cluster.root_path(path)
            if content is None:
                there.unlink()
            else:
                there.write_bytes(content)
        remove = ["rm", "-rf", LINK_TO_SCRUN, PAGE_VENV, "/scratch", "/software"]
        self.cluster.run(remove, user="root", check=True)

    def _adapt(self, text: str) -> str:
        wheel = f"{WHEELS}/{self._wheel.name}"
        return text.replace("/opt/scrun", PAGE_VENV).replace("./scrun\n", f"{wheel}\n")


@pytest.fixture
def reader(scrun_cluster: Cluster) -> Iterator[Reader]:
    """A reader on a machine where nobody has configured podman yet."""
    if not isinstance(scrun_cluster, SandboxCluster):
        pytest.skip("the page changes /etc: not on a cluster that is not ours")
    package.install(scrun_cluster)
    ours = Reader(scrun_cluster)
    own = {path: scrun_cluster.root_path(path).read_text() for path in USERS_OWN}
    for path in own:
        scrun_cluster.root_path(path).unlink()
    try:
        yield ours
    finally:
        # The user's podman must still find our runtime when it removes what a failure left.
        scrun_cluster.run(["podman", "rm", "--all", "--force", "--time", "0"], env=ENVIRONMENT)
        ours.undo()
        for path, text in own.items():
            scrun_cluster.write_file(path, text, owner="alice")


@pytest.mark.slurm
def test_the_page_is_true(reader: Reader) -> None:
    """Each command prints what the page shows, each file works, in the order of the page."""
    followed = [block for block in ADMIN.blocks() if block.words[1:]]
    for block in followed:
        reader.follow(block)
    assert len(followed) > 20
    cluster = reader.cluster
    cluster.wait_until(lambda: not cluster.jobs(), timeout_s=60, what="no job is left")


@pytest.mark.parametrize("block", [b for b in ADMIN.blocks() if len(b.words) == 3], ids=str)
def test_a_file_shown_is_the_file_linked(block: Block) -> None:
    """What a reader can copy from the checkout is what he has read."""
    assert (CHECKOUT / block.words[2]).read_text() == block.text


def test_every_key_of_oci_conf_that_is_explained_exists() -> None:
    """A key that scrun does not know would be a mistake of the page."""
    from scrun.oci.oci_conf import KEYS

    explained = [key for row in ADMIN.table("key") for key in code(row[0])]
    assert len(explained) > 10
    assert not {key.lower() for key in explained} - set(KEYS)


def test_every_output_variable_is_explained(scrun_source: str) -> None:
    """The table of variables has what containers and scripts get, no more, no less."""
    explained = {name for row in ADMIN.table("variable") for name in code(row[0])}
    container = (CHECKOUT / "scrun/anchor/container.py").read_text()
    made = set(re.findall(r'"(SCRUN_[A-Z_]+|SLURM_PTY_WIN_[A-Z]+)"', container))
    logging = {"SCRUN_STDERR_DEBUG", "SCRUN_FILE_DEBUG", "SCRUN_SYSLOG_DEBUG"}
    assert explained - logging == made | {"SCRUN_ANNOTATION_…"}
    assert all(name in scrun_source for name in logging)


@pytest.fixture(scope="module")
def scrun_source() -> str:
    """All of scrun and luastd as one text, string literals that adjoin put together.

    And click's, which words what a wrong command line is told.
    """
    files = [*CHECKOUT.glob("scrun/**/*.py"), *CHECKOUT.glob("luastd/**/*.lua")]
    files += [CHECKOUT / "scrun/launcher", Path(click.__file__).parent / "exceptions.py"]
    text = "\n".join(file.read_text() for file in files).replace("No such", "no such")
    return re.sub(r"[\"']\s*(?:\.\.)?\s*f?[\"']", "", text.replace('\\"', '"'))


@pytest.mark.parametrize("row", ADMIN.table("message"), ids=lambda row: row[0])
def test_every_message_exists(row: list[str], scrun_source: str) -> None:
    """A message of the troubleshooting table is in the code, up to what varies."""
    if row[0].endswith(")"):
        return  # another program's, in brackets
    (message,) = code(row[0])
    parts = re.split(VARIES, message)
    fixed = [part for part in parts if len(part.strip(' "')) > 3]
    assert fixed
    for part in fixed:
        assert part.strip(' "') in scrun_source, part


def test_the_session_notices() -> None:
    """The runner fails on a wrong output, a wrong status, and a shell that ends."""

    def shell(script: str) -> str:
        return subprocess.run(["sh"], input=script, text=True, stdout=subprocess.PIPE).stdout

    check(Block((), "$ echo a b\n…b\n$ false\n$ echo $?\n1\n$ x=1\n$ echo $x >&2\n1\n", 1), shell)
    for wrong in ("$ echo a\nb\n", "$ echo a\n", "$ true\na\n", "$ false\n", "$ exit 0\n$ true\n"):
        with pytest.raises(AssertionError, match=r"line 7: "):
            check(Block((), wrong, 7), shell)
    assert parse("$ a\nb\nc\n$ d\n") == [("a", "b\nc\n"), ("d", "")]
    assert not matches("a…c\n", "a\nc\n")


def test_it_runs_as_root_in_ci() -> None:
    """A cluster needs root: CI must not pass by leaving the page out."""
    if os.environ.get("CI"):
        assert os.getuid() == 0
