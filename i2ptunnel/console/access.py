"""Who may use the console: tokens that work once, and sessions that end.

Browsers send a cookie to every port of a host, so that of a session is bound to a path that nobody
can guess, and other programs on this machine never get to see it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core.api import SystemEntropy
from core.base.bounded import BoundedMap

TOKEN_LIFE_S = 60.0
TOKENS_MAX = 16
SESSION_LIFE_S = 12 * 3600.0
SESSION_IDLE_S = 2 * 3600.0
SESSIONS_MAX = 16
_SECRET_BYTES = 24


def make_secret() -> str:
    """192 bits as text that fits into a path and a cookie."""
    return SystemEntropy().random_bytes(_SECRET_BYTES).hex()


@dataclass(slots=True)
class Session:
    """One browser that came in.

    ``key`` is its path, ``cookie`` what it must send, ``csrf`` what its forms must carry.
    ``notes``: what the next page says. ``draft``: a change that waits for confirmation.
    """

    ends_at: float
    seen_at: float
    key: str = field(default_factory=make_secret)
    cookie: str = field(default_factory=make_secret, repr=False)
    csrf: str = field(default_factory=make_secret, repr=False)
    notes: list[tuple[str, str]] = field(default_factory=list)
    draft: Any = None

    def is_over(self, now: float) -> bool:
        """Whether it has ended by itself."""
        return now >= min(self.ends_at, self.seen_at + SESSION_IDLE_S)


class Access:
    """All tokens and sessions of a running console. ``clock``: monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tokens: BoundedMap[str, float] = BoundedMap(TOKENS_MAX)
        self._sessions: BoundedMap[str, Session] = BoundedMap(SESSIONS_MAX)

    def make_token(self) -> str:
        """One that lets in once, for a minute."""
        token = make_secret()
        self._tokens.put(token, self._clock() + TOKEN_LIFE_S)
        return token

    def use_token(self, token: str) -> bool:
        """Whether it lets in; it never does again."""
        for known in list(self._tokens):
            if hmac.compare_digest(known.encode(), token.encode()):
                ends_at = self._tokens.pop(known)
                return ends_at is not None and self._clock() < ends_at
        return False

    def begin(self) -> Session:
        """A new session; the oldest ends where there are too many."""
        now = self._clock()
        session = Session(now + SESSION_LIFE_S, now)
        self._sessions.put(session.key, session)
        return session

    def find(self, key: str, cookie: str) -> Session | None:
        """The session of a path, if the cookie is its own and it has not ended."""
        session = self._sessions.get(key)
        if session is None or not hmac.compare_digest(session.cookie.encode(), cookie.encode()):
            return None
        now = self._clock()
        if session.is_over(now):
            self.end(session)
            return None
        session.seen_at = now
        return session

    def end(self, session: Session) -> None:
        """It lets nobody in any more."""
        self._sessions.pop(session.key, None)

    def holds(self, session: Session) -> bool:
        """Whether a session goes on; asking does not make it last longer."""
        return session.key in self._sessions and not session.is_over(self._clock())

    @property
    def open_sessions(self) -> int:
        """How many have not ended."""
        now = self._clock()
        return sum(not session.is_over(now) for session in self._sessions.values())
