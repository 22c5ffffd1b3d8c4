"""Tests that podman and docker share: what holds for both is written once."""

from __future__ import annotations

import pytest

ENGINES = ("podman", "docker")


def on_each(*commands: str) -> pytest.MarkDecorator:
    """Run a test on both, by the fixture ``engine``; it proves ``commands`` of each."""
    return pytest.mark.parametrize(
        "engine",
        [
            pytest.param(
                name, marks=[pytest.mark.engine_command(name, command) for command in commands]
            )
            for name in ENGINES
        ],
        indirect=True,
    )
