"""Where containers run: backends that answer the same operations."""
