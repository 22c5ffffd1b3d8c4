"""Each rule finds what it is for, and lets alone what only looks like it."""

from __future__ import annotations

import pytest

from scrun.lua.engines import DIALECTS
from scrun.workbench.catalog import SCRIPT_TYPES, VERSIONS
from scrun.workbench.check import RULES, Finding, Options, check_source
from tests.py.workbench.check_cases import FOUND, QUIET, stage_in


def check(text: str, path: str = "m.lua", **options: object) -> list[Finding]:
    return check_source(text.encode(), path, Options(**options))  # type: ignore[arg-type]


def rules(text: str, path: str = "m.lua", **options: object) -> set[str]:
    return {finding.rule for finding in check(text, path, **options)}


def job_submit(body: str) -> str:
    """Return a whole job_submit.lua whose slurm_job_submit is this."""
    return (
        f"function slurm_job_submit(job_desc, part_list, submit_uid)\n{body}\n"
        "return slurm.SUCCESS end\n"
        "function slurm_job_modify(job_desc, job_rec, part_list, modify_uid)\n"
        "return slurm.SUCCESS end\n"
    )


def read_example(text: str) -> tuple[str, dict[str, object]]:
    """Return the path and the options that the first line of a rule's example tells."""
    first = text.partition("\n")[0].removeprefix("-- ")
    options: dict[str, object] = {}
    words = first.split()
    if first.startswith("with "):
        key = {"--lua": "dialect", "--slurm-version": "slurm_version"}[words[1]]
        options[key] = words[2]
    path = words[0] if text.startswith("-- ") and words[0].endswith(".lua") else "scrun.lua"
    return path, options


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES.values() if rule.bad], ids=lambda r: r.name
)
def test_every_rule_finds_its_own_example(rule: object) -> None:
    """What docs/lua-check.md shows is what the rule is for."""
    bad, name = getattr(rule, "bad"), getattr(rule, "name")  # noqa: B009
    path, options = read_example(bad)
    found = [finding for finding in check(bad, path, **options) if finding.rule == name]
    assert found
    assert found[0].message and found[0].advice and "\n" not in found[0].message


def test_rules_are_named_alike() -> None:
    """Words with hyphens; a summary is a sentence, an advice is none; each has an example."""
    for name, rule in RULES.items():
        assert name == rule.name and name == name.lower() and " " not in name
        assert rule.summary.endswith(".") and not rule.advice.endswith(".")
        assert rule.bad or name in ("unreadable", "parser")


@pytest.mark.parametrize(("rule", "text", "options"), FOUND)
def test_finds(rule: str, text: str, options: dict[str, object]) -> None:
    """The fault is seen in a form of its own."""
    options = {"script_type": "scrun", **options}
    assert rule in rules(text, "scrun.lua", **options)


@pytest.mark.parametrize(("rule", "text", "options"), QUIET)
def test_lets_alone(rule: str, text: str, options: dict[str, object]) -> None:
    """What is right, or guarded, or not known to be wrong."""
    options = {"script_type": "scrun", **options}
    found = [one for one in check(text, "scrun.lua", **options) if one.rule == rule]
    assert not found
    assert "syntax" not in rules(text, "scrun.lua", **options)


def test_records_of_job_submit() -> None:
    """Fields that there are not, with the nearest; those that cannot be set; helpers, too."""
    found = check(job_submit("if job_desc.partiton then check(job_desc) end"), "job_submit.lua")
    (one,) = [f for f in found if f.rule == "unknown-field"]
    assert "partition" in one.advice and one.place.line == 2
    helper = "local function check(job_desc) return job_desc.acount end\n"
    assert "unknown-field" in rules(helper + job_submit("check(job_desc)"), "job_submit.lua")
    body = "for name, part in pairs(part_list) do print(name, part.max_tme, part.max_time) end"
    assert [
        f.message for f in check(job_submit(body), "job_submit.lua") if f.rule == "unknown-field"
    ] == ["part_rec has no field max_tme"]
    assert "read-only-field" in rules(job_submit("job_desc.user_id = 1"), "job_submit.lua")
    fine = "job_desc.partition = 'x'; local e = job_desc.environment.HOME; return e and 0 or 1"
    assert not rules(job_submit(fine), "job_submit.lua") & {"read-only-field", "unknown-field"}


def test_nil_fields_of_job_submit() -> None:
    """A text nobody asked for is nil; a test anywhere is enough."""
    assert "nil-concat" in rules(job_submit("local x = 'p' .. job_desc.account"), "job_submit.lua")
    tested = "if job_desc.account then local x = 'p' .. job_desc.account end"
    assert "nil-concat" not in rules(job_submit(tested), "job_submit.lua")


def test_specs_may_do_things_wrongly() -> None:
    """To see what happens; but their names have to be there."""
    text = "it('x', function() slurm.allocator_command({}); slurm.log_inof('%d', nil) end)"
    assert not rules(text, "x_spec.lua")
    assert rules(text + " itt('y')", "x_spec.lua") == {"undefined-global"}


def test_wrappers_of_commands_are_seen_through() -> None:
    """A function that runs its parameter is itself a way to the shell."""
    text = (
        "local function run(cmd) return slurm.allocator_command(cmd .. ' 2>&1') end\n"
        "local function twice(what) return run(what) end\n"
        + stage_in("local s = twice('rm ' .. bundle) print(s)")
    )
    (one,) = [f for f in check(text, "scrun.lua") if f.rule == "shell-quote"]
    assert one.place.line == 4 and "bundle" in one.message


def test_methods_that_run_commands_are_seen_through() -> None:
    """As members of a table, with a dot and with a colon."""
    for dot, call in ((".", "M.run("), (":", "M:run(")):
        text = f"local M = {{}}\nfunction M{dot}run(cmd) return os.execute(cmd) end\n" + stage_in(
            f"local s = {call}'rm ' .. bundle) print(s)"
        )
        assert "shell-quote" in rules(text, "scrun.lua"), call


@pytest.mark.parametrize("dialect", DIALECTS)
def test_syntax_is_the_dialects_own(dialect: str) -> None:
    """Integer division is a word of 5.3, attributes of 5.4, global of 5.5, goto of 5.2."""
    newer = {
        "local x = 7 // 2": ("5.3", "5.4", "5.5"),
        "local x <const> = 1": ("5.4", "5.5"),
        "global x": ("5.5",),
        "goto a ::a::": ("5.2", "5.3", "5.4", "5.5", "luajit"),
        "local x = 1LL": ("luajit",),
    }
    for text, dialects in newer.items():
        found = [f for f in check(text, "m.lua", dialect=dialect) if f.rule == "syntax"]
        assert (not found) is (dialect in dialects), text
        assert all(dialect in one.message for one in found)


def test_all_dialects_are_one_finding_where_they_agree() -> None:
    """And the rules still look, if the chosen one can read it."""
    found = check("local x = y // 2", dialect="5.4", all_dialects=True, script_type="module")
    (syntax,) = [one for one in found if one.rule == "syntax"]
    assert "5.1, 5.2, luajit" in syntax.message
    assert "undefined-global" in {one.rule for one in found}
    (all_of_them,) = check("x = = 1", all_dialects=True)
    assert "every dialect" in all_of_them.message


def test_syntax_errors_have_a_column() -> None:
    """Interpreters give a line only; the parser, or the word they name, gives the rest."""
    (one,) = check("local a = 1\nlocal x = = 2\n")
    assert (one.place.line, one.place.column) == (2, 11)
    (one,) = check("function f(\n")
    assert one.place.line in (1, 2)
    (one,) = check("x = 'é' y")
    assert one.place.line == 1


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("script_type", SCRIPT_TYPES)
def test_every_known_name_is_known(script_type: str, version: str) -> None:
    """What the catalog has for a type and a version is no finding."""
    from scrun.workbench.catalog import load

    names = sorted(load().known_names(script_type, version))
    text = "\n".join(f"print({name})" for name in names)
    options = {"script_type": script_type, "slurm_version": version}
    assert not rules(text, **options) & {"unknown-slurm", "slurm-version", "undefined-global"}


def test_names_offer_the_nearest() -> None:
    """A slip of the fingers, and a forgotten slurm."""
    (one,) = [f for f in check("slurm.log_inof('x')") if f.rule == "unknown-slurm"]
    assert "slurm.log_info" in one.advice
    (one,) = [f for f in check("log_info('x')") if f.rule == "undefined-global"]
    assert "slurm.log_info" in one.advice


def test_places_are_those_of_the_culprit() -> None:
    """Line, column and end, in characters."""
    (one,) = [f for f in check("local e = 'ü'; prnt(e)") if f.rule == "undefined-global"]
    assert (one.place.line, one.place.column, one.place.end_column) == (1, 16, 20)
    assert "print" in one.advice
