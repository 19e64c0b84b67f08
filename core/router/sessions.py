"""The client sessions that are open, and which of them have something to do."""

from __future__ import annotations

from collections.abc import Iterator

from core.client.local_destination import LocalDestination


class Sessions:
    """Client sessions by the owner of their tunnels and lookups (a destination hash)."""

    __slots__ = ("_by_owner", "touched")

    def __init__(self) -> None:
        self._by_owner: dict[object, LocalDestination] = {}
        self.touched: set[LocalDestination] = set()
        """Sessions whose turn it is; :meth:`take_touched` empties it."""

    def __iter__(self) -> Iterator[LocalDestination]:
        return iter(self._by_owner.values())

    def __len__(self) -> int:
        return len(self._by_owner)

    def __contains__(self, owner: object) -> bool:
        return owner in self._by_owner

    def add(self, client: LocalDestination) -> None:
        """A new session, which gets a turn."""
        self._by_owner[client.owner] = client
        self.touched.add(client)

    def remove(self, client: LocalDestination) -> bool:
        """Forget a session; False if it is not open."""
        if self._by_owner.get(client.owner) is not client:
            return False
        del self._by_owner[client.owner]
        self.touched.discard(client)
        return True

    def get(self, owner: object) -> LocalDestination | None:
        """The session that an owner of tunnels or lookups is, if it is one."""
        return self._by_owner.get(owner)

    def get_touched(self, owner: object) -> LocalDestination | None:
        """The same, for somebody who is about to tell it something: it gets a turn.

        So do those that share its tunnels, whom it may tell.
        """
        client = self._by_owner.get(owner)
        if client is not None:
            self.touched.update(client.members.values())
        return client

    def touch(self, client: LocalDestination) -> None:
        """Give an open session a turn."""
        self.touched.add(client)

    def touch_all(self) -> None:
        """Give every session a turn."""
        self.touched.update(self._by_owner.values())

    def touch_due(self, now: float) -> None:
        """Give those a turn whose deadline has come."""
        for client in self._by_owner.values():
            if client.next_timer() <= now:
                self.touched.add(client)

    def take_touched(self) -> list[LocalDestination]:
        """The sessions whose turn it is, in the order in which they were opened; told once."""
        touched, self.touched = self.touched, set()
        return [client for client in self._by_owner.values() if client in touched]

    def next_timer(self, earliest: float) -> float:
        """The first deadline of all sessions, or ``earliest`` if that comes before."""
        for client in self._by_owner.values():
            deadline = client.next_timer()
            if deadline < earliest:
                earliest = deadline
        return earliest
