"""The manual's example script, unmodified, on the cluster, in every dialect of Lua."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.py.lifecycle.runtimes import ClusterRuntime

EXAMPLE = Path(__file__).parents[2] / "data/manual-example-scrun.lua"


@pytest.mark.slurm
@pytest.mark.parametrize("dialect", ["5.1", "5.2", "5.3", "5.4", "5.5", "luajit"])
def test_the_manuals_example(slurm: ClusterRuntime, dialect: str) -> None:
    """The setting ``dialect`` chooses; the container runs and its files come back."""
    slurm.write_site("scrun.lua", EXAMPLE.read_text())
    slurm.write_site(
        "scrun.d/settings.lua",
        f"local s = require 'luastd.settings'\ns.dialect = '{dialect}'\nreturn s\n",
    )
    bundle = slurm.run("web", "echo $SLURM_JOB_ID; echo new > /root/file; exit 3")
    slurm.wait_status("web", "stopped")
    assert int(bundle.read("stdout")) > 0, bundle.read("stderr")
    assert (bundle.outside / "rootfs/root/file").read_text() == "new\n"
    assert slurm("delete", "web").returncode == 0
    assert not list(slurm.outside(f"/run/user/{slurm.cluster.uid('alice')}").glob("slurm/scrun/*"))
