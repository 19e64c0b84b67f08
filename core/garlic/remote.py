"""Everything we share with one remote: handshakes both ways, sessions, and which one to send on.

Spec: ECIES-X25519-AEAD-Ratchet, sections 1g and 4a, "Multiple NS messages" and "Multiple NSR
messages".

As Alice we may have several new session messages out; the first reply to arrive wins and later
ones only deliver their cloves. As Bob every reply we send opens a *candidate* session; the first
one that Alice uses becomes a real one and the others are dropped with their handshakes.

Always holds: ``current`` is confirmed and in ``sessions``; all lists are bounded.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.garlic.handshake import IncomingHandshake, OutgoingHandshake
from core.garlic.session import RatchetSession
from core.garlic.tagset import ReceiveTagSet

HANDSHAKE_LIFETIME_S = 180.0
"""Spec: 3 minutes for reply tags; i2pd the same."""

OUTGOING_MAX = 16
OUTGOING_FIRST = 8
"""Java answers all messages with the session of the first New Session that it got: of too many that
are under way the first ones stay, and the last."""
INCOMING_MAX = 8
SESSIONS_MAX = 4
REPLIES_PER_HANDSHAKE_MAX = 12
"""Java and i2pd: wait for 12 reply tags."""

_SILENT_S = 10.0


class Outgoing:
    """A new session message of ours that awaits replies."""

    __slots__ = ("ack_key", "handshake", "remote", "sent_at", "tag_set")

    def __init__(
        self, remote: Remote, handshake: OutgoingHandshake, now: float, ack_key: int | None
    ) -> None:
        self.remote = remote
        self.handshake = handshake
        self.sent_at = now
        self.ack_key = ack_key
        self.tag_set: ReceiveTagSet | None = None

    def close(self) -> None:
        """Give up its tags."""
        if self.tag_set is not None:
            self.tag_set.close()
            self.tag_set = None


class Incoming:
    """A new session message of the remote that we can answer."""

    __slots__ = ("ack_keys", "handshake", "received_at")

    def __init__(self, handshake: IncomingHandshake, now: float) -> None:
        self.handshake = handshake
        self.received_at = now
        self.ack_keys: list[int] = []


class Remote:
    """The holder of one static key. Times are monotonic seconds."""

    __slots__ = (
        "_touched",
        "candidates",
        "current",
        "incoming",
        "last_new_session",
        "outgoing",
        "peer_window",
        "prefers_reply",
        "sessions",
        "static",
    )

    def __init__(self, static: bytes, now: float) -> None:
        self.static = static
        self.current: RatchetSession | None = None
        self.sessions: list[RatchetSession] = []
        self.candidates: list[RatchetSession] = []
        self.incoming: list[Incoming] = []
        self.outgoing: list[Outgoing] = []
        self.prefers_reply = False
        """The remote started anew although we have a session: it may have lost that one."""
        self.last_new_session: float | None = None
        self.peer_window: int | None = None
        self._touched = now

    def choose(self, now: float, suspect_interval_s: float) -> RatchetSession | Incoming | None:
        """What the next message goes out on: a session, an open handshake, or None (start one)."""
        session = self.current
        if session is not None:
            if now < session.sure_until and not self.prefers_reply:
                return session
            if session.is_dead(now):
                session = None
        if self.incoming and (session is None or self.prefers_reply):
            newest = self.incoming[-1]
            if (
                newest.handshake.replies_sent < REPLIES_PER_HANDSHAKE_MAX
                and now - newest.received_at < HANDSHAKE_LIFETIME_S
            ):
                return newest
        if (
            session is not None
            and session.is_suspect(now)
            and (self.last_new_session is None or now - self.last_new_session >= suspect_interval_s)
        ):
            return None
        return session

    def add_outgoing(self, outgoing: Outgoing) -> None:
        """A New Session message went out; of too many one in the middle is given up."""
        self.last_new_session = outgoing.sent_at
        self._touched = outgoing.sent_at
        self.outgoing.append(outgoing)
        if len(self.outgoing) > OUTGOING_MAX:
            self.outgoing.pop(OUTGOING_FIRST).close()

    def add_incoming(self, incoming: Incoming) -> None:
        """A New Session message came in; of too many one without an answer is given up.

        Whoever sends a burst may use the session of any answer, above all of the first.
        """
        self._touched = incoming.received_at
        self.prefers_reply = self.current is not None
        self.incoming.append(incoming)
        if len(self.incoming) > INCOMING_MAX:
            spare = (one for one in self.incoming[:-1] if not one.handshake.replies_sent)
            given_up = next(spare, self.incoming[1])
            self.incoming.remove(given_up)
            self._drop_incoming(given_up)

    def wants_session_from(self, outgoing: Outgoing) -> bool:
        """Whether a reply to ``outgoing`` starts a session: not if a later one exists already."""
        return self.current is None or self.current.created_at < outgoing.sent_at

    def adopt(self, session: RatchetSession, now: float) -> None:
        """Send on this confirmed session from now on."""
        self._touched = now
        self.current = session
        self.prefers_reply = False
        if session not in self.sessions:
            self.sessions.append(session)
        if len(self.sessions) > SESSIONS_MAX:
            self.sessions.pop(0).close()

    def on_session_used(self, session: RatchetSession, now: float) -> Sequence[int]:
        """A message arrived on a session we are not sending on; keys of replies it confirms."""
        if not session.is_confirmed:
            return self._confirm(session, now)
        # The remote still uses a session from before its new start: that start was a stray one.
        self.prefers_reply = False
        current = self.current
        if current is not None and session is not current:
            heard = current.last_received
            if now - heard > _SILENT_S and now - current.created_at > _SILENT_S:
                self.current = session
        elif current is None:
            self.current = session
        return ()

    def _confirm(self, session: RatchetSession, now: float) -> Sequence[int]:
        session.is_confirmed = True
        self.candidates.remove(session)
        origin = session.origin
        session.origin = None
        acks = origin.ack_keys if isinstance(origin, Incoming) else ()
        for candidate in self.candidates:
            candidate.close()
        self.candidates = []
        self.incoming = []
        self.adopt(session, now)
        return acks

    def _drop_incoming(self, incoming: Incoming) -> None:
        kept = []
        for candidate in self.candidates:
            if candidate.origin is incoming:
                candidate.close()
            else:
                kept.append(candidate)
        self.candidates = kept

    def drop_session(self, session: RatchetSession) -> None:
        """Give up a session and its tags; another one becomes the current one if it was."""
        session.close()
        if session in self.sessions:
            self.sessions.remove(session)
        if session is self.current:
            self.current = self.sessions[-1] if self.sessions else None

    def is_waiting(self, now: float) -> bool:
        """Whether the remote still waits for an answer of this layer."""
        if self.current is not None and not self.prefers_reply:
            return self.current.owes_reply
        return any(now - incoming.received_at < HANDSHAKE_LIFETIME_S for incoming in self.incoming)

    def expire(self, now: float) -> bool:
        """Drop what is too old; True if nothing is left."""
        while self.outgoing and now - self.outgoing[0].sent_at >= HANDSHAKE_LIFETIME_S:
            self.outgoing.pop(0).close()
        while self.incoming and now - self.incoming[0].received_at >= HANDSHAKE_LIFETIME_S:
            self._drop_incoming(self.incoming.pop(0))
        for session in list(self.sessions):
            if session.expire(now):
                self.drop_session(session)
        return self.is_empty

    @property
    def is_empty(self) -> bool:
        """True if nothing is left that needs remembering."""
        return not (self.sessions or self.outgoing or self.incoming)

    def worth(self) -> tuple[bool, float]:
        """Sort key: who goes first when there are too many (no session, then longest idle)."""
        if self.current is None:
            return False, self._touched
        return True, max(self.current.last_received, self.current.last_sent)

    def close(self) -> None:
        """Forget all tags."""
        for session in (*self.sessions, *self.candidates):
            session.close()
        for outgoing in self.outgoing:
            outgoing.close()
        self.sessions = []
        self.candidates = []
        self.outgoing = []
        self.incoming = []
        self.current = None
