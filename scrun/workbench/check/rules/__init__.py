"""The rules of `scrun lua check`, one family per file: each has ``RULES`` and ``check``."""
