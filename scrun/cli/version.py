"""What ``scrun --version`` prints."""

__version__ = "0.1.0"
SPEC_VERSION = "1.2.0"  # of the OCI runtime specification


def format_version() -> str:
    """Return the lines that dockerd parses ("scrun version X") and podman info shows."""
    return f"scrun version {__version__}\ncommit: v{__version__}\nspec: {SPEC_VERSION}"
