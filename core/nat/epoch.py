"""Whether a gateway has lost its state since it was last heard, by the age of its state."""

from __future__ import annotations


class Epoch:
    """RFC 6887, section 8.5; for NAT-PMP section 3.6 of RFC 6886, which bears a slower server."""

    __slots__ = ("_heard_at", "_value")

    def __init__(self) -> None:
        self._value: int | None = None
        self._heard_at = 0.0

    def note(self, epoch_s: int, now: float, *, is_pcp: bool) -> bool:
        """A response said this; True if the server was restarted since the one before."""
        before, heard_at = self._value, self._heard_at
        self._value, self._heard_at = epoch_s, now
        if before is None:
            return False
        ours, its = now - heard_at, epoch_s - before
        if not is_pcp:
            return its < ours * 7 / 8 - 2
        return its < -1 or ours + 2 < its - its / 16 or its + 2 < ours - ours / 16
