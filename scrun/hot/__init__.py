"""The hot path: verbs that only talk to a live anchor. Imports sys, posix, _socket, select.

Not even ``from __future__ import annotations``: it loads a module (0.15 ms of the 1.3 we add).
"""
