"""Reliable byte streams between destinations: the packets, one connection, all of a session."""
