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

_PACKED = Struct(">fffff")


class PeerRecord:
    """Counters and pauses of one router. Fields are read-only outside of this room."""

    __slots__ = (
        "_faded_at",
        "accepted",
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

    def _touch(self, now: float) -> None:
        self.fade(now)
        self.touched_at = now

    def pack(self, now: float) -> bytes:
        """20 bytes for the data directory: counters, latency, age."""
        self.fade(now)
        rtt = -1.0 if self.hop_rtt_s is None else self.hop_rtt_s
        return _PACKED.pack(self.accepted, self.declined, self.lost, rtt, now - self.touched_at)

    @classmethod
    def unpack(cls, data: bytes, then: float) -> PeerRecord:
        """The inverse of :meth:`pack` at the time ``then``; DecodeError if it is not that."""
        if len(data) != _PACKED.size:
            raise DecodeError("peer record has the wrong length")
        accepted, declined, lost, rtt, age = _PACKED.unpack(data)
        if not all(0 <= value < 1e9 for value in (accepted, declined, lost, age)):
            raise DecodeError("peer record holds impossible numbers")
        record = cls(then)
        record.accepted, record.declined, record.lost = accepted, declined, lost
        record.hop_rtt_s = rtt if 0 <= rtt < 1e3 else None
        record.touched_at = then - age
        return record


RECORD_BYTES = _PACKED.size
