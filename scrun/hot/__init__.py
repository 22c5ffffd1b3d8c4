"""The hot path: verbs that only talk to a live anchor. Imports sys, posix, _socket, select."""
