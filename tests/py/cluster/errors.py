"""What can be wrong with a test cluster, as opposed to what a test finds in it."""


class ClusterError(Exception):
    """The cluster did not do what it must for any test to mean something."""


class ClusterUnavailable(ClusterError):
    """This machine cannot have a cluster now; the message is one line and says what to do."""


class UserUnavailable(ClusterError):
    """The cluster has no such user: an existing cluster runs commands as the caller only."""
