"""The descriptors that all local listeners and servers of the program have together.

Each of them has limits of its own, but their sum may be more than the system grants. Whoever wants
one more connection asks here. When all are in use the oldest half-open connection of whoever has
most of them goes. A few are kept for each of the others, so that connections that are held on to at
one listener shut out nobody at another.
"""

from __future__ import annotations

from typing import Protocol

UNLIMITED = 1 << 20
_KEPT_FOR_EACH = 8


class Member(Protocol):
    """A listener or server that shares the budget."""

    @property
    def open_connections(self) -> int:
        """Descriptors it holds at present."""
        ...

    @property
    def half_open_connections(self) -> int:
        """Those that may be dropped to make room."""
        ...

    def drop_half_open(self) -> bool:
        """Drop the oldest of them, which ends with a :meth:`ConnectionBudget.give_back`."""
        ...


class ConnectionBudget:
    """``limit`` descriptors for everybody who has joined."""

    def __init__(self, limit: int = UNLIMITED) -> None:
        self.limit = limit
        self.used = 0
        self._members: dict[Member, int] = {}

    def join(self, member: Member, own: int = 0) -> None:
        """``own``: descriptors that the member itself needs."""
        self._members[member] = own
        self.used += own

    def leave(self, member: Member) -> None:
        """Harmless the second time; what the member still uses stays counted."""
        self.used -= self._members.pop(member, 0)

    def take(self, member: Member) -> bool:
        """Whether the member may have one more connection, which is then counted."""
        while self._room_for(member) < 1:
            greediest = max(
                self._members, key=lambda other: other.half_open_connections, default=None
            )
            if greediest is None or not greediest.half_open_connections:
                return False
            if not greediest.drop_half_open():
                return False
        self.used += 1
        return True

    def give_back(self) -> None:
        """A connection has ended."""
        self.used -= 1

    def _room_for(self, member: Member) -> int:
        kept_each = min(_KEPT_FOR_EACH, self.limit // (2 * max(1, len(self._members))))
        kept = sum(
            max(0, kept_each - other.open_connections)
            for other in self._members
            if other is not member
        )
        return self.limit - self.used - kept
