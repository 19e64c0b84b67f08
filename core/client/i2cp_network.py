"""Payloads of a session on their way to a foreign router, by I2CP.

That router does what :class:`~core.client.sending.Sending` does here: lease sets of others, the
ratchet, paths. It is told the whole destination with each payload, so those of whom only the hash
is known are looked up first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from core.base.bounded import BoundedMap
from core.data.identity import Destination
from core.i2cp.client import ClientConnection, Phase

DESTINATIONS_MAX = 4096
#: Destinations that are looked up for payloads, and payloads that wait for each.
SEARCHED_MAX = 64
WAITING_MAX = 64
#: So much waits for the router's socket until streams wait too.
OUTPUT_BYTES_MAX = 256 * 1024
_RETRY_S = 0.05


class I2cpNetwork:
    """The :class:`~core.client.ports.DestinationNetwork` of a session over I2CP.

    ``connection``: None while there is none. ``unsent``: says how many bytes wait for the socket.
    ``search``: asks the router for a destination by hash.
    """

    def __init__(self, search: Callable[[bytes], None]) -> None:
        self.connection: ClientConnection | None = None
        self.unsent: Callable[[], int] = lambda: 0
        self.dropped = 0
        self.sent = 0
        self._search = search
        self._destinations: BoundedMap[bytes, Destination] = BoundedMap(DESTINATIONS_MAX)
        self._waiting: BoundedMap[bytes, deque[bytes]] = BoundedMap(SEARCHED_MAX)

    # What is known

    def learn(self, destination: Destination) -> None:
        """Who has this hash is known from now on; what waits for it goes out."""
        self._destinations.put(destination.hash, destination)
        waiting = self._waiting.pop(destination.hash)
        if waiting:
            self._send(destination, waiting)

    def give_up(self, remote_hash: bytes) -> None:
        """It was not found."""
        self.dropped += len(self._waiting.pop(remote_hash, deque()))

    def disconnected(self) -> None:
        """The router is gone, with what it was asked: nobody answers that any more."""
        self.connection = None
        for remote_hash in [key for key, _ in self._waiting.items()]:
            self.give_up(remote_hash)

    # For streams and datagrams (DestinationNetwork)

    def send(
        self,
        remote_hash: bytes,
        payloads: Sequence[bytes],
        now: float,
        *,
        is_datagram: bool,
        in_order: bool,
    ) -> None:
        """Hand them to the router; dropped and counted without a session there."""
        if not self._is_open:
            self.dropped += len(payloads)
            return
        destination = self._destinations.get(remote_hash)
        if destination is not None:
            self._send(destination, payloads)
            return
        waiting = self._waiting.get(remote_hash)
        if waiting is None:
            waiting = deque(maxlen=WAITING_MAX)
            gone = self._waiting.put(remote_hash, waiting)
            self.dropped += len(gone[1]) if gone is not None else 0
            self._search(remote_hash)
        self.dropped += max(0, len(waiting) + len(payloads) - WAITING_MAX)
        waiting.extend(payloads)

    def budget(self, remote_hash: bytes, in_flight: int, now: float) -> int | None:
        """Any number, as long as the router reads what it is sent."""
        return None if self.unsent() <= OUTPUT_BYTES_MAX else 0

    def retry_at(self, remote_hash: bytes, now: float) -> float:
        """Soon."""
        return now + _RETRY_S

    def note_delivered(
        self, remote_hash: bytes, packets: int, round_trip_s: float, now: float
    ) -> None:
        """The router cannot be told."""

    def suspect_path(self, remote_hash: bytes, now: float) -> None:
        """The router chooses the ways, and notices itself."""

    @property
    def _is_open(self) -> bool:
        return self.connection is not None and self.connection.phase is Phase.OPEN

    def _send(self, destination: Destination, payloads: Sequence[bytes]) -> None:
        if self.connection is None or not self._is_open:
            self.dropped += len(payloads)
            return
        for payload in payloads:
            self.connection.send(destination, payload)
        self.sent += len(payloads)
