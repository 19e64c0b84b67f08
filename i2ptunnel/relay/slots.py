"""Places for connections, and who loses one when there are no more.

A client here is whoever can be told apart: a destination, an address. When room is short

* a client that has all its places gives up the one that is idle for longest, or gets no other;
* else the client with the most connections gives up the one that is idle for longest;
* else, for a client that has less than an even share, one with more than that and with many
  gives up its oldest connection.

So idle connections keep nobody out, and a few clients cannot take everything.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

#: a client with a smaller part of all places than this is not greedy, however many others there are
GREEDY_PART = 1 / 32

OwnerT = TypeVar("OwnerT")


class Slot(Generic[OwnerT]):
    """One connection's place; idle until :meth:`occupy`. ``owner`` is the user's own."""

    __slots__ = ("_slots", "client", "is_idle", "owner")

    def __init__(self, slots: Slots[OwnerT], client: Hashable, owner: OwnerT) -> None:
        self._slots: Slots[OwnerT] | None = slots
        self.client = client
        self.owner = owner
        self.is_idle = True

    @property
    def is_free(self) -> bool:
        """Whether it was given back, or taken away."""
        return self._slots is None

    def occupy(self) -> None:
        """Something was asked for, and is being done."""
        self._set_idle(False)

    def relax(self) -> None:
        """It is idle again, and may make room for others."""
        self._set_idle(True)

    def free(self) -> None:
        """It no longer counts; may be called twice."""
        if self._slots is not None:
            self._slots._remove(self)
            self._slots = None

    def _set_idle(self, is_idle: bool) -> None:
        if self._slots is not None and is_idle != self.is_idle:
            self.is_idle = is_idle
            self._slots._note_idle(self)


class Slots(Generic[OwnerT]):
    """See the module."""

    __slots__ = ("_by_client", "_idle", "_total")

    def __init__(self) -> None:
        # all of a client, the oldest first; and all that are idle, those that are it for long first
        self._by_client: dict[Hashable, dict[Slot[OwnerT], None]] = {}
        self._idle: dict[Slot[OwnerT], None] = {}
        self._total = 0

    def __len__(self) -> int:
        return self._total

    @property
    def idle(self) -> int:
        """How many are idle."""
        return len(self._idle)

    def count(self, client: Hashable) -> int:
        """How many a client has."""
        return len(self._by_client.get(client, ()))

    def owners(self, client: Hashable | None = None) -> Iterator[OwnerT]:
        """Whose they are, of one client or of all; the oldest of each client first."""
        tables = self._by_client.values()
        for own in tables if client is None else [self._by_client.get(client, {})]:
            for slot in own:
                yield slot.owner

    def take(self, client: Hashable, owner: OwnerT) -> Slot[OwnerT]:
        """A new place; the limits are :meth:`has_room`'s business."""
        slot = Slot(self, client, owner)
        self._by_client.setdefault(client, {})[slot] = None
        self._idle[slot] = None
        self._total += 1
        return slot

    def has_room(
        self, client: Hashable, total_max: int, client_max: int
    ) -> tuple[bool, Slot[OwnerT] | None]:
        """Whether a client may have one more, and the place that has to be freed for it."""
        count = self.count(client)
        if count >= client_max:
            own = self.idlest(client)
            return own is not None, own
        if self._total < total_max:
            return True, None
        victim = self.idlest() or self._excess(count, client, total_max)
        return victim is not None, victim

    def idlest(self, client: Hashable | None = None) -> Slot[OwnerT] | None:
        """What is idle for longest, of one client or of the one with the most connections."""
        if client is not None:
            return next((slot for slot in self._by_client.get(client, ()) if slot.is_idle), None)
        by_client = self._by_client
        return max(self._idle, key=lambda slot: len(by_client[slot.client]), default=None)

    def _excess(self, count: int, client: Hashable, total_max: int) -> Slot[OwnerT] | None:
        share = total_max // (len(self._by_client) + (client not in self._by_client))
        most = max(self._by_client.values(), key=len, default=None)
        if most is None or count >= share or len(most) <= max(share, total_max * GREEDY_PART):
            return None
        return next(iter(most))

    def _note_idle(self, slot: Slot[OwnerT]) -> None:
        if slot.is_idle:
            self._idle[slot] = None
            # among its client's, too, the last to become idle is the last to go
            own = self._by_client[slot.client]
            del own[slot]
            own[slot] = None
        else:
            self._idle.pop(slot, None)

    def _remove(self, slot: Slot[OwnerT]) -> None:
        self._idle.pop(slot, None)
        own = self._by_client[slot.client]
        del own[slot]
        self._total -= 1
        if not own:
            del self._by_client[slot.client]
