"""The tables that the runtime keeps of Slurm's records and options, and the catalog's of them."""

from __future__ import annotations

import pytest

from scrun.lua.plugin_fields import RECORDS, read_fields
from scrun.lua.plugin_option_kinds import OptionError, read_value
from scrun.lua.plugin_options import COMMANDS, Options, read_options
from scrun.lua.plugin_record import Record, cut
from scrun.workbench.catalog import VERSIONS, load
from scrun.workbench.plugins.slurm_errors import error_name, error_text

SPECIAL = {"type", "argv", "spank", "spank_job_env"}  # of cli_filter's options, but no options


@pytest.mark.parametrize("name", RECORDS)
def test_every_field_is_in_the_catalog(name: str) -> None:
    """The catalog says what each means; versions and access are of this table."""
    catalog = {one.name: one for one in load().records[name].fields}
    assert set(catalog) == set(read_fields()[name])
    assert [one for one in catalog.values() if not one.meaning] == []


def test_every_option_is_in_the_catalog() -> None:
    """And one that a version has changed is there in the versions before it as well."""
    record = load().records["options"]
    for version in VERSIONS:
        names = {one.name for one in record.fields if record.find(one.name, version)}
        assert set(read_options(version)) == names - SPECIAL, version


def test_an_option_reads_as_its_version_has_it() -> None:
    """``parsable`` is srun's too since 26.05, and no other context any more."""
    read = {}
    for version in ("25.11", "26.05"):
        options = Options("srun", minutes_of=lambda _: 0, log=lambda _: None, version=version)
        read[version] = options.get("parsable")
    assert read == {"25.11": "invalid-context", "26.05": "unset"}


@pytest.mark.parametrize(
    ("value", "bits", "kept"),
    [
        (70000, 16, 4464),
        (-1, 16, 65535),
        (4294967294, 16, 0),  # slurm.NO_VAL in a field of 16 bits: exclusive nodes, if it is shared
        (4294967301, 32, 5),
        (1e30, 32, 0),
        (2.0**64, 64, 0),
        (2.0**63 + 4096, 64, (1 << 63) + 4096),
    ],
)
def test_numbers_are_cut_to_their_members(value: float, bits: int, kept: int) -> None:
    """As x86-64 converts a double to an unsigned integer."""
    assert cut(value, bits) == kept


def test_memory_is_one_member_in_two_units() -> None:
    """Setting the one takes the other away; MEM_PER_CPU tells them apart."""
    job = Record(read_fields()["job_desc"], {})
    job.set("min_mem_per_cpu", 100)
    assert (job.get("min_mem_per_cpu"), job.get("min_mem_per_node")) == (100, None)
    job.set("min_mem_per_node", 200)
    assert (job.get("min_mem_per_cpu"), job.get("min_mem_per_node")) == (None, 200)


@pytest.mark.parametrize(
    ("kind", "text", "reads"),
    [
        ("mbytes", "4096", "4G"),
        ("mbytes", "0", "0?"),
        ("mbytes", "2000K", "2"),
        ("minutes", "90", "01:30:00"),
        ("minutes", "1-0", "1-00:00:00"),
        ("nodes", "2k", "2048"),
        ("gres", "gpu:2,nic", "gres/gpu:2,gres/nic"),
        ("mail", "end,fail", "END,FAIL"),
    ],
)
def test_values_of_options_read_as_the_command_prints_them(
    kind: str, text: str, reads: str
) -> None:
    """Source: slurm_opt.c; the rest is compared with the commands in test_plugin_slurm."""
    minutes = {"90": 90, "1-0": 1440}
    assert read_value(kind, "x", text, None, lambda one: minutes[one]) == reads


def test_a_number_that_is_none_ends_the_command() -> None:
    """parse_int() of Slurm exits."""
    said: list[str] = []
    options = Options("sbatch", minutes_of=lambda _: 0, log=said.append)
    with pytest.raises(OptionError):
        options.set("ntasks", "abc")
    assert options.fatal == 'Invalid numeric value "abc" for --ntasks.' == said[0]


def test_an_option_of_another_command_reads_so() -> None:
    """srun's options are ``invalid-context`` in sbatch, and cannot be set there."""
    options = Options("sbatch", minutes_of=lambda _: 0, log=lambda _: None)
    assert options.get("mpi") == "invalid-context"
    assert options.set("mpi", "pmi2") is False
    assert set(COMMANDS) == {"salloc", "sbatch", "scrontab", "srun"}


def test_errors_have_their_names_and_texts() -> None:
    """As slurm_strerror() has them; a number of nobody's is the system's."""
    assert (error_name(2045), error_text(2045)) == (
        "ESLURM_INVALID_ACCOUNT",
        "Invalid account or account/partition combination specified",
    )
    assert (error_name(-1), error_text(-1)) == ("ERROR", "Unspecified error")
    assert (error_name(1), error_text(1)) == ("EPERM", "Operation not permitted")
    assert (error_name(12345), error_text(12345)) == (None, "Unknown error 12345")
