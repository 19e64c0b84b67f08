"""What the peer's chokes make of a sender: how much it may send, and when it asks again.

A choked sender stops and probes; i2pd: never unchokes explicitly, so an ack that makes progress
without the option unchokes as well. A choked peer may be full of what lies beyond a gap, so gaps
are filled all the same, in bursts, as long as that is acknowledged. i2pd also chokes, with each
ack, while it misses more packets than an ack can name: then only what is lost is sent, until
nothing is.
"""

from __future__ import annotations

from core.streaming.packet import DELAY_CHOKE_MIN

PERSIST_MIN_S = 0.5
PERSIST_MAX_S = 10.0
CHOKED_WINDOW_MIN = 16
#: i2pd: "too many NACKs", a matter of loss and not of a slow reader
_DELAYS_OVERFLOW = (60000, 65535)
#: what each ack that makes progress gives back of the window that a choke took
_WINDOW_REGAINED = 0.25


class Choke:
    """``is_choked``: the peer has no room. ``is_retransmit_only``: it misses too much, new data
    waits for the lost.

    ``window_limit`` is in packets, never above ``window_max``; ``persist_at`` is when the peer is
    asked whether it still has no room, in monotonic seconds, 0 if it is not choked.
    """

    __slots__ = (
        "_persist_s",
        "_window_max",
        "is_choked",
        "is_retransmit_only",
        "may_fill_gaps",
        "persist_at",
        "window_limit",
    )

    def __init__(self, window_max: int) -> None:
        self._window_max = window_max
        self.window_limit = float(window_max)
        self.is_choked = False
        self.is_retransmit_only = False
        #: choked, but what is missing below something acknowledged may be sent once more
        self.may_fill_gaps = False
        self.persist_at = 0.0
        self._persist_s = PERSIST_MIN_S

    def note_progress(self, has_lost: bool, now: float) -> None:
        """Something new was acknowledged."""
        if self.is_choked:
            if has_lost:
                self._persist_s = PERSIST_MIN_S
                self.persist_at = now
        elif self.window_limit < self._window_max:
            self.window_limit = min(self._window_max, self.window_limit + _WINDOW_REGAINED)

    def begin(self, delay_ms: int, outstanding: int, timeout_s: float, now: float) -> bool:
        """The peer has no room, or misses too much; True if it now misses too much, as news.

        ``delay_ms`` is the option of its ack, ``outstanding`` counts packets in flight and lost,
        ``timeout_s`` is how long an ack is waited for.
        """
        assert delay_ms >= DELAY_CHOKE_MIN
        if not (self.is_choked or self.is_retransmit_only):
            limit = min(self.window_limit, outstanding) * 0.75
            self.window_limit = max(limit, CHOKED_WINDOW_MIN)
        if delay_ms in _DELAYS_OVERFLOW:
            is_news = not self.is_retransmit_only
            self.is_retransmit_only = True
            return is_news
        if not self.is_choked:
            self.is_choked = True
            self._persist_s = max(PERSIST_MIN_S, timeout_s)
            self.persist_at = now + self._persist_s
        return False

    def end(self) -> bool:
        """The peer has room again; True if it had none."""
        self.is_retransmit_only = False
        was_choked = self.is_choked
        if was_choked:
            self.is_choked = False
            self.persist_at = 0.0
        return was_choked

    def persist(self, now: float) -> None:
        """The peer is asked now, and next after twice the time; gaps may be filled meanwhile."""
        self._persist_s = min(self._persist_s * 2, PERSIST_MAX_S)
        self.persist_at = now + self._persist_s
        self.may_fill_gaps = True

    def take_gap_filling(self) -> bool:
        """True, once after each question, if gaps may be filled."""
        may_fill, self.may_fill_gaps = self.may_fill_gaps, False
        return may_fill
