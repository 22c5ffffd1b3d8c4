"""``scrun lua run`` of a stager: of a site without a script, or of a module of its own."""

from __future__ import annotations

from pathlib import Path

from tests.py.workbench.run_script import Runner


def test_a_stager(runner: Runner, bundle: Path) -> None:
    """A site without a script has one; it is run by the site's directory, or by its own file."""
    done = runner(str(runner.directory), "--json", "--bundle", str(bundle), tool="run-file")
    assert done.status == 0, done.err
    staged = done.document["paths"]["bundle"]
    assert staged.startswith(f"{bundle}/.scrun-") and not Path(staged).exists()
    assert done.document["config"]["diff"]
    own = runner.write_module(
        "stage/own",
        "local M = {}\nfunction M.stage_in(ctx)\nslurm.log_info(ctx.nodes[2])\nreturn true\nend\n"
        "function M.stage_out()\nreturn nil, 'disk full', 'ENOSPC'\nend\nreturn M\n",
    )
    done = runner(str(own), "--json", "--nodes", "n[1-2]", tool="run-file")
    assert done.logged() == ["n2"]
    assert (done.status, done.document["error"]["code"]) == (1, "ENOSPC")


def test_a_stager_that_fails_cleans_up(runner: Runner, tmp_path: Path) -> None:
    """As in a container, and the first error is the one that is told, a time-out as well."""
    own = runner.directory / "scrun.d/stage/own.lua"
    own.parent.mkdir(parents=True)
    for directory in (own.parent, own.parent.parent):
        directory.chmod(0o755)
    mark = tmp_path / "mark"
    for failure, expected in (("return nil, 'full'", "full"), ("while true do end", ":4: took")):
        mark.write_text("")
        own.write_text(
            f"local M, host = {{}}, require 'host'\nfunction M.stage_in()\n\n{failure}\nend\n"
            f"function M.stage_out()\nassert(host.remove_tree '{mark}')\nreturn true\nend\n"
            "return M\n"
        )
        own.chmod(0o644)
        done = runner(str(own), "--local", "--timeout", "0.3", tool="run-file")
        assert done.status == 1 and expected in done.err and not mark.exists()
