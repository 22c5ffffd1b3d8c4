"""OCI as pure data: container IDs, config.json, state documents, oci.conf, signals, commands.

Files are read, nothing else is touched. ``create`` imports this layer on its way to a container,
so its modules load no ``re``, ``json``, ``enum``, ``typing`` or ``os`` at import; a test counts.
"""
