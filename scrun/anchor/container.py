"""What an anchor knows of its container, and the two files that say so to others."""

from __future__ import annotations

import os

from scrun.host.directory import write_file
from scrun.hot.wire import dumps
from scrun.oci.state import CREATING, check_transition, document, format_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scrun.oci.config import Config


class Container:
    """A container's facts; `publish` writes them to its directory."""

    def __init__(self, container_id: str, directory: str, config: Config) -> None:
        self.id = container_id
        self.directory = directory
        self.config = config
        self.bundle = config.bundle
        self.root_path = config.root_path
        self.status = CREATING
        self.job_id = 0
        self.backend = ""
        self.created = format_time()

    def become(self, status: str) -> None:
        """Change the state as the spec allows, and publish it."""
        check_transition(self.id, self.status, status)
        self.status = status
        self.publish()

    def publish(self) -> None:
        """Write record.cbor, then state.json, each replaced atomically."""
        record = {
            "id": self.id,
            "pid": os.getpid(),
            "job_id": self.job_id,
            "backend": self.backend,
            "status": self.status,
            "bundle": self.bundle,
            "submission_bundle": self.config.bundle,
            "root_path": self.root_path,
            "submission_root_path": self.config.root_path,
            "annotations": self.config.annotations,
            "created": self.created,
            "environment": dict(os.environ),
        }
        write_file(f"{self.directory}/record.cbor", dumps(record))
        text = document(
            container_id=self.id,
            status=self.status,
            pid=os.getpid(),
            bundle=self.config.bundle,
            annotations=self.config.annotations,
            rootfs=self.config.root_path,
            created=self.created,
        )
        write_file(f"{self.directory}/state.json", text.encode("utf-8", "surrogateescape"))

    def output_variables(self) -> dict[str, str]:
        """Return the SCRUN_* variables of stage functions and commands (scrun(1), OUTPUT)."""
        variables = {
            "SCRUN_OCI_VERSION": self.config.oci_version,
            "SCRUN_CONTAINER_ID": self.id,
            "SCRUN_PID": str(os.getpid()),
            "SCRUN_BUNDLE": self.bundle,
            "SCRUN_SUBMISSION_BUNDLE": self.config.bundle,
            "SCRUN_SOCKET": f"{self.directory}/anchor.sock",
            "SCRUN_SPOOL_DIR": self.directory,
            "SCRUN_SUBMISSION_CONFIG_FILE": self.config.path,
            "SCRUN_ROOT": os.path.dirname(self.directory),
            "SCRUN_ROOTFS_PATH": self.root_path,
            "SCRUN_SUBMISSION_ROOTFS_PATH": self.config.root_path,
        }
        for name, value in self.config.annotations.items():
            variables[f"SCRUN_ANNOTATION_{name}"] = value
        return variables

    def table(self) -> dict[str, object]:
        """Return what policy sees of the container."""
        return {
            "id": self.id,
            "status": self.status,
            "bundle": self.bundle,
            "job_id": self.job_id,
            "annotations": self.config.annotations,
            "args": self.config.args,
        }
