"""core/slurmctld/config.pyx."""

from . import fake_cluster
from .error import verify_rpc


class Config:
    """Made by `load` only."""

    cluster_name: str | None

    def __init__(self) -> None:
        raise RuntimeError("Cannot instantiate class directly. Use slurmctld.Config.load()")

    @staticmethod
    def load() -> "Config":
        """Ask slurmctld."""
        verify_rpc(fake_cluster.refusal)
        config = Config.__new__(Config)
        config.cluster_name = fake_cluster.name
        return config
