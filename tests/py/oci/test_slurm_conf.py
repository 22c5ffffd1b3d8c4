"""ClusterName of slurm.conf and of what it includes, as Slurm's parse_config.c reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from scrun.oci.slurm_conf import find_cluster_name


def find(directory: Path, **texts: str) -> str | None:
    """Write files, ``slurm`` the first of them, and return the name of the cluster."""
    for name, text in texts.items():
        (directory / f"{name}.conf").write_text(text)
    return find_cluster_name(str(directory / "slurm.conf"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ClusterName=north\n", "north"),
        ("# x\n\n  clustername = North # why\n", "north"),  # read_config.c makes it lower case
        ('CLUSTERNAME="north"', "north"),
        ("#ClusterName=north\n", None),
        ("ControlMachine=north\nInclude\nIncluded=x\n", None),
        ("ClusterName=\n", None),
        ("ClusterName=north\nClusterName=south\n", "south"),  # "latest value used"
    ],
)
def test_of_the_file_itself(tmp_path: Path, text: str, name: str | None) -> None:
    assert find(tmp_path, slurm=text) == name


@pytest.mark.parametrize("line", ["Include more.conf", "include\tmore.conf # x", "INCLUDE {}"])
def test_of_an_include(tmp_path: Path, line: str) -> None:
    """Relative to slurm.conf's directory, or absolute; the word in any case."""
    line = line.format(tmp_path / "more.conf")
    assert find(tmp_path, slurm=f"{line}\nPortNumber=1\n", more="ClusterName=north\n") == "north"


def test_the_last_one_counts(tmp_path: Path) -> None:
    """Includes are read in their place."""
    more = "ClusterName=south\n"
    assert find(tmp_path, slurm="ClusterName=north\nInclude more.conf\n", more=more) == "south"
    assert find(tmp_path, slurm="Include more.conf\nClusterName=north\n", more=more) == "north"


def test_an_include_of_an_include_is_beside_slurm_conf(tmp_path: Path) -> None:
    """get_extra_conf_path() of Slurm takes the directory of slurm.conf, wherever the line is."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.conf").write_text("Include b.conf\n")
    (tmp_path / "sub" / "b.conf").write_text("ClusterName=wrong\n")
    assert find(tmp_path, slurm="Include sub/a.conf\n", b="ClusterName=north\n") == "north"


def test_the_clusters_name_in_an_include(tmp_path: Path) -> None:
    """slurm.conf(5), "INCLUDE MODIFIERS": %c, in lower case; not before there is a name."""
    text = "Include %c.conf\nClusterName=North\nInclude %c.conf\n"
    assert find(tmp_path, slurm=text, north="ClusterName=south\n") == "south"


@pytest.mark.parametrize("line", ["Include no.conf", "Include *.conf", "Include .", "Include a\0b"])
def test_what_cannot_be_included_is_passed_over(tmp_path: Path, line: str) -> None:
    """Slurm's commands complain of it; patterns are not Slurm's either."""
    assert find(tmp_path, slurm=f"{line}\nClusterName=north\n{line}\n") == "north"


@pytest.mark.parametrize("name", [None, "north"])
def test_a_circle_ends(tmp_path: Path, name: str | None) -> None:
    own = f"ClusterName={name}\n" if name else ""
    circle = "Include slurm.conf\nInclude a.conf\nInclude b.conf\n"
    assert find(tmp_path, slurm=f"{circle}{own}", a=circle, b=circle) == name


def test_no_file_has_no_name(tmp_path: Path) -> None:
    assert find(tmp_path) is None
