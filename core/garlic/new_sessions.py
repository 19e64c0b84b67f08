"""New session messages of others: opened once, if their date is fresh and somebody pays for it.

Spec: ECIES-X25519-AEAD-Ratchet, sections 1b to 1f. Anybody can send one, and to find out that it is
junk costs as much as to open it.

With keys of several encryption types a message that is long enough for a hybrid one is tried as
that first (PQ hybrid spec, "Shared Tunnels").
"""

from __future__ import annotations

from collections.abc import Mapping

from core.base.errors import DecodeError
from core.base.filters import DuplicateFilter
from core.base.ports import WallClock
from core.base.rates import STRANGERS_SHARE, FairShares, Source
from core.crypto.x25519 import X25519Key
from core.garlic.cloves import Payload, parse_payload
from core.garlic.handshake import (
    IncomingHandshake,
    OpenedNewSession,
    ephemeral_of,
    open_new_session,
    responder_state,
)
from core.garlic.opened import RatchetCounters
from core.garlic.router import REPLAY_PERIOD_S, check_date_time
from core.garlic.suites import SUITES

NEW_SESSION_COST_S = 130e-6
"""CPU time of a new session message, also of one that somebody made up (in pure Python), for each
encryption type as which it is tried."""
_REPLAY_MAX = 50_000


class NewSessions:
    """See the module. ``keys``: by encryption type. ``counters`` tells what is dropped.

    ``shares``: what new sessions may cost, charged to the source; what is over that is refused
    evenly, and whoever gets no reply tries again.
    """

    __slots__ = ("_candidates", "_counters", "_replays", "_shares", "_wall")

    def __init__(
        self,
        keys: Mapping[int, X25519Key],
        wall: WallClock,
        counters: RatchetCounters,
        shares: FairShares | None,
    ) -> None:
        self._candidates = [
            (SUITES[kind], keys[kind], responder_state(keys[kind].public, SUITES[kind]))
            for kind in sorted(keys, reverse=True)
        ]
        self._wall = wall
        self._counters = counters
        self._replays = DuplicateFilter(REPLAY_PERIOD_S, _REPLAY_MAX)
        self._shares = FairShares(STRANGERS_SHARE) if shares is None else shares

    def open(
        self, ciphertext: bytes, now: float, source: Source, refuse_before_s: int
    ) -> tuple[IncomingHandshake | None, Payload] | None:
        """The handshake (None: the sender is anonymous) and what came with it.

        None if it must be dropped; DecodeError if it is not for us. Messages dated before the wall
        time ``refuse_before_s`` are dropped.
        """
        ephemeral: bytes | None = None
        opened: OpenedNewSession | None = None
        size = len(ciphertext)
        for suite, static, start in self._candidates:
            if size < suite.new_session_bytes_min:
                continue
            if not self._shares.take(("session", *source), NEW_SESSION_COST_S, now):
                self._counters.over_rate += 1
                return None
            if ephemeral is None:
                ephemeral = ephemeral_of(ciphertext)
                if self._replays.is_known(int.from_bytes(ephemeral[:8], "little"), now):
                    self._counters.replayed += 1
                    return None
            try:
                opened = open_new_session(static, start, ciphertext, ephemeral, suite)
                break
            except DecodeError:
                continue  # perhaps of another type
        if opened is None:
            raise DecodeError(f"garlic message of {size} bytes is no new session for us")
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
        self._replays.is_duplicate(int.from_bytes(opened.ephemeral[:8], "little"), now)
        self._counters.opened += 1
        self._counters.new_sessions += 1
        return opened.handshake, payload
