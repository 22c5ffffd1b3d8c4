"""``scrun lua``: tools for those who write the site's Lua."""

from __future__ import annotations

import click


@click.group(name="lua")
def lua() -> None:
    """Look at the Lua modules that a container would use."""
