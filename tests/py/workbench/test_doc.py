"""``scrun lua doc``: what it tells, and the files of this checkout that it writes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scrun.cli.main import main
from scrun.lua import Runtime
from scrun.workbench.catalog import Record, load

CHECKOUT = Path(__file__).parents[3]
WRITTEN = {
    "luals": CHECKOUT / "luastd/meta/slurm.lua",
    "markdown": CHECKOUT / "docs/slurm-lua.md",
    "man": CHECKOUT / "docs/man/man7/scrun-lua.7",
}
CATALOG = load()

Doc = Callable[..., str]


@pytest.fixture
def doc(capfd: pytest.CaptureFixture[str]) -> Doc:
    """A function that runs the command and returns what it printed."""

    def run(*words: str) -> str:
        assert main(["lua", "doc", *words]) == 0, capfd.readouterr().err
        return capfd.readouterr().out

    return run


@pytest.mark.parametrize("form", WRITTEN)
def test_written_files_are_up_to_date(doc: Doc, form: str) -> None:
    """One source: the file of this checkout is what the catalog makes, to the letter."""
    path = WRITTEN[form]
    assert path.read_text() == doc("--format", form), (
        f"scrun lua doc --format {form} > {path.relative_to(CHECKOUT)}"
    )


@pytest.mark.parametrize("form", WRITTEN)
def test_written_files_name_everything(form: str) -> None:
    """All three have the same names: those of the catalog."""
    text = WRITTEN[form].read_text().replace("\\-", "-")
    for item in CATALOG.items():
        name = item.name.removeprefix("slurm.") if form == "luals" else item.name
        assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text), item.name
        if isinstance(item, Record):
            assert all(field.name in text for field in item.fields)


def test_types_are_lua() -> None:
    """The language server reads it as Lua; every function and `slurm` itself is declared."""
    state = Runtime("5.4")
    state.call(state.load_file(str(WRITTEN["luals"])))
    for name in (*CATALOG.functions, *CATALOG.entries):
        assert state.execute(f"return type({name})") == b"function", name


def test_man_page_is_clean() -> None:
    """groff complains of nothing in it."""
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        [groff, "-man", "-Tutf8", "-ww", "-z", WRITTEN["man"]], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_function_is_told_whole(doc: Doc) -> None:
    """Signature, meaning, parameters, results, versions, example."""
    told = doc("slurm.time_str2mins")
    assert told.splitlines()[0] == "slurm.time_str2mins(text)"
    for part in ("reads a time", "all versions of slurm", "minutes:seconds", "-2: no time", "2190"):
        assert part in told.lower()
    assert told == doc("time_str2mins")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("ESLURM_INVALID_QOS", ["slurm.ESLURM_INVALID_QOS = 2066", "no such QOS"]),
        ("ESLURM_BREAK_EVAL", ["Slurm 25.11 only"]),
        ("slurm_job_submit", ["slurm_job_submit(job_desc, part_list, submit_uid)"]),
        ("job_desc", ["time_limit", "slurm.NO_VAL when nothing was said", "min_mem_per_cpu"]),
        ("job_desc.time_limit", ["job_desc.time_limit: integer", "read and set"]),
        ("job_rec.sluid", ["Slurm from 26.05 on", "can be read"]),
        ("slurm.log_user", ["job_submit.lua"]),
        ("RunOptions", ["timeout", "not in Slurm, only here"]),
        ("part_list", ["table<string, part_rec>"]),
    ],
)
def test_everything_is_told(doc: Doc, name: str, parts: list[str]) -> None:
    """Constants, entry points, records and fields have their facts."""
    told = doc(name)
    assert all(part in told for part in parts)


def test_without_a_name_all_is_listed(doc: Doc) -> None:
    """By section; every name is there."""
    told = doc()
    assert "Functions of scrun.lua\n" in told and "What burst_buffer.lua defines\n" in told
    for item in CATALOG.items():
        assert item.name.removeprefix("slurm.") in told


def test_the_list_can_be_narrowed(doc: Doc) -> None:
    """`--type` and `--slurm-version` leave out what such a script does not have."""
    told = doc("--type", "cli_filter", "--slurm-version", "24.05")
    assert "slurm.cli_store" in told and "slurm_cli_pre_submit" in told
    assert not any(
        name in told for name in ("allocator_command", "slurm_bb", "job_desc", "get_qos_priority")
    )


def test_lines_fit(doc: Doc, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 70 columns; only what cannot be broken is wider."""
    monkeypatch.setenv("COLUMNS", "70")
    wide = [line for line in doc("job_desc").splitlines() if len(line) > 70]
    assert not [line for line in wide if len(line.split()) > 3]


def test_machines_get_the_same(doc: Doc) -> None:
    """`--json` of a name, of a field, and of all."""
    one = json.loads(doc("--json", "get_qos_priority"))
    assert one["kind"] == "function" and one["since"] == "24.11"
    assert one["parameters"][0]["name"] == "name"
    field = json.loads(doc("--json", "job_desc.nice"))
    assert (field["record"], field["access"], field["unset"]) == ("job_desc", "rw", "NO_VAL")
    everything = json.loads(doc("--json"))
    assert {item["name"] for item in everything} == {item.name for item in CATALOG.items()}


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("slurm.log_inof", "did you mean slurm.log_info"),
        ("job_desc.partitoin", "did you mean job_desc.partition"),
        ("qqqqqqqq", '"scrun lua doc" lists what there is'),
    ],
)
def test_unknown_name_is_refused(capfd: pytest.CaptureFixture[str], name: str, advice: str) -> None:
    """One line with the nearest names, and a status that is not zero."""
    assert main(["lua", "doc", name]) == 1
    out, err = capfd.readouterr()
    assert out == "" and len(err.splitlines()) == 1
    assert f'nothing is called "{name}"' in err and advice in err
