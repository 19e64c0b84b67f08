"""Which packets are in flight, which are acknowledged, which are lost, and when to ask again.

An ack says: everything up to ``ack_through`` arrived, except the NACKs. Loss is found by time, as
in RACK (RFC 8985): a packet is lost when one sent later has arrived and it is overdue by a
reordering window. If no ack comes at all, a probe timeout resends one packet; several in a row give
up everything in flight. i2pd: takes a needless duplicate as a sign of a bad path and changes its
tunnels, so probes wait for the ack delay of the peer, too.

Invariants: ``in_flight`` is a dict in order of transmission; ``lost`` waits for retransmission;
a sequence is in at most one of them, and while it is, ``payloads`` has its payload; ``_holes`` are
the unacknowledged ones below ``highest_acked``. One object per burst, none and no timer per packet.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.base.congestion import AckSample, Burst, CongestionController
from core.base.rtt import RttEstimator

TIMEOUT_INITIAL_S = 3.0
TIMEOUT_MAX_S = 20.0
VARIANCE_MIN_S = 0.010
#: i2pd acks after min(RTT/10, 200 ms), Java after at most 120 ms if asked to hurry
PEER_ACK_DELAY_S = 0.200
#: timeouts in a row after which all in flight is given up
TIMEOUTS_PERSISTENT = 3
#: bounds of what an ack is waited for before a stream counts as one that the peer does not know
ACK_DUE_MIN_S = 3.0
ACK_DUE_MAX_S = 10.0
DUPLICATE_THRESHOLD = 3
#: for how many min RTTs acks may come sooner than that, until it is no longer believed:
#: the first copies of what was resent for nothing are acknowledged within one
TOO_SOON_ROUNDS = 1.5
_ROUNDING_S = 1e-6


class RoundTrip(RttEstimator):
    """What a stream knows of its path; times in seconds."""

    __slots__ = ()

    @property
    def timeout(self) -> float:
        """How long to wait for an ack before probing."""
        if not self.smoothed:
            return TIMEOUT_INITIAL_S
        return self.smoothed + max(4 * self.variance, VARIANCE_MIN_S) + PEER_ACK_DELAY_S

    @property
    def ack_due(self) -> float:
        """How long an ack may take, losses included, while the path works."""
        return min(max(4 * self.timeout, ACK_DUE_MIN_S), ACK_DUE_MAX_S)


class Recovery:
    """The sending half's memory.

    ``in_flight`` and ``lost`` map sequences to the burst they last went with; ``payloads`` has what
    both carry.
    """

    __slots__ = (
        "_app_limited_until",
        "_delivered_at",
        "_delivered_reported",
        "_first_sent_at",
        "_holes",
        "_last_progress",
        "_newest_rtt",
        "_newest_sent",
        "_newest_sequence",
        "_reorder_deadline",
        "_reorder_steps",
        "_retransmitted",
        "_sample",
        "_too_soon_since",
        "congestion",
        "delivered",
        "highest_acked",
        "in_flight",
        "is_reordering_seen",
        "lost",
        "lost_total",
        "next_sequence",
        "payloads",
        "round_trip",
        "spurious_total",
        "timeouts",
    )

    def __init__(self, congestion: CongestionController, round_trip: RoundTrip) -> None:
        self.congestion = congestion
        self.round_trip = round_trip
        self.in_flight: dict[int, Burst] = {}
        self.lost: dict[int, Burst] = {}
        self.payloads: dict[int, bytes] = {}
        self.next_sequence = 0
        self.highest_acked = -1
        self.delivered = 0
        self.timeouts = 0
        self.lost_total = 0
        self.spurious_total = 0
        self.is_reordering_seen = False
        self._holes: set[int] = set()
        #: of those in flight or lost, what was sent more than once
        self._retransmitted: set[int] = set()
        self._delivered_reported = 0
        self._delivered_at = 0.0
        self._first_sent_at = 0.0
        self._last_progress = 0.0
        self._app_limited_until = 0
        self._newest_sent = -1.0
        self._newest_sequence = -1
        self._newest_rtt = 0.0
        self._reorder_deadline = 0.0
        self._reorder_steps = 1
        self._sample = AckSample()
        #: since when all acks come too soon for the copy they are for; 0 if they do not
        self._too_soon_since = 0.0

    @property
    def is_idle(self) -> bool:
        """True if everything sent was acknowledged."""
        return not self.in_flight and not self.lost

    @property
    def has_holes(self) -> bool:
        """True if something below the highest acknowledged sequence is missing."""
        return bool(self._holes)

    @property
    def lowest_unacked(self) -> int:
        """The next sequence if nothing is outstanding."""
        if self._holes:
            return min(self._holes)
        return self.highest_acked + 1

    def begin_burst(self, now: float) -> Burst:
        """What goes into ``in_flight`` for every packet that is sent now."""
        if not self.in_flight:
            self._first_sent_at = now
            self._delivered_at = now
        self._last_progress = now
        return Burst(
            now,
            self.delivered,
            self._delivered_at,
            self._first_sent_at,
            self.timeouts > 0 or self._app_limited_until > self.delivered,
        )

    def restart_timer(self, now: float) -> None:
        """Count the timeout from now on: sending was suspended."""
        self.timeouts = 0
        self._last_progress = now

    def retry_now(self, now: float) -> int | None:
        """There is hope again after timeouts: back off anew, and resend the sequence returned."""
        self.timeouts = 1
        self._last_progress = now
        return min((*self.in_flight, *self.lost), default=None)

    def note_app_limited(self) -> None:
        """The window was not full but there was nothing to send."""
        self._app_limited_until = self.delivered + len(self.in_flight) + 1

    def take_delivered(self) -> int:
        """How many packets were acknowledged since the last call."""
        count = self.delivered - self._delivered_reported
        self._delivered_reported = self.delivered
        return count

    def resend(self, sequence: int, burst: Burst) -> bytes:
        """Move a lost or outstanding packet to the end of what is in flight; its payload."""
        if sequence in self.lost:
            del self.lost[sequence]
        else:
            del self.in_flight[sequence]
        self.in_flight[sequence] = burst
        self._retransmitted.add(sequence)
        return self.payloads[sequence]

    def sent_at(self, sequence: int) -> float | None:
        """When ``sequence`` last went out; None if it is not outstanding."""
        burst = self.in_flight.get(sequence) or self.lost.get(sequence)
        return None if burst is None else burst.sent_at

    def clear(self) -> None:
        """Nothing is sent or awaited any more."""
        self.in_flight.clear()
        self.lost.clear()
        self.payloads.clear()
        self._retransmitted.clear()

    def on_ack(self, through: int, nacks: Sequence[int], now: float) -> int:
        """Process an ack; returns how many packets it newly acknowledged.

        Acks of what was never sent are ignored as a whole.
        """
        if through >= self.next_sequence:
            return 0
        acked = self._newly_acked(through, nacks)
        if not acked:
            return 0
        in_flight = self.in_flight
        lost = self.lost
        round_trip = self.round_trip
        payloads, retransmitted = self.payloads, self._retransmitted
        newest: Burst | None = None
        count = spurious = 0
        newest_once = -1.0
        for sequence in acked:
            burst = in_flight.pop(sequence, None)
            if burst is None:
                burst = lost.pop(sequence, None)
                if burst is None:
                    continue
                spurious += 1
            del payloads[sequence]
            count += 1
            sent = burst.sent_at
            if retransmitted and sequence in retransmitted:
                retransmitted.discard(sequence)
                if now - sent < round_trip.minimum * 0.8:
                    # Too soon for the copy: this acknowledges the first transmission.
                    spurious += 1
                    if not self._too_soon_since:
                        self._too_soon_since = now
                    elif now - self._too_soon_since > TOO_SOON_ROUNDS * round_trip.minimum:
                        self._too_soon_since = round_trip.minimum = 0.0
                    continue
            elif sent > newest_once:
                newest_once = sent
            if newest is None or sent >= newest.sent_at:
                newest = burst
            if sent > self._newest_sent or (
                sent == self._newest_sent and sequence > self._newest_sequence
            ):
                self._newest_sent = sent
                self._newest_sequence = sequence
                self._newest_rtt = now - sent
        if not count:
            return 0
        self._holes.difference_update(acked)
        rtt_sample = 0.0
        # What is acknowledged after something later, or after an outage, says nothing of the path.
        is_newest = 0.0 <= newest_once >= self._newest_sent
        if is_newest and self.timeouts < TIMEOUTS_PERSISTENT:
            rtt_sample = now - newest_once
            round_trip.update(rtt_sample, now)
            self._too_soon_since = 0.0
        if spurious:
            self.spurious_total += spurious
            # fewer may have been probes
            self.is_reordering_seen |= spurious >= DUPLICATE_THRESHOLD
            self._reorder_steps = min(self._reorder_steps + 1, 8)
            self.congestion.on_spurious_loss(spurious)
        self.timeouts = 0
        self._last_progress = now
        self.delivered += count
        self._delivered_at = now
        sample = self._sample
        sample.rate = 0.0
        sample.is_app_limited = False
        sample.delivered_before = self.delivered - count
        if newest is not None:
            self._first_sent_at = newest.sent_at
            sample.delivered_before = newest.delivered
            sample.is_app_limited = newest.is_app_limited
            interval = max(newest.sent_at - newest.first_sent_at, now - newest.delivered_at)
            if interval > 0 and interval >= round_trip.minimum * 0.9:
                sample.rate = (self.delivered - newest.delivered) / interval
        sample.now = now
        sample.acked = count
        sample.lost = self.detect_lost(now)
        sample.rtt_s = rtt_sample
        sample.delivered = self.delivered
        sample.in_flight = len(in_flight)
        self.congestion.on_ack(sample)
        return count

    def _newly_acked(self, through: int, nacks: Sequence[int]) -> list[int]:
        holes = self._holes
        first = self.highest_acked + 1
        if not nacks:
            acked = [sequence for sequence in holes if sequence <= through] if holes else []
            if acked:
                self._note_reordering(acked)
            if through >= first:
                acked.extend(range(first, through + 1))
                self.highest_acked = through
            return acked
        refused = set(nacks)
        acked = [sequence for sequence in holes if sequence <= through and sequence not in refused]
        if acked:
            self._note_reordering(acked)
        for sequence in range(first, through + 1):
            if sequence in refused:
                holes.add(sequence)
            else:
                acked.append(sequence)
        self.highest_acked = max(self.highest_acked, through)
        return acked

    def _note_reordering(self, acked: list[int]) -> None:
        if not self.is_reordering_seen:
            for sequence in acked:
                if sequence in self.in_flight and sequence not in self._retransmitted:
                    self.is_reordering_seen = True
                    return

    def detect_lost(self, now: float) -> int:
        """Move overdue packets to ``lost``; returns how many."""
        self._reorder_deadline = 0.0
        in_flight = self.in_flight
        newest = self._newest_sent
        overdue: list[int] = []
        window: float | None = None
        for sequence, burst in in_flight.items():
            sent = burst.sent_at
            if sent > newest or (sent == newest and sequence > self._newest_sequence):
                break
            if window is None:
                window = self._reorder_window()
            due = sent + self._newest_rtt + window
            if due > now + _ROUNDING_S:
                self._reorder_deadline = due
                break
            overdue.append(sequence)
        for sequence in overdue:
            self.lost[sequence] = in_flight.pop(sequence)
        self.lost_total += len(overdue)
        return len(overdue)

    def _reorder_window(self) -> float:
        if not self.is_reordering_seen and self._holes:
            span = self.highest_acked - min(self._holes) + 1
            if span - len(self._holes) >= DUPLICATE_THRESHOLD:
                return 0.0
        round_trip = self.round_trip
        usual = round_trip.minimum or round_trip.smoothed
        return min(max(usual / 4, 0.002) * self._reorder_steps, round_trip.smoothed)

    @property
    def deadline(self) -> float:
        """When :meth:`on_timer` has something to do; 0 if never."""
        if self._reorder_deadline:
            return self._reorder_deadline
        if not self.in_flight:
            return 0.0
        return self._timeout_at()

    def _timeout_at(self) -> float:
        timeout = self.round_trip.timeout * (1 << min(self.timeouts, 8))
        return self._last_progress + min(timeout, TIMEOUT_MAX_S)

    def on_timer(self, now: float) -> int | None:
        """Handle a passed deadline; returns the sequence to resend as a probe, if any."""
        if self._reorder_deadline and now >= self._reorder_deadline - _ROUNDING_S:
            self.detect_lost(now)
        if not self.in_flight or now < self._timeout_at() - _ROUNDING_S:
            return None
        self.timeouts += 1
        self._last_progress = now
        if self.timeouts >= TIMEOUTS_PERSISTENT:
            self.lost.update(self.in_flight)
            self.lost_total += len(self.in_flight)
            self.in_flight.clear()
            self._reorder_deadline = 0.0
            self.round_trip.minimum = 0.0  # another path may be a shorter one
            self.congestion.on_timeout(now)
            return min(self.lost)
        # The first probe is the newest packet: its ack lists every gap below it. If even that is
        # lost the oldest one is what the peer waits for.
        return max(self.in_flight) if self.timeouts == 1 else min(self.in_flight)
