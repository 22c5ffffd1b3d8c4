"""deprecated.pyx."""

from . import fake_cluster


class qos:
    """All QOS by name, each a dictionary."""

    def get(self) -> dict[str, dict[str, object]]:
        """Ask slurmdbd; without one slurmdb_qos_get() gives NULL and this a ValueError."""
        if fake_cluster.qualities is None:
            raise ValueError("Unable to connect to database", 7000)
        return {
            name: {"name": name, "description": "", "priority": priority}
            for name, priority in fake_cluster.qualities.items()
        }
