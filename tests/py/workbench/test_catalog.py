"""The catalog: what it says of the runtime is true, and its names are found."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from scrun.lua import DIALECTS, LocalHost, Runtime, slurm_api
from scrun.lua.command_options import NAMES
from scrun.lua.plugin_fields import read_fields
from scrun.lua.plugin_options import read_options
from scrun.lua.plugin_script import PLUGIN_TYPES, PluginScript
from scrun.lua.site import REQUIRED
from scrun.workbench import catalog as package
from scrun.workbench.catalog import SCRIPT_TYPES, VERSIONS, Entry, Function, load

HERE = Path(package.__file__).parent
DATA = Path(__file__).parents[2] / "data"
CATALOG = load()
EXAMPLES = {item.name: text for item in CATALOG.items() if (text := getattr(item, "example", ""))}
LIST_NAMES = (
    "local names = {} for name in pairs(slurm) do names[#names + 1] = name end return names"
)


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    """A Lua state with the real slurm table of scrun.lua."""
    state = Runtime("5.4")
    slurm_api.install(state, LocalHost(), lambda: None)
    return state


def test_names_are_those_of_the_live_table(runtime: Runtime) -> None:
    """What the catalog says that scrun.lua has, it has, and nothing else."""
    live = {f"slurm.{name.decode()}" for name in runtime.execute(LIST_NAMES).values()}
    live |= {"slurm_backtrace_on_error"}
    assert CATALOG.known_names("scrun") == live
    assert runtime.execute("return type(slurm_backtrace_on_error)") == b"function"


def test_functions_are_functions(runtime: Runtime) -> None:
    """A name is a function here exactly when the live table holds one."""
    for name in CATALOG.known_names("scrun"):
        kind = runtime.execute(f"return type({name})")
        assert (kind == b"function") == (name in CATALOG.functions), name


def test_constants_have_the_values_of_the_runtime(runtime: Runtime) -> None:
    """Values come from what gcc made of Slurm's headers: tests/data/slurm-constants.json."""
    wanted = json.loads((DATA / "slurm-constants.json").read_text())
    assert {one.name: one.value for one in CATALOG.constants.values()} == {
        f"slurm.{name}": value for name, value in wanted.items()
    }


def test_spans_and_meanings_are_of_constants() -> None:
    """constants.toml names nothing that is not there, and nothing twice."""
    with open(HERE / "constants.toml", "rb") as file:
        given = tomllib.load(file)
    named = [name for span in given["span"] for name in span["names"]]
    assert len(named) == len(set(named))
    assert {f"slurm.{name}" for name in (*named, *given["meaning"])} <= set(CATALOG.constants)
    assert {span[key] for span in given["span"] for key in ("since", "removed") if key in span} <= {
        *VERSIONS,
        "26.11",
    }


@pytest.mark.parametrize(
    ("name", "have"),
    [
        ("ESLURM_INVALID_QOS", VERSIONS),
        ("ESLURM_JOB_SETTING_DB_INX", ("24.05",)),
        ("ESLURM_BREAK_EVAL", ("25.11",)),
        ("ESLURM_AUTH_EXPIRED", VERSIONS[1:]),
        ("SLURM_SHUTTING_DOWN", ()),
    ],
)
def test_constants_know_their_versions(name: str, have: tuple[str, ...]) -> None:
    """Slurm, slurm_errno.h of each version."""
    assert CATALOG.constants[f"slurm.{name}"].versions == set(have)


def test_names_depend_on_script_type_and_version() -> None:
    """Slurm registers some functions for one plugin, and some from a version on."""
    assert "slurm.get_qos_priority" not in CATALOG.known_names("scrun", "24.05")
    assert "slurm.get_qos_priority" in CATALOG.known_names("scrun", "24.11")
    assert "slurm.from_json" in CATALOG.known_names("scrun")
    assert "slurm.from_json" not in CATALOG.known_names("scrun", "25.11")
    assert "slurm.user_msg" in CATALOG.known_names("job_submit", "24.05")
    assert "slurm.user_msg" not in CATALOG.known_names("scrun", "26.05")
    assert "slurm.cli_store" in CATALOG.known_names("cli_filter")
    assert "slurm.cli_store" not in CATALOG.known_names("scrun")
    assert "slurm.job_info_to_string" in CATALOG.known_names("burst_buffer", "24.05")
    assert "slurm.job_info_to_string" not in CATALOG.known_names("burst_buffer", "24.11")


def test_entries_are_what_slurm_requires() -> None:
    """Slurm, `req_fxns` of scrun and of each plugin; the same in all versions."""
    names = {one: [entry.name for entry in CATALOG.entries_of(one)] for one in SCRIPT_TYPES}
    assert tuple(names["scrun"]) == REQUIRED
    assert names["job_submit"] == ["slurm_job_submit", "slurm_job_modify"]
    assert len(names["cli_filter"]) == 3 and len(names["burst_buffer"]) == 13
    assert all(entry.required for entry in CATALOG.entries.values())


def test_records_have_the_fields_of_the_plugins() -> None:
    """scrun.lua.plugin_fields keeps how a field is read and set; here is what it means."""
    for record, fields in read_fields().items():
        found = {field.name: field.access for field in CATALOG.records[record].fields}
        assert found == {name: field.access for name, field in fields.items()}
        assert all(field.meaning for field in CATALOG.records[record].fields)


def test_options_are_those_of_the_commands() -> None:
    """scrun.lua.plugin_options keeps how they are read and set; four fields are no options."""
    found = {field.name for field in CATALOG.records["options"].fields}
    assert found - {"type", "argv", "spank", "spank_job_env"} == set(read_options())


@pytest.mark.parametrize("script_type", PLUGIN_TYPES)
def test_plugins_have_no_name_that_the_catalog_lacks(tmp_path: Path, script_type: str) -> None:
    """Slurm itself puts log_user, which cannot work there, into every table."""
    script = PluginScript(LocalHost(), str(tmp_path / "none.lua"), script_type)
    live = {f"slurm.{name.decode()}" for name in script._runtime.execute(LIST_NAMES).values()}
    assert live - CATALOG.known_names(script_type) <= {"slurm.log_user"}
    assert set(script.required) == {entry.name for entry in CATALOG.entries_of(script_type)}


def test_run_options_are_those_of_commands() -> None:
    """scrun.lua.command_options reads them."""
    assert {field.name for field in CATALOG.records["RunOptions"].fields} == set(NAMES)


def test_types_of_parameters_are_known() -> None:
    """A word in a type is one of LuaLS or a record of the catalog."""
    known = {*CATALOG.records, "any", "boolean", "integer", "number", "string", "table"}
    called = [one for one in CATALOG.items() if isinstance(one, (Entry, Function))]
    types = [one.type for item in called for one in item.parameters]
    types += [one.type for item in called for one in item.returns]
    types += [field.type for record in CATALOG.records.values() for field in record.fields]
    types += [record.base for record in CATALOG.records.values()]
    types += [value.type for value in CATALOG.values.values()]
    assert {word for one in types for word in re.findall(r"\w+", one)} <= known


@pytest.mark.parametrize("dialect", DIALECTS)
def test_examples_are_lua(dialect: str) -> None:
    """Every example compiles in every dialect."""
    state = Runtime(dialect)
    for name, text in EXAMPLES.items():
        state.load(text, name)


def test_examples_use_names_that_there_are() -> None:
    """An example names nothing of `slurm` that scripts of its type lack."""
    for name, text in EXAMPLES.items():
        item = CATALOG.find(name)
        assert item is not None
        types = [one for one in SCRIPT_TYPES if item.is_known(one)]
        for used in re.findall(r"\bslurm\.\w+", text):
            assert any(used in CATALOG.known_names(one) for one in types), f"{name}: {used}"


def test_arguments_are_counted() -> None:
    """Optional ones, overloads and `...` count."""
    counts = {
        name: (CATALOG.functions[name].min_arguments, CATALOG.functions[name].max_arguments)
        for name in ("slurm.log", "slurm.log_info", "slurm.allocator_command", "slurm.json_env")
    }
    assert counts == {
        "slurm.log": (1, 2),
        "slurm.log_info": (1, None),
        "slurm.allocator_command": (1, 2),
        "slurm.json_env": (0, 0),
    }


@pytest.mark.parametrize("name", ["log_info", "slurm.log_info", "log_info()", "LOG_INFO"])
def test_a_name_is_found_as_people_say_it(name: str) -> None:
    """With `slurm.` or without, as a call, in capitals."""
    found = CATALOG.find(name)
    assert isinstance(found, Function) and found.name == "slurm.log_info"


def test_a_field_is_found_by_its_record() -> None:
    """`job_desc.partition`; options have names with a hyphen."""
    found = CATALOG.find_field("job_desc.partition")
    assert found and found[1].access == "rw"
    assert CATALOG.find_field("options.cpu-freq")
    assert CATALOG.find_field("job_desc.none") is CATALOG.find_field("nothing.partition") is None


def test_the_nearest_name_comes_first() -> None:
    """A slip of the fingers leads to the name that was meant, among those that are possible."""
    assert CATALOG.nearest("slurm.log_inof")[0] == "slurm.log_info"
    assert CATALOG.nearest("set_bundel_path")[0] == "slurm.set_bundle_path"
    assert CATALOG.nearest("slurm.cli_stor", CATALOG.known_names("cli_filter")) == [
        "slurm.cli_store"
    ]
    assert CATALOG.nearest("zzz_nothing") == []
