"""What ``update`` is to read: the file of ``--resources``, or stdin."""

import posix

from scrun.hot.client import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scrun.hot.parse import Command

MOST_BYTES = 131072  # fits a message to the anchor


def read_resources(command: "Command") -> None:
    """Put the text of the file in the place of its path; once, since stdin cannot be read again.

    Raises:
        OSError: the file cannot be read.
        Refused: it is too large to be what it should be.
    """
    options = command.options
    path = options.pop("resources", None)
    if path is None:
        return
    file = 0 if path == "-" else posix.open(str(path), posix.O_RDONLY | posix.O_CLOEXEC)
    parts, size = [], 0
    while part := posix.read(file, 65536):
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise Refused(f"update: --resources {path}: too large", "EINVAL")
    if file:
        posix.close(file)
    options["document"] = b"".join(parts).decode("utf-8", "surrogateescape")
