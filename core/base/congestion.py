"""How many packets a sender may have in flight, and how fast it may send them.

A controller is told about every acknowledgement and keeps two numbers: ``window`` (packets) and
``pacing_rate`` (packets per second, 0 = as fast as the window allows). It never sees packets.
This file holds the interface and CUBIC (RFC 9438); streams and datagram transports use them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

WINDOW_MIN = 4.0


@dataclass(slots=True)
class AckSample:
    """One processed acknowledgement. Reused by the caller: do not keep it.

    ``rtt_s`` is 0 and ``rate`` (packets per second) is 0 if this ack gave no valid sample.
    ``delivered`` counts all packets ever acknowledged; ``delivered_before`` is what it was when
    the newest acknowledged packet was sent: both mark round trips.
    """

    now: float = 0.0
    acked: int = 0
    lost: int = 0
    rtt_s: float = 0.0
    rate: float = 0.0
    is_app_limited: bool = False
    delivered: int = 0
    delivered_before: int = 0
    in_flight: int = 0


class Burst:
    """What all packets sent at one moment share: when that was, and the delivery rate until then.

    Times are monotonic seconds. ``delivered`` counts packets acknowledged by then, the last of them
    at ``delivered_at``; the rate sample begins with what was sent at ``first_sent_at``
    (draft-cheng-iccrg-delivery-rate-estimation). ``is_app_limited``: what is measured with it says
    less than the path could do.
    """

    __slots__ = ("delivered", "delivered_at", "first_sent_at", "is_app_limited", "sent_at")

    def __init__(
        self,
        sent_at: float,
        delivered: int,
        delivered_at: float,
        first_sent_at: float,
        is_app_limited: bool,
    ) -> None:
        self.sent_at = sent_at
        self.delivered = delivered
        self.delivered_at = delivered_at
        self.first_sent_at = first_sent_at
        self.is_app_limited = is_app_limited


class CongestionController(Protocol):
    """What a sender's loss recovery drives."""

    window: float
    pacing_rate: float

    def on_ack(self, sample: AckSample) -> None:
        """Packets were acknowledged, and perhaps some found lost."""
        ...

    def on_timeout(self, now: float) -> None:
        """Nothing was acknowledged for several timeouts: everything in flight is lost."""
        ...

    def on_spurious_loss(self, count: int) -> None:
        """``count`` packets declared lost arrived after all."""
        ...

    def limit(self, window_max: int) -> None:
        """The peer was found to take no more than ``window_max`` packets."""
        ...


class Cubic:
    """CUBIC with slow start left on rising delay, paced at 1.25 windows per round trip (2 in
    slow start)."""

    BETA: Final = 0.7
    C: Final = 0.4

    def __init__(self, window_initial: float, window_max: int, rtt_s: float = 0.0) -> None:
        self.window = float(window_initial)
        self.pacing_rate = 0.0
        self._window_max = float(window_max)
        self._threshold = float(window_max)
        self._rtt = rtt_s
        self._rtt_min = rtt_s
        self._epoch_start = 0.0
        self._origin = 0.0
        self._recovery_until = 0
        self._before_loss = (self.window, self._threshold)
        self._round_end = 0
        self._round_rtt = 0.0
        self._last_round_rtt = 0.0
        self._set_pacing()

    def on_ack(self, sample: AckSample) -> None:
        """As :meth:`CongestionController.on_ack`."""
        rtt = sample.rtt_s
        if rtt:
            self._rtt = rtt if not self._rtt else self._rtt * 0.875 + rtt * 0.125
            self._rtt_min = min(self._rtt_min or rtt, rtt)
            self._round_rtt = min(self._round_rtt or rtt, rtt)
        if sample.delivered_before >= self._round_end:
            self._round_end = sample.delivered
            self._leave_slow_start_on_delay()
            self._last_round_rtt, self._round_rtt = self._round_rtt, 0.0
        if sample.lost and sample.delivered_before >= self._recovery_until:
            self._on_loss(sample)
        elif not sample.is_app_limited:
            self._grow(sample)
        self._set_pacing()

    def _leave_slow_start_on_delay(self) -> None:
        last, this = self._last_round_rtt, self._round_rtt
        if self.window >= self._threshold or self.window < 16 or not last or not this:
            return
        if this >= last + min(max(last / 8, 0.004), 0.100):
            self._threshold = self.window

    def _on_loss(self, sample: AckSample) -> None:
        self._before_loss = (self.window, self._threshold)
        self._recovery_until = sample.delivered + sample.in_flight
        self._origin = self.window
        self.window = max(self.window * self.BETA, WINDOW_MIN)
        self._threshold = self.window
        self._epoch_start = sample.now

    def _grow(self, sample: AckSample) -> None:
        if self.window < self._threshold:
            self.window += sample.acked
        else:
            if not self._epoch_start:
                self._epoch_start = sample.now
                self._origin = self.window
            elapsed = sample.now - self._epoch_start + self._rtt
            back = (self._origin * (1 - self.BETA) / self.C) ** (1 / 3)
            target = self.C * (elapsed - back) ** 3 + self._origin
            reno = 3 * (1 - self.BETA) / (1 + self.BETA) * sample.acked / self.window
            if target > self.window:
                step = (min(target, self.window * 1.5) - self.window) / self.window * sample.acked
                self.window += max(step, reno)
            else:
                self.window += reno
        self.window = min(self.window, self._window_max)

    def _set_pacing(self) -> None:
        if self._rtt:
            gain = 2.0 if self.window < self._threshold else 1.25
            self.pacing_rate = gain * self.window / self._rtt

    def on_timeout(self, now: float) -> None:
        """Slow start again, up to a share of the window that failed."""
        self._threshold = max(self.window * self.BETA, WINDOW_MIN)
        self.window = WINDOW_MIN
        self._epoch_start = 0.0
        self._set_pacing()

    def on_spurious_loss(self, count: int) -> None:
        """Restore the window from before the last loss."""
        window, threshold = self._before_loss
        self.window = min(max(self.window, window), self._window_max)
        self._threshold = max(self._threshold, threshold)

    def limit(self, window_max: int) -> None:
        """As :meth:`CongestionController.limit`."""
        self._window_max = max(float(window_max), WINDOW_MIN)
        self.window = min(self.window, self._window_max)
