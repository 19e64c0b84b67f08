"""Memory for messages whose fragments are not all here, shared by those who reassemble."""

from __future__ import annotations

MEMORY_BYTES_MAX = 64 * 1024 * 1024


class ReassemblyMemory:
    """What several reassemblers hold together, at most about ``bytes_max``.

    Reserved in steps. When it is full each may have an equal share, so that those that hold more
    give up their oldest and those that hold little are left alone.
    """

    __slots__ = ("bytes", "bytes_max", "holders")

    def __init__(self, bytes_max: int = MEMORY_BYTES_MAX) -> None:
        self.bytes_max = bytes_max
        self.bytes = 0
        self.holders = 0

    def share(self) -> int:
        """How much one reassembler may hold now."""
        if self.bytes < self.bytes_max:
            return self.bytes_max
        return self.bytes_max // max(1, self.holders)
