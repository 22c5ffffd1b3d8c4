"""``slurm.from_yaml`` and ``slurm.to_yaml``: JSON always, other YAML where PyYAML is installed."""

from __future__ import annotations

import builtins
import json
from typing import Any

import pytest

from scrun.errors import ConfigError, ScriptError
from tests.py.lua.conftest import Site

TEXT = """\
%YAML 1.2
---
# a comment
name: web # and another
uid: 1000
ratio: 1.5
yes: yes
when: 2026-01-01
time: 1:30
empty:
quoted: "1"
octal: 0o17
list: [a, {b: c}]
nothing: {}
block: |
  two
  lines
anchor: &x [1]
alias: *x
tagged: !!str 5
half: !!float 2
"""
VALUE = {
    **{"name": "web", "uid": 1000, "ratio": 1.5, "yes": "yes", "when": "2026-01-01"},
    **{"time": "1:30", "empty": None, "quoted": "1", "octal": 15, "list": ["a", {"b": "c"}]},
    **{"nothing": {}, "block": "two\nlines\n", "anchor": [1], "alias": [1], "tagged": "5"},
    "half": 2.0,
}


def test_json_is_yaml_both_ways(site: Site) -> None:
    """What to_yaml writes is JSON, which every reader of YAML takes."""
    site.run(
        """
        local value = slurm.from_yaml '{"b":{},"a":[],"n":null}'
        assert(value.n == slurm.null)
        local text = slurm.to_yaml(value)
        assert(text == slurm.to_json(value))
        assert(slurm.to_json(slurm.from_yaml(text)) == text)
        """
    )


def test_yaml(site: Site) -> None:
    """The core schema of YAML 1.2: ``yes``, dates and 1:30 are strings."""
    pytest.importorskip("yaml")
    (site.directory / "in.yaml").write_text(TEXT)
    site.run(
        """
        local host = require 'host'
        local value = slurm.from_yaml(host.read_file(spool_dir .. '/in.yaml'))
        assert(value.empty == slurm.null and 'job' .. value.uid == 'job1000')
        host.write_file(spool_dir .. '/out.json', slurm.to_json(value))
        """
    )
    found = json.loads((site.directory / "out.json").read_text())
    assert found == VALUE
    assert list(found) == list(VALUE)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1", r"line \d, column \d"),
        ("a: b: c", "line 1, column 5"),
        ("a: *none", "line 1, column 4"),
        ("? [a]\n: b", "line 1, column 3"),
        ("a: !!int x", "line 1, column 4"),
        ("", "empty"),
        ("[" * 100 + "]" * 100 + " # deep", "nested"),
    ],
)
def test_mistakes_have_a_place(site54: Site, text: str, place: str) -> None:
    pytest.importorskip("yaml")
    with pytest.raises(ScriptError, match=place) as caught:
        site54.run(f"slurm.from_yaml [==[{text}]==]")
    assert "scrun.lua:" in str(caught.value)
    assert ": Conversion from application/x-yaml failed: " in str(caught.value)


def test_aliases_cannot_make_much_of_little() -> None:
    """The billion laughs: each line is ten of the line before."""
    pytest.importorskip("yaml")
    from scrun.lua.yaml_text import read_yaml

    lines = ["a0: &a0 [1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(ConfigError, match="more than 1000000 values"):
        read_yaml("\n".join(lines).encode())


def test_without_pyyaml_it_says_so(site54: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def no_yaml(name: str, *args: Any, **options: Any) -> Any:
        if name == "yaml":
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", no_yaml)
    with pytest.raises(ScriptError, match="PyYAML is not installed"):
        site54.run("slurm.from_yaml 'a: b'")
    site54.run("assert(slurm.from_yaml '[1]'[1] == 1)")
