"""Tokens: the proof that a datagram's source address is no invention (specs/ssu2, "Tokens").

Those of Retry need no memory: a token is a keyed hash of the source address and the current period
of time, so a flood of invented addresses costs one hash and one answer each. It holds for one
period at least and two at most. That it can be used twice in this time does no harm: a repeated
SessionRequest is recognized by its ephemeral key.

Those of NewToken are for routers that have proven who they are. They are keyed hashes too, under a
secret that lasts, so they hold over a restart. Java 2.7 keeps the header key of its first
SessionRequest: a Retry for a token that we have forgotten makes it deaf to our SessionCreated, and
it bans us as unreachable.
"""

from __future__ import annotations

from core.base.bounded import BoundedMap
from core.base.ports import Entropy, WallClock
from core.crypto.hkdf import hmac_sha256
from core.transport.ssu2.framing import SocketAddress

#: i2pd: its own hold for 9 s; it sends the SessionRequest at once.
RETRY_PERIOD_S = 10.0
#: Less than the 60 minutes of Java and the 52 of i2pd: a port mapping lives no longer.
NEW_TOKEN_S = 50 * 60
#: A token this close to its end is not used: it travels, and clocks differ.
EXPIRY_MARGIN_S = 5
RECEIVED_MAX = 4096
_SECRET_BYTES = 32


class TokenMint:
    """Tokens that we give.

    ``lasting_secret``: 32 bytes or more, the same after a restart. Times are monotonic seconds;
    NewTokens count the wall clock.
    """

    __slots__ = ("_lasting_secret", "_secret", "_wall")

    def __init__(self, entropy: Entropy, wall: WallClock, lasting_secret: bytes) -> None:
        self._secret = entropy.random_bytes(_SECRET_BYTES)
        self._lasting_secret = lasting_secret
        self._wall = wall

    def retry_token(self, source: SocketAddress, now: float) -> int:
        """A token for a Retry to ``source``; never 0."""
        return _token(self._secret, source, int(now // RETRY_PERIOD_S))

    def new_token(self, source: SocketAddress) -> int:
        """A token for a NewToken block, good for ``NEW_TOKEN_S`` at least; never 0."""
        return _token(self._lasting_secret, source, self._new_token_period())

    def redeem(self, source: SocketAddress, token: int, now: float) -> bool:
        """Whether ``token`` may begin a session from there now."""
        period = int(now // RETRY_PERIOD_S)
        if token in (_token(self._secret, source, one) for one in (period, period - 1)):
            return True
        period = self._new_token_period()
        # The next one: our clock has been set back.
        periods = (period, period - 1, period + 1)
        return token in (_token(self._lasting_secret, source, one) for one in periods)

    def _new_token_period(self) -> int:
        return int(self._wall.now() // NEW_TOKEN_S)


def _token(secret: bytes, source: SocketAddress, period: int) -> int:
    text = f"{source.host}|{source.port}|{period}".encode()
    return int.from_bytes(hmac_sha256(secret, text)[:8], "big") or 1


class ReceivedTokens:
    """Tokens that others gave us, the last one for each address, in unix seconds."""

    __slots__ = ("_tokens",)

    def __init__(self) -> None:
        self._tokens: BoundedMap[SocketAddress, tuple[int, float]] = BoundedMap(RECEIVED_MAX)

    def put(self, address: SocketAddress, token: int, expires_s: float) -> None:
        """Remember one; token 0 is none."""
        if token:
            self._tokens.put(address, (token, expires_s))

    def take(self, address: SocketAddress, wall_s: float) -> int:
        """The token for the next SessionRequest to an address, which is used up; 0 without one."""
        token, expires_s = self._tokens.pop(address, (0, 0.0))
        return token if wall_s + EXPIRY_MARGIN_S < expires_s else 0

    def forget(self) -> None:
        """Our own address has changed: they were given to another one."""
        self._tokens.clear()
