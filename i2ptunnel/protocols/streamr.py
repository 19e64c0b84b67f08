"""Streamr: one producer of UDP packets, and subscribers in I2P who each get a copy.

Wire (Java I2P, package streamr): a subscriber sends repliable datagrams of one byte, 0 to subscribe
or stay subscribed and 1 to leave; it asks 5 times at intervals of 2 s and then every 10 s. The
producer sends every packet raw to all who asked within the last 60 s, with their ports swapped.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass

SUBSCRIBE = b"\x00"
UNSUBSCRIBE = b"\x01"
#: what fits into one datagram; Java's producer cuts its packets at 15360
PACKET_BYTES_MAX = 31_744
EXPIRES_S = 60.0
_FIRST_PINGS = 5
_FIRST_INTERVAL_S = 2.0
_INTERVAL_S = 10.0
#: a stream that pauses for so long may have lost us: the producer, or its router, began anew. Then
#: we ask at once and ever more rarely
_PAUSE_S = 1.5
_PAUSED_INTERVAL_S = 1.0
_PAUSED_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Where packets go: ``from_port`` is ours, ``to_port`` the subscriber's."""

    destination_hash: bytes
    from_port: int
    to_port: int


class StreamrProducer:
    """Who is subscribed, at most ``subscribers_max``; a destination with several places makes room
    for one that would still have fewer.
    """

    def __init__(self, subscribers_max: int, per_destination_max: int) -> None:
        self._subscribers_max = subscribers_max
        self._per_destination_max = per_destination_max
        # the one that asked longest ago comes first
        self._asked_at: OrderedDict[Subscriber, float] = OrderedDict()
        self.counters: Counter[str] = Counter()

    @property
    def subscribers(self) -> tuple[Subscriber, ...]:
        """Those who get packets, as of the last call."""
        return tuple(self._asked_at)

    def receive(
        self, sender_hash: bytes, payload: bytes, from_port: int, to_port: int, now: float
    ) -> None:
        """An authenticated datagram from I2P; ``from_port`` is the sender's."""
        self.expire(now)
        subscriber = Subscriber(sender_hash, to_port, from_port)
        if payload[:1] == SUBSCRIBE:
            self._subscribe(subscriber, now)
        elif payload[:1] == UNSUBSCRIBE:
            if self._asked_at.pop(subscriber, None) is not None:
                self.counters["unsubscribed"] += 1
        else:
            self.counters["datagrams_dropped"] += 1

    def expire(self, now: float) -> None:
        """Forget who did not ask again."""
        while self._asked_at:
            subscriber, asked_at = next(iter(self._asked_at.items()))
            if now - asked_at < EXPIRES_S:
                return
            del self._asked_at[subscriber]
            self.counters["expired"] += 1

    def _subscribe(self, subscriber: Subscriber, now: float) -> None:
        if subscriber in self._asked_at:
            self._asked_at.move_to_end(subscriber)
        else:
            places = Counter(one.destination_hash for one in self._asked_at)
            own = places[subscriber.destination_hash]
            is_full = len(self._asked_at) >= self._subscribers_max
            if own >= self._per_destination_max or (is_full and not self._evict(places, own)):
                self.counters["subscribers_refused"] += 1
                return
            self.counters["subscribed"] += 1
        self._asked_at[subscriber] = now

    def _evict(self, places: Counter[bytes], own: int) -> bool:
        greediest = max(self._asked_at, key=lambda one: places[one.destination_hash])
        if places[greediest.destination_hash] <= own + 1:
            return False
        del self._asked_at[greediest]
        self.counters["evicted"] += 1
        return True


class StreamrSubscription:
    """A subscriber's side: when to ask, and which datagrams belong to it.

    ``own_port`` should be drawn at random: raw datagrams say nothing of their sender, so the port
    is what a stranger would have to guess to put packets into the stream.
    """

    def __init__(self, producer_hash: bytes, producer_port: int, own_port: int) -> None:
        self._producer_hash = producer_hash
        self._producer_port = producer_port
        self._own_port = own_port
        self._pings = 0
        self._asked_at = float("-inf")
        self._packet_at = float("-inf")

    def ping_due(self, now: float) -> bool:
        """True when it is time to ask; then counts as asked."""
        interval_s = _FIRST_INTERVAL_S if self._pings < _FIRST_PINGS else _INTERVAL_S
        silence_s = now - self._packet_at
        if silence_s >= _PAUSE_S:
            interval_s = min(interval_s, max(_PAUSED_INTERVAL_S, _PAUSED_SHARE * silence_s))
        if now - self._asked_at < interval_s:
            return False
        self._pings += 1
        self._asked_at = now
        return True

    def note_packet(self, now: float) -> None:
        """A packet of the stream came."""
        self._packet_at = now

    def is_ours(self, sender_hash: bytes | None, from_port: int, to_port: int) -> bool:
        """Whether a datagram is part of the stream. ``sender_hash`` None: it is raw."""
        if sender_hash is not None and sender_hash != self._producer_hash:
            return False
        return from_port == self._producer_port and to_port == self._own_port
