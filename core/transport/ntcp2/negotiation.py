"""The handshake of one connection, fed with what was read: which step is due, and what it gives.

The steps themselves are in :mod:`core.transport.ntcp2.handshake`; here are the order, the clock of
the peer and replays.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.base.errors import PeerError
from core.transport.context import CLOCK_SKEW_MAX_S
from core.transport.ntcp2 import handshake
from core.transport.ntcp2.context import Context
from core.transport.ntcp2.handshake import Awaited
from core.transport.ntcp2.keys import SessionKeys
from core.transport.ntcp2.states import Trigger
from core.transport.reasons import TerminationReason


@dataclass(frozen=True, slots=True)
class Step:
    """One step was made. ``output``: what to write; ``keys``: those of the data phase, at the end.

    ``has_skew``: Alice knows Bob's clock now. ``trigger`` CLOSE: it is too wrong to go on.
    """

    trigger: Trigger
    output: bytes = b""
    keys: SessionKeys | None = None
    has_skew: bool = False


class Negotiation:
    """See the module. ``skew_s``: the peer's clock minus ours, half the round trip taken off."""

    __slots__ = ("_awaited", "_buffer", "_context", "_replay_key", "_sent_at", "skew_s")

    def __init__(self, context: Context, awaited: Awaited, now: float) -> None:
        self._context = context
        self._awaited: Awaited | None = awaited
        self._buffer = b""
        self._sent_at = now
        self._replay_key = 0
        self.skew_s = 0.0

    def receive_data(self, data: bytes) -> None:
        """Bytes of the peer."""
        self._buffer += data

    def take_rest(self) -> bytes:
        """What came behind the last message."""
        rest, self._buffer = self._buffer, b""
        return rest

    def next_step(self, now: float) -> Step | None:
        """Make the step that is due, or None if it wants more bytes.

        DecodeError or PeerError if they are no genuine message.
        """
        awaited = self._awaited
        if awaited is None:
            return None
        data, wanted = self._buffer, awaited.wanted
        if len(data) < wanted:
            return None
        if len(data) > wanted and isinstance(
            awaited, handshake.AwaitCreatedPadding | handshake.AwaitRequestPadding
        ):
            # specs/ntcp2: the peer cannot know yet what it would have to send next.
            raise PeerError("data after message 1 or 2")
        self._buffer = data[wanted:]
        return self._make(awaited, data[:wanted], now)

    def _make(self, awaited: Awaited, data: bytes, now: float) -> Step:
        if isinstance(awaited, handshake.AwaitRequest):
            self._replay_key = int.from_bytes(data[:8], "big")
            request = awaited.step(data)
            if isinstance(request, handshake.AwaitRequestPadding):
                return self._on_request(request, now)
            self._awaited = request
            return Step(Trigger.MARK)
        if isinstance(awaited, handshake.AwaitHybridRequest):
            return self._on_request(awaited.step(data), now)
        if isinstance(awaited, handshake.AwaitRequestPadding):
            # A skewed Alice is answered too, so that she learns our time; message 3 decides.
            self._awaited, created = awaited.step(data)
            self._sent_at = now
            return Step(Trigger.REQUEST_PADDING, created)
        if isinstance(awaited, handshake.AwaitCreated):
            return self._on_created(awaited, data, now)
        self._awaited = None
        if isinstance(awaited, handshake.AwaitCreatedPadding):
            keys, confirmed = awaited.step(data)
            return Step(Trigger.CREATED_PADDING, confirmed, keys)
        keys = awaited.step(data)
        self.skew_s += (now - self._sent_at) / 2
        return Step(Trigger.CONFIRMED, keys=keys)

    def _on_request(self, awaited: handshake.AwaitRequestPadding, now: float) -> Step:
        context = self._context
        if context.replays.is_duplicate(self._replay_key, now):
            context.stats.replays += 1
            raise PeerError("message 1 was replayed", TerminationReason.MESSAGE_1_ERROR)
        self.skew_s = awaited.peer_time_s - context.wall.now()
        self._awaited = awaited
        return Step(Trigger.REQUEST)

    def _on_created(self, awaited: handshake.AwaitCreated, data: bytes, now: float) -> Step:
        padding = awaited.step(data)
        self.skew_s = padding.peer_time_s + (now - self._sent_at) / 2 - self._context.wall.now()
        if abs(self.skew_s) > CLOCK_SKEW_MAX_S:
            self._awaited = None
            return Step(Trigger.CLOSE, has_skew=True)
        self._awaited = padding
        return Step(Trigger.CREATED, has_skew=True)
