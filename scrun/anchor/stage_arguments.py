"""What the functions of a site's script are called with, in a container and in the workbench."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from scrun.anchor.container import Container


def stage_in_arguments(
    container: Container, job_id: int, job_env: list[bytes], context: Mapping[str, object]
) -> dict[str, Any]:
    """Return the arguments of `SiteScript.stage_in`."""
    return {
        "id": container.id,
        "bundle": container.submission_bundle,
        **_common(container, job_id),
        "job_env": job_env,
        "context": context,
    }


def stage_out_arguments(
    container: Container, job_id: int, context: Mapping[str, object]
) -> dict[str, Any]:
    """Return the arguments of `SiteScript.stage_out`."""
    return {
        "id": container.id,
        "bundle": container.bundle,
        "orig_bundle": container.submission_bundle,
        "root_path": container.root_path,
        "orig_root_path": container.submission_root_path,
        **_common(container, job_id),
        "context": context,
    }


def make_context(
    container: Container, backend: str, nodes: Sequence[str], settings: Mapping[str, object]
) -> dict[str, object]:
    """Return what a stager knows beyond the manual's arguments (luastd/meta/stage.lua)."""
    return {
        "rootless": container.rootless,
        "backend": backend,
        "nodes": nodes,
        "annotations": container.annotations,
        "settings": settings,
    }


def _common(container: Container, job_id: int) -> dict[str, Any]:
    return {
        "spool_dir": container.directory,
        "config_file": container.config_file,
        "job_id": job_id,
        "user_id": container.user.uid,
        "group_id": container.user.gid,
    }
