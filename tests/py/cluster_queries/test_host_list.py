"""Host lists of Slurm, as ``scontrol show hostnames`` reads them."""

from __future__ import annotations

import pytest

from scrun.cluster.host_list import expand_hosts


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("n1", ["n1"]),
        ("n[1-3,7],gpu01", ["n1", "n2", "n3", "n7", "gpu01"]),
        ("n[08-11]", ["n08", "n09", "n10", "n11"]),
        ("r[1-2]n[1-2]-ib", ["r1n1-ib", "r1n2-ib", "r2n1-ib", "r2n2-ib"]),
        ("odd[", ["odd["]),
        ("(null)", ["(null)"]),
    ],
)
def test_expand_hosts(text: str, names: list[str]) -> None:
    assert expand_hosts(text) == names
