"""A stream's single timer: what is due next, and what follows when the peer says nothing.

i2pd: answers a CLOSE with its own CLOSE at once, sends nothing more, forgets the stream and never
resends; so a CLOSE that nobody acknowledges is given up early, and that counts as closed.
"""

from __future__ import annotations

from core.streaming.half_closed import QUESTIONS_MAX, HalfClosed
from core.streaming.options import StreamingOptions
from core.streaming.receiver import Receiver
from core.streaming.sender import Sender

#: timeouts until an unanswered CLOSE counts as answered; the second, if the peer closed before us
CLOSE_TIMEOUTS_MAX = 5
LAST_TIMEOUTS_MAX = 3
#: timeouts after which a SYN reply that was never acknowledged is given up
UNANSWERED_TIMEOUTS_MAX = 5
#: how long a peer that acknowledged our CLOSE may take to close when nobody reads any more
FIN_WAIT_S = 60.0
#: a choked peer that says nothing at all for so long is gone
CHOKED_SILENCE_S = 300.0
_ROUNDING_S = 1e-6

#: what :meth:`Timers.fire` says of a stream that goes on, and of one whose CLOSE was not answered;
#: anything else is why it is to be reset
GOES_ON = ""
CLOSE_UNANSWERED = "close_unanswered"


class Timers:
    """Of one stream. Times are monotonic seconds: when a packet last came or went (``active_at``)
    and came (``heard_at``), and when our CLOSE was acknowledged (``close_acked_at``, 0 before).

    ``suspect_timeouts``: after :meth:`fire`, how often in a row the peer did not answer if the path
    is to blame, else 0.
    """

    __slots__ = (
        "_half_closed",
        "_opened_at",
        "_options",
        "_receiver",
        "_sender",
        "active_at",
        "close_acked_at",
        "heard_at",
        "suspect_timeouts",
    )

    def __init__(
        self, options: StreamingOptions, sender: Sender, receiver: Receiver, now: float
    ) -> None:
        self._options = options
        self._sender = sender
        self._receiver = receiver
        self._opened_at = now
        self.active_at = now
        self.heard_at = now
        self.close_acked_at = 0.0
        self.suspect_timeouts = 0
        self._half_closed: HalfClosed | None = None

    def note_close_acked(self, now: float) -> None:
        """Our direction has ended."""
        self.close_acked_at = now
        self._half_closed = HalfClosed(now)

    def deadline(self) -> float:
        """When :meth:`fire`, or the making of packets, has something to do; 0 if never."""
        sender, receiver = self._sender, self._receiver
        earliest = float("inf")
        ack_at = receiver.due_at
        if ack_at and receiver.buffer.next_sequence and sender.may_ack:
            earliest = ack_at
        other = sender.deadline()
        if other and other < earliest:
            earliest = other
        if not sender.choke.is_choked:
            other = sender.recovery.deadline
            if other and other < earliest:
                earliest = other
        other = self._silence_deadline()
        if other and other < earliest:
            earliest = other
        return earliest if earliest != float("inf") else 0.0

    def _silence_deadline(self) -> float:
        options = self._options
        if self._sender.is_connecting:
            return self._opened_at + options.connect_timeout_s
        if self._sender.close_sequence < 0:
            return self.active_at + options.keepalive_s if options.keepalive_s else 0.0
        if self._half_closed is None:
            return 0.0
        if self._receiver.is_reading:
            return self._half_closed.due_at
        return self.close_acked_at + FIN_WAIT_S

    def fire(self, now: float, is_remote_closed: bool) -> str:
        """Handle what is due; too early or late calls do no harm.

        :data:`GOES_ON`, :data:`CLOSE_UNANSWERED`, or the reason of a reset. ``is_remote_closed``:
        the peer's direction has ended.
        """
        now += _ROUNDING_S
        self.suspect_timeouts = 0
        sender = self._sender
        outcome = self._on_silence(now)
        if outcome:
            return outcome
        if sender.choke.is_choked:
            if now >= sender.choke.persist_at:
                sender.persist(now)
            return "timeout" if now >= self.heard_at + CHOKED_SILENCE_S else GOES_ON
        if sender.recovery.deadline and now >= sender.recovery.deadline:
            return self._on_ack_overdue(now, is_remote_closed)
        return GOES_ON

    def _on_silence(self, now: float) -> str:
        """Who is silent though nothing is under way: before the reply, while idle, after CLOSE."""
        options, sender = self._options, self._sender
        if sender.is_connecting:
            return "connect_timeout" if now >= self._silence_deadline() else GOES_ON
        if sender.close_sequence < 0:
            if options.keepalive_s and now >= self._silence_deadline():
                if options.ends_inactive:
                    return "inactive"
                self.active_at = now
                # An empty data packet: unlike a plain ack it must be acknowledged.
                sender.is_keepalive_due = sender.is_flushed
            return GOES_ON
        half_closed = self._half_closed
        if half_closed is None:
            return GOES_ON
        if not self._receiver.is_reading and now >= self._silence_deadline():
            return "local"
        timeout_s = sender.recovery.round_trip.timeout
        if now < half_closed.due_at or not half_closed.is_asking(now, self.heard_at, timeout_s):
            return GOES_ON
        sender.probe(sender.close_sequence)
        if half_closed.questions > 1:
            self.suspect_timeouts = half_closed.questions
        return "timeout" if half_closed.questions > QUESTIONS_MAX else GOES_ON

    def _on_ack_overdue(self, now: float, is_remote_closed: bool) -> str:
        sender, recovery = self._sender, self._sender.recovery
        probe = recovery.on_timer(now)
        if probe is None:
            return GOES_ON
        timeouts = recovery.timeouts
        # i2pd: a peer that has closed, or that was sent CLOSE, is likely gone without a word.
        is_last = recovery.lowest_unacked == sender.close_sequence
        limit = LAST_TIMEOUTS_MAX if is_remote_closed and is_last else CLOSE_TIMEOUTS_MAX
        if (is_remote_closed or is_last) and timeouts > limit:
            return CLOSE_UNANSWERED
        is_unanswered = sender.is_inbound and recovery.highest_acked < 0
        if (timeouts > self._options.resend_max and not sender.is_connecting) or (
            is_unanswered and timeouts > UNANSWERED_TIMEOUTS_MAX
        ):
            return "timeout"
        # i2pd: resets a stream when data comes and its SYN reply does not, within 600 ms, or
        # packet 1 does not.
        sender.probe(recovery.lowest_unacked if sender.is_first_flight else probe)
        if (timeouts >= 2 or sender.is_connecting) and not is_last:
            self.suspect_timeouts = timeouts
        return GOES_ON
