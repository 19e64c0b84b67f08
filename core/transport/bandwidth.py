"""The bandwidth of the router: one limit in and one out, which all transports share."""

from __future__ import annotations

from math import ceil

from core.base.rates import TokenBucket

#: What can be saved up, in seconds of the rate. With demand above the limit any ten seconds carry
#: at most so much more than ten seconds of it.
BURST_S = 0.25
#: The part of the burst that only our own messages may use: they wait for no transit.
RESERVED_SHARE = 0.5
#: What a stream socket is read for at once, in seconds of the rate; the least is a packet.
READ_S = 0.125
READ_BYTES_MIN = 1500


class Bandwidth:
    """Bytes that may be read and written now. A rate of None is no limit.

    A transport reports what it read (:meth:`received`) and then leaves its source alone for
    :meth:`read_pause`; before it writes, it asks for :meth:`writable`, and reports what it wrote
    (:meth:`sent`). Both may overdraw by one batch, which the next ones wait for.

    Messages of others (transit) are written only while more than :data:`RESERVED_SHARE` of a burst
    is left (:meth:`transit_writable`).
    """

    __slots__ = (
        "_inbound",
        "_is_shared",
        "_is_transit_held",
        "_outbound",
        "_read_bytes_max",
        "_reserved",
    )

    def __init__(
        self, outbound_bytes_s: float | None = None, inbound_bytes_s: float | None = None
    ) -> None:
        self._outbound: TokenBucket | None = None
        self._inbound: TokenBucket | None = None
        self._reserved = 0.0
        self._read_bytes_max: int | None = None
        self._is_transit_held = False
        self._is_shared = False
        self.configure(outbound_bytes_s, inbound_bytes_s)

    def configure(self, outbound_bytes_s: float | None, inbound_bytes_s: float | None) -> None:
        """Other limits from now on; what was overdrawn under the old ones is still paid for."""
        self._outbound = _limited(self._outbound, outbound_bytes_s)
        self._inbound = _limited(self._inbound, inbound_bytes_s)
        self._read_bytes_max = None
        if inbound_bytes_s:
            self._read_bytes_max = max(READ_BYTES_MIN, int(inbound_bytes_s * READ_S))
        self._reserved = 0.0 if self._outbound is None else self._outbound.burst * RESERVED_SHARE

    def received(self, count: int, now: float) -> None:
        """``count`` bytes were read."""
        if self._inbound is not None:
            self._inbound.spend(count, now)

    def readable(self, wanted: int) -> int:
        """How many of ``wanted`` bytes one read of a stream may bring: it may overdraw by these."""
        most = self._read_bytes_max
        return wanted if most is None else min(wanted, most)

    def read_pause(self, now: float) -> float:
        """Seconds for which what was just read should not be read again, 0.0 for none."""
        return 0.0 if self._inbound is None else self._inbound.ready_at(now) - now

    def shared_read_pause(self, now: float) -> float:
        """:meth:`read_pause` for what comes in one socket for all peers.

        There our own waits behind that of others: see :meth:`shared_headroom`.
        """
        self._is_shared = True
        return self.read_pause(now)

    def shared_headroom(self, now: float) -> float:
        """The part of a burst that may still come in: transit gives way before there is none.

        1.0 where no socket is shared: one peer that is not read does not hold up the others.
        """
        inbound = self._inbound
        if inbound is None or not self._is_shared:
            return 1.0
        return max(0.0, inbound.balance(now)) / inbound.burst

    def writable(self, wanted: int, now: float) -> int:
        """How many of ``wanted`` bytes may be written now; zero or less means wait."""
        outbound = self._outbound
        return wanted if outbound is None else min(wanted, ceil(outbound.balance(now)))

    def transit_writable(self, wanted: int, now: float) -> int:
        """How many of ``wanted`` bytes of transit may be written now; zero or less means wait."""
        outbound = self._outbound
        if outbound is None:
            return wanted
        room = ceil(outbound.balance(now) - self._reserved)
        self._is_transit_held = room <= 0
        return min(wanted, room)

    def sent(self, count: int, now: float) -> None:
        """``count`` bytes were written."""
        if self._outbound is not None:
            self._outbound.spend(count, now)

    def write_at(self, now: float) -> float:
        """When something that waits may be written; ``now`` if at once."""
        outbound = self._outbound
        if outbound is None:
            return now
        if self._is_transit_held and outbound.balance(now) > 0:
            return outbound.ready_at(now, self._reserved)
        return outbound.ready_at(now)


def _limited(bucket: TokenBucket | None, bytes_s: float | None) -> TokenBucket | None:
    if not bytes_s:
        return None
    rate = max(1.0, bytes_s)
    burst = max(1.0, rate * BURST_S)
    if bucket is None:
        return TokenBucket(rate, burst)
    bucket.configure(rate, burst)
    return bucket
