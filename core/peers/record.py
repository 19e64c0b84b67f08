"""The experience with one router: counters that fade, streaks, latency.

Counters halve every half hour, so what a router did yesterday weighs nothing and a flood of bad
luck is forgiven. All times are monotonic seconds.
"""

from __future__ import annotations

from struct import Struct

from core.base.errors import DecodeError

HALF_LIFE_S = 1800.0
DECLINE_PAUSE_S = 20.0
"""After one declined build (Java: 20 s, i2pd: 330 s); doubles with each further one in a row."""
DECLINE_PAUSE_MAX_S = 330.0
LOSS_STREAK_MIN = 3.0
"""Lost builds in a row, shared among their hops, after which a router is paused."""
LOSS_PAUSE_S = 60.0
LOSS_PAUSE_MAX_S = 600.0
CONNECT_PAUSE_S = 60.0
"""After a failed connection; doubles up to i2pd's eight minutes."""
CONNECT_PAUSE_MAX_S = 480.0
RESTART_PAUSE_S = 5.0
"""After a failed connection to a router that we were connected to: it may just start again."""
RESTART_FAILURES = 4

RATE_FAILING = 0.34
"""Who does less of what we ask, in three builds or more, is failing."""
_TESTED_MIN = 3.0
SPEED_HALF_LIFE_S = 6 * 3600.0
"""What a router has carried for us says something for longer than how it answers."""
_CARRIED_MIN = 1024.0
_RTT_HALF_S = 0.25
"""A hop that adds so much to a round trip counts as half as fast as one that adds nothing."""

_PACKED = Struct(">ffffff")
_PACKED_BEFORE = Struct(">fffff")


class PeerRecord:
    """Counters and pauses of one router. Fields are read-only outside of this room."""

    __slots__ = (
        "_faded_at",
        "accepted",
        "carried_bytes_s",
        "connect_failures",
        "connected_at",
        "decline_streak",
        "declined",
        "good_at",
        "hop_rtt_s",
        "loss_streak",
        "lost",
        "paused_until",
        "silent_until",
        "touched_at",
        "unreachable_until",
    )

    def __init__(self, now: float) -> None:
        self.accepted = 0.0
        self.declined = 0.0
        self.lost = 0.0
        self.decline_streak = 0
        self.loss_streak = 0.0
        self.connect_failures = 0
        self.connected_at: float | None = None
        self.hop_rtt_s: float | None = None
        """Round trip that the router adds to a tunnel test."""
        self.carried_bytes_s = 0.0
        """The most that a tunnel of ours through it has carried; fades."""
        self.paused_until = 0.0
        self.good_at = float("-inf")
        """When it was last known to be there: dialled, a hop of a build or of a test."""
        self.silent_until = 0.0
        """As our neighbour it lets builds vanish; see core/peers/silence.py."""
        self.unreachable_until = 0.0
        self.touched_at = now
        self._faded_at = now

    def fade(self, now: float) -> None:
        """Let the counters decay up to ``now``."""
        elapsed = now - self._faded_at
        if elapsed > 1.0:
            factor = 0.5 ** (elapsed / HALF_LIFE_S)
            self.accepted *= factor
            self.declined *= factor
            self.lost *= factor
            self.carried_bytes_s *= 0.5 ** (elapsed / SPEED_HALF_LIFE_S)
            self._faded_at = now

    def note_accepted(self, now: float) -> None:
        """It agreed to be a hop."""
        self._touch(now)
        self.accepted += 1
        self.good_at = now
        self.decline_streak = 0
        self.loss_streak = 0.0
        self.paused_until = 0.0

    def note_declined(self, now: float) -> None:
        """It declined to be a hop: leave it alone for a while, longer each time in a row."""
        self._touch(now)
        self.declined += 1
        self.good_at = now
        self.loss_streak = 0.0
        pause = min(DECLINE_PAUSE_S * 2**self.decline_streak, DECLINE_PAUSE_MAX_S)
        self.decline_streak = min(self.decline_streak + 1, 16)
        self.paused_until = max(self.paused_until, now + pause)

    def note_lost(self, share: float, now: float) -> None:
        """A build vanished; ``share`` is 1 divided by the hops that may have lost it."""
        self._touch(now)
        self.lost += share
        self.loss_streak += share
        if self.loss_streak >= LOSS_STREAK_MIN:
            over = min(self.loss_streak - LOSS_STREAK_MIN, 8.0)
            pause = min(LOSS_PAUSE_S * 2**over, LOSS_PAUSE_MAX_S)
            self.paused_until = max(self.paused_until, now + pause)

    def take_back_loss(self, share: float) -> None:
        """A build was lost by another hop, as is known now."""
        self.lost = max(0.0, self.lost - share)
        self.loss_streak = max(0.0, self.loss_streak - share)
        if self.loss_streak < LOSS_STREAK_MIN and not self.decline_streak:
            self.paused_until = 0.0

    def note_test(self, share: float, hop_rtt_s: float | None, now: float) -> None:
        """A tunnel test passed (its round trip for each hop) or was lost (None)."""
        self._touch(now)
        if hop_rtt_s is None:
            self.lost += share / 2
            return
        self.good_at = now
        old = self.hop_rtt_s
        self.hop_rtt_s = hop_rtt_s if old is None else 0.8 * old + 0.2 * hop_rtt_s

    def note_carried(self, bytes_s: float, now: float) -> None:
        """A tunnel through it carried so much."""
        self._touch(now)
        self.carried_bytes_s = max(self.carried_bytes_s, bytes_s)

    def note_connected(self, now: float) -> None:
        """A link to it is up."""
        self._touch(now)
        self.connected_at = self.good_at = now
        self.connect_failures = 0
        self.unreachable_until = 0.0

    def note_connect_failed(self, now: float) -> None:
        """It could not be dialled: leave it alone for a while, longer each time in a row."""
        self._touch(now)
        failures, base_s = self.connect_failures, CONNECT_PAUSE_S
        if self.connected_at is not None:
            if failures < RESTART_FAILURES:
                base_s = RESTART_PAUSE_S
            else:
                failures -= RESTART_FAILURES
        pause = min(base_s * 2**failures, CONNECT_PAUSE_MAX_S)
        self.connect_failures = min(self.connect_failures + 1, 16)
        self.unreachable_until = now + pause

    def forgive_connect_failures(self) -> None:
        """They were not its fault."""
        self.connect_failures = 0
        self.unreachable_until = 0.0

    def forgive(self) -> None:
        """End every pause: what led to them was our own fault."""
        self.forgive_connect_failures()
        self.paused_until = 0.0
        self.decline_streak = 0
        self.loss_streak = 0.0

    def is_restarting(self, now: float) -> bool:
        """It cannot be reached for a short while, after a link that worked."""
        is_recent = self.connected_at is not None and self.connect_failures <= RESTART_FAILURES
        return is_recent and self.unreachable_until > now

    @property
    def rate(self) -> float:
        """How often it did what we asked, between 0 and 1; 1 for an unknown router."""
        return (self.accepted + 2) / (self.accepted + self.declined + self.lost + 2)

    @property
    def speed(self) -> float:
        """What it has carried for us, in bytes per second, less for a long round trip."""
        rtt_s = 1.0 if self.hop_rtt_s is None else self.hop_rtt_s
        return max(self.carried_bytes_s, _CARRIED_MIN) * _RTT_HALF_S / (_RTT_HALF_S + rtt_s)

    def is_failing(self, now: float) -> bool:
        """Whether it cannot be reached, is silent, or loses or declines most of what we ask."""
        if max(self.unreachable_until, self.silent_until) > now:
            return True
        asked = self.accepted + self.declined + self.lost
        is_bad = asked >= _TESTED_MIN and self.rate < RATE_FAILING
        return is_bad or self.loss_streak >= LOSS_STREAK_MIN

    def _touch(self, now: float) -> None:
        self.fade(now)
        self.touched_at = now

    def pack(self, now: float) -> bytes:
        """24 bytes for the data directory: counters, latency, age, throughput."""
        self.fade(now)
        rtt = -1.0 if self.hop_rtt_s is None else self.hop_rtt_s
        age = now - self.touched_at
        counters = self.accepted, self.declined, self.lost
        return _PACKED.pack(*counters, rtt, age, self.carried_bytes_s)

    @classmethod
    def unpack(cls, data: bytes, then: float) -> PeerRecord:
        """The inverse of :meth:`pack` at the time ``then``; DecodeError if it is not that.

        Records of 20 bytes, which know no throughput, are of earlier versions.
        """
        if len(data) == RECORD_BYTES_BEFORE:
            data += bytes(RECORD_BYTES - RECORD_BYTES_BEFORE)
        if len(data) != RECORD_BYTES:
            raise DecodeError("peer record has the wrong length")
        accepted, declined, lost, rtt, age, carried = _PACKED.unpack(data)
        if not all(0 <= value < 1e9 for value in (accepted, declined, lost, age, carried)):
            raise DecodeError("peer record holds impossible numbers")
        record = cls(then)
        record.accepted, record.declined, record.lost = accepted, declined, lost
        record.hop_rtt_s = rtt if 0 <= rtt < 1e3 else None
        record.touched_at = then - age
        record.carried_bytes_s = carried
        return record


RECORD_BYTES = _PACKED.size
RECORD_BYTES_BEFORE = _PACKED_BEFORE.size
