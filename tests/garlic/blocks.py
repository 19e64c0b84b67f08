"""Payload blocks that other routers send and ours does not."""

from __future__ import annotations


def write_termination(reason: int = 0) -> bytes:
    """The remote closes the session."""
    return bytes((4, 0, 1, reason))


def write_options(receive_window: int) -> bytes:
    """Version 0, tags of 8 bytes, no timeout, the inbound tag window, and no wishes."""
    return bytes.fromhex("050015" + "0000080000" + "0000") + receive_window.to_bytes(2) + bytes(12)
