"""New session messages of others: opened once, if their date is fresh and somebody pays for it.

Spec: ECIES-X25519-AEAD-Ratchet, sections 1b to 1f. Anybody can send one, and to find out that it is
junk costs as much as to open it.
"""

from __future__ import annotations

from core.base.errors import DecodeError
from core.base.filters import DuplicateFilter
from core.base.ports import WallClock
from core.base.rates import STRANGERS_SHARE, FairShares, Source
from core.crypto.x25519 import X25519Key
from core.garlic import handshake
from core.garlic.cloves import Payload, parse_payload
from core.garlic.opened import RatchetCounters
from core.garlic.router import REPLAY_PERIOD_S, check_date_time

NEW_SESSION_COST_S = 130e-6
"""CPU time of a new session message, also of one that somebody made up (in pure Python)."""
_REPLAY_MAX = 50_000


class NewSessions:
    """See the module. ``counters`` tells what is dropped.

    ``shares``: what new sessions may cost, charged to the source; what is over that is refused
    evenly, and whoever gets no reply tries again.
    """

    __slots__ = ("_counters", "_replays", "_shares", "_start", "_static", "_wall")

    def __init__(
        self,
        static: X25519Key,
        wall: WallClock,
        counters: RatchetCounters,
        shares: FairShares | None,
    ) -> None:
        self._static = static
        self._wall = wall
        self._counters = counters
        self._start = handshake.responder_state(static.public)
        self._replays = DuplicateFilter(REPLAY_PERIOD_S, _REPLAY_MAX)
        self._shares = FairShares(STRANGERS_SHARE) if shares is None else shares

    def open(
        self, ciphertext: bytes, now: float, source: Source, refuse_before_s: int
    ) -> tuple[handshake.IncomingHandshake | None, Payload] | None:
        """The handshake (None: the sender is anonymous) and what came with it.

        None if it must be dropped; DecodeError if it is not for us. Messages dated before the wall
        time ``refuse_before_s`` are dropped.
        """
        if len(ciphertext) < handshake.NEW_SESSION_BYTES_MIN:
            raise DecodeError("garlic message too short for a new session")
        if not self._shares.take(("session", *source), NEW_SESSION_COST_S, now):
            self._counters.over_rate += 1
            return None
        ephemeral = handshake.ephemeral_of(ciphertext)
        replay_key = int.from_bytes(ephemeral[:8], "little")
        if self._replays.is_known(replay_key, now):
            self._counters.replayed += 1
            return None
        opened = handshake.open_new_session(self._static, self._start, ciphertext, ephemeral)
        try:
            payload = parse_payload(opened.payload)
        except DecodeError:
            self._counters.broken += 1
            return None
        try:
            check_date_time(payload.date_time_s, self._wall, refuse_before_s)
        except DecodeError:
            self._counters.stale += 1
            return None
        # Only now: what others make up must not fill the filter.
        self._replays.is_duplicate(replay_key, now)
        self._counters.opened += 1
        self._counters.new_sessions += 1
        return opened.handshake, payload
