"""Which packets are in flight, which arrived, which are lost, and when to ask (RFC 9002).

A packet is lost when one sent later has arrived and it is some packets or a part of a round trip
behind. If no ack comes at all, a probe timeout (PTO) sends the oldest content again, with a longer
and longer wait. Nothing is sent twice under one number: what a lost packet carried goes into new
packets. Acks have no delay field here, so the peer's delay is part of the round trip.

Invariants: ``in_flight`` is in the order of sending, which is the order of numbers. Content stands
in one packet at a time: in flight, or in ``resend``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from core.base.congestion import AckSample, Burst, CongestionController
from core.base.rtt import RttEstimator
from core.transport.ssu2.path_mtu import PathMtu

#: RFC 9002: a packet is lost 3 packets or 9/8 of a round trip behind one that arrived; both grow
#: with the reordering that is seen
PACKET_THRESHOLD = 3
PACKET_THRESHOLD_MAX = 512
#: what is added to a round trip, in round trips, and how often it may be added for reordering
TIME_STEP = 1 / 8
TIME_STEPS_MAX = 8
GRANULARITY_S = 0.001
VARIANCE_MIN_S = 0.010
#: Java and the specification: an ack may wait a sixth of the round trip, at most 150 ms
ACK_DELAY_MIN_S = 0.025
ACK_DELAY_MAX_S = 0.150
#: i2pd: 100 ms and 2500 ms; Java: 1 s before the first sample
TIMEOUT_MIN_S = 0.100
TIMEOUT_MAX_S = 2.5
TIMEOUT_INITIAL_S = 1.0
#: packets sent at a timeout
PROBES = 2
#: RFC 9002: three timeouts' time without an ack is persistent congestion; two have passed by then
TIMEOUTS_PERSISTENT = 2
#: timeouts in a row, and seconds, after which nobody is there any more; i2pd: 6 resends, Java: 10
TIMEOUTS_MAX = 6
SILENCE_MAX_S = 12.0
#: timeouts in a row, and seconds, after which the peer may have died
TIMEOUTS_SILENT = 3
SILENT_S = 1.0
#: lost packets of which it is remembered that they may still arrive
LOST_MAX = 512
_ROUNDING_S = 1e-6


class SentPacket:
    """``content``: the blocks to send again if it is lost. ``told``: of its ACK block, or None.

    ``size``: bytes of its payload. ``is_acked``: it arrived after it was taken for lost.
    """

    __slots__ = ("burst", "content", "is_acked", "size", "told")

    def __init__(
        self, burst: Burst, content: bytes, size: int, told: tuple[int, int] | None
    ) -> None:
        self.burst = burst
        self.content = content
        self.size = size
        self.told = told
        self.is_acked = False


class Recovery:
    """The sending half's memory. ``resend``: what must be sent again, the oldest first.

    ``lost`` has packets found lost that may still arrive; ``probes``: packets that may be sent
    beyond the window. ``told``: the newest of the acknowledged packets'.
    """

    __slots__ = (
        "_app_limited_until",
        "_delivered_at",
        "_first_sent_at",
        "_last_progress",
        "_loss_at",
        "_probed_since",
        "_sample",
        "_silent_since",
        "_threshold",
        "_time_steps",
        "congestion",
        "delivered",
        "in_flight",
        "largest_acked",
        "lost",
        "lost_total",
        "mtu",
        "probes",
        "resend",
        "round_trip",
        "spurious_total",
        "timeouts",
        "told",
    )

    def __init__(
        self, congestion: CongestionController, round_trip: RttEstimator, mtu: PathMtu
    ) -> None:
        self.congestion = congestion
        self.round_trip = round_trip
        self.mtu = mtu
        self.in_flight: dict[int, SentPacket] = {}
        self.lost: dict[int, SentPacket] = {}
        self.resend: deque[SentPacket] = deque()
        self.largest_acked = -1
        self.delivered = 0
        self.timeouts = 0
        self.probes = 0
        self.lost_total = 0
        self.spurious_total = 0
        self.told: tuple[int, int] | None = None
        self._threshold = PACKET_THRESHOLD
        self._time_steps = 1
        self._loss_at = 0.0
        self._delivered_at = 0.0
        self._first_sent_at = 0.0
        self._last_progress = 0.0
        self._silent_since = 0.0
        self._probed_since = 0.0
        self._app_limited_until = 0
        self._sample = AckSample()

    # Sending

    def begin_burst(self, now: float) -> Burst:
        """What the packets that are sent now share."""
        if not self.in_flight:
            self._first_sent_at = self._delivered_at = now
            if not self.timeouts:
                self._silent_since = now
        self._last_progress = now
        return Burst(
            now,
            self.delivered,
            self._delivered_at,
            self._first_sent_at,
            self._app_limited_until > self.delivered,
        )

    def note_app_limited(self) -> None:
        """The window was not full but there was nothing to send."""
        self._app_limited_until = self.delivered + len(self.in_flight) + 1

    # Acks

    def on_ack(self, runs: Sequence[tuple[int, int]], now: float) -> int:
        """Process the runs of an ack, the highest first; how many packets it acknowledged anew.

        The caller has seen to it that no number is one that was never sent.
        """
        acked = self._newly_acked(runs)
        spurious = self._late(runs) if self.lost else 0
        if not acked and not spurious:
            return 0
        round_trip, sample, mtu = self.round_trip, self._sample, self.mtu
        rtt = 0.0
        sample.rate = 0.0
        sample.is_app_limited = False
        sample.delivered_before = self.delivered
        self.delivered += len(acked)
        oldest_sent = now
        if acked:
            newest_number, newest = acked[0]
            for number, packet in acked:
                if number > newest_number:
                    newest_number, newest = number, packet
                if packet.size:
                    mtu.on_acked(packet.size)
                if packet.told is not None and (self.told is None or packet.told > self.told):
                    self.told = packet.told
                oldest_sent = min(oldest_sent, packet.burst.sent_at)
            burst = newest.burst
            if newest_number > self.largest_acked:
                self.largest_acked = newest_number
                if now > burst.sent_at:
                    rtt = now - burst.sent_at
                    round_trip.update(rtt, now)
            sample.delivered_before = burst.delivered
            sample.is_app_limited = burst.is_app_limited
            interval = max(burst.sent_at - burst.first_sent_at, now - burst.delivered_at)
            if interval > 0 and interval >= round_trip.minimum * 0.9:
                sample.rate = (self.delivered - burst.delivered) / interval
            self._first_sent_at = burst.sent_at
            self._delivered_at = now
        if spurious:
            self.spurious_total += spurious
            self._time_steps = min(self._time_steps + 1, TIME_STEPS_MAX)
            self.congestion.on_spurious_loss(spurious)
        if self.timeouts >= TIMEOUTS_PERSISTENT and acked and oldest_sent >= self._probed_since:
            # Of all that was sent in the silence only probes arrived.
            round_trip.minimum = 0.0
            self.congestion.on_timeout(now)
        self.timeouts = self.probes = 0
        self._last_progress = self._silent_since = now
        sample.now = now
        sample.acked = len(acked)
        sample.rtt_s = rtt
        sample.lost = self._detect_lost(now)
        sample.delivered = self.delivered
        sample.in_flight = len(self.in_flight)
        self.congestion.on_ack(sample)
        return len(acked) + spurious

    def _newly_acked(self, runs: Sequence[tuple[int, int]]) -> list[tuple[int, SentPacket]]:
        in_flight = self.in_flight
        acked: list[tuple[int, SentPacket]] = []
        for first, last in runs:
            if not in_flight:
                break
            lowest = next(iter(in_flight))
            if last < lowest:
                break
            if first < lowest:
                first = lowest
            if last - first > 2 * len(in_flight):
                # A hostile or very late ack: never more steps than packets.
                numbers: Sequence[int] = [n for n in in_flight if first <= n <= last]
            else:
                numbers = range(first, last + 1)
            for number in numbers:
                packet = in_flight.pop(number, None)
                if packet is not None:
                    acked.append((number, packet))
        return acked

    def _late(self, runs: Sequence[tuple[int, int]]) -> int:
        """Packets taken for lost that arrived: they are not sent again if they still wait."""
        lost = self.lost
        lowest = min(lost)
        count = 0
        for first, last in runs:
            if last < lowest or not lost:
                break
            for number in [n for n in lost if first <= n <= last]:
                packet = lost.pop(number)
                packet.is_acked = True
                packet.content = b""
                count += 1
                behind = self.largest_acked - number
                if behind >= self._threshold:
                    self._threshold = min(behind + 1, PACKET_THRESHOLD_MAX)
        return count

    def _detect_lost(self, now: float) -> int:
        """Take overdue packets for lost; how many of them are a sign of congestion."""
        self._loss_at = 0.0
        in_flight = self.in_flight
        largest = self.largest_acked
        overdue: list[int] = []
        delay_s = 0.0
        for number, packet in in_flight.items():
            if number > largest:
                break
            if not delay_s:
                round_trip = self.round_trip
                usual = max(round_trip.smoothed, round_trip.latest)
                delay_s = max(usual * (1 + self._time_steps * TIME_STEP), GRANULARITY_S)
            due = packet.burst.sent_at + delay_s
            if largest - number < self._threshold and due > now + _ROUNDING_S:
                self._loss_at = due
                break
            overdue.append(number)
        congested = 0
        for number in overdue:
            packet = in_flight.pop(number)
            congested += not self.mtu.on_lost(packet.size, now)
            self._put_back(number, packet)
        self.lost_total += len(overdue)
        return congested

    def _put_back(self, number: int, packet: SentPacket) -> None:
        """Its content is to be sent again; the packet may still arrive."""
        if packet.content:
            self.resend.append(packet)
        lost = self.lost
        lost[number] = packet
        if len(lost) > LOST_MAX:
            del lost[next(iter(lost))]

    # Time

    @property
    def timeout_s(self) -> float:
        """How long to wait for an ack before the first probe."""
        round_trip = self.round_trip
        smoothed = round_trip.smoothed
        if not smoothed:
            return TIMEOUT_INITIAL_S
        delay_s = min(max(smoothed / 6, ACK_DELAY_MIN_S), ACK_DELAY_MAX_S)
        return max(smoothed + max(4 * round_trip.variance, VARIANCE_MIN_S) + delay_s, TIMEOUT_MIN_S)

    @property
    def deadline(self) -> float:
        """When :meth:`on_timer` has something to do; 0.0 if never."""
        if self._loss_at:
            return self._loss_at
        return self._timeout_at() if self.in_flight else 0.0

    def _timeout_at(self) -> float:
        base_s = self.timeout_s
        wait_s = min(base_s * (1 << min(self.timeouts, 8)), max(TIMEOUT_MAX_S, base_s))
        return self._last_progress + wait_s

    def is_given_up(self, now: float) -> bool:
        """Whether so many timeouts passed without an ack that nobody is there any more."""
        return self.timeouts >= TIMEOUTS_MAX and now - self._silent_since >= SILENCE_MAX_S

    def is_silent(self, now: float) -> bool:
        """Whether what is in flight has gone unacknowledged for so long that others are better."""
        return self.timeouts >= TIMEOUTS_SILENT and now - self._silent_since >= SILENT_S

    def on_timer(self, now: float) -> None:
        """Handle a passed deadline: find packets lost, or allow probes."""
        if self._loss_at and now >= self._loss_at - _ROUNDING_S:
            lost = self._detect_lost(now)
            if lost:
                self._reduce(lost, now)
            return
        if not self.in_flight or now < self._timeout_at() - _ROUNDING_S:
            return
        if not self.timeouts:
            self._probed_since = now
        self.timeouts += 1
        self._last_progress = now
        self.probes = PROBES
        self.mtu.on_timeout(self.timeouts, now)
        # The content of the oldest goes first; that it was lost is not known.
        for number in list(self.in_flight)[:PROBES]:
            packet = self.in_flight.pop(number)
            if packet.content:
                self.resend.appendleft(packet)
            self.lost[number] = packet

    def on_congestion_mark(self, now: float) -> None:
        """The peer says that packets of ours were marked on the way: as if one was lost."""
        self._reduce(1, now)

    def _reduce(self, lost: int, now: float) -> None:
        """Packets are lost, and nothing was acknowledged with it."""
        sample = self._sample
        sample.now = now
        sample.acked = 0
        sample.lost = lost
        sample.rtt_s = sample.rate = 0.0
        sample.is_app_limited = False
        sample.delivered = self.delivered
        sample.in_flight = len(self.in_flight)
        self.congestion.on_ack(sample)

    def change_path(self) -> None:
        """What is in flight went to an address where nobody is: send all of it again."""
        for number, packet in self.in_flight.items():
            self._put_back(number, packet)
        self.in_flight.clear()
        self._loss_at = 0.0
        self.timeouts = 0

    def clear(self) -> None:
        """Nothing is sent or awaited any more."""
        self.in_flight.clear()
        self.lost.clear()
        self.resend.clear()
        self._loss_at = 0.0
