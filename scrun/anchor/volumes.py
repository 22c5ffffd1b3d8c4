"""A container's volumes as this machine has them, for engines that look into its tree."""

from __future__ import annotations

import os

from scrun.oci import jsontext
from scrun.oci.image_tree import ImageTree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from scrun.anchor.container import Container
    from scrun.oci.config import Config

# Where engines bind what nobody copies to: each mount costs a program.
ENGINES = ("/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/run/.containerenv")
SYSTEMS = ("/dev/", "/proc/", "/sys/", "/run/secrets/")


def find_volumes(container: Container, config: Config, root: str) -> list[tuple[str, str, str]]:
    """Return the volumes of a container that are here, see `scrun.host.view.View.show`.

    They are those that the node gets, where this machine can read its config.json.
    """
    try:
        with open(f"{container.bundle}/config.json", "rb") as file:
            mounts = jsontext.loads(file.read())["mounts"]
    except (OSError, jsontext.JSONSyntaxError, LookupError, TypeError):
        mounts = config.raw.get("mounts") or []
    wanted = [mount for mount in mounts if _is_volume(mount)]
    if not wanted:
        return []
    tree = ImageTree(root, wanted, container.bundle)
    found = []
    for mount in wanted:
        try:
            place, here = tree.locate(mount["destination"])
        except OSError:
            continue  # the runtime will say what is wrong with it
        if here is not None and place != "/" and os.path.exists(here):
            rights = "ro" if "ro" in (mount.get("options") or []) else "rw"
            found.append((here, place, rights))
    return found


def _is_volume(mount: dict[str, Any]) -> bool:
    place = os.path.normpath(mount["destination"])
    options = mount.get("options") or []
    is_bind = mount.get("type") == "bind" or "bind" in options or "rbind" in options
    return is_bind and place not in ENGINES and not f"{place}/".startswith(SYSTEMS)
