"""Who may use I2PControl: one password, kept as scrypt, and tokens that end.

The password file holds one line: the password, or what :func:`seal` makes of it. Guessing is slowed
by the cost of scrypt, and by a limit of wrong passwords for each client and for all.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable

from core.api import SystemEntropy
from core.base.bounded import BoundedMap
from core.base.rates import WindowCounter
from i2ptunnel.i2pcontrol.rpc import RpcError

WRONG_PASSWORD = -32001
NO_TOKEN = -32002
UNKNOWN_TOKEN = -32003
EXPIRED_TOKEN = -32004
API_MISSING = -32005
API_UNKNOWN = -32006

API_VERSION = 1
#: Java's plugin: a day
TOKEN_LIFE_S = 86400.0
TOKENS_MAX = 256
ATTEMPTS_PERIOD_S = 60.0
ATTEMPTS_OF_CLIENT_MAX = 5
ATTEMPTS_MAX = 30
#: 16 MiB and some 50 ms (RFC 7914, 2)
_COST, _BLOCK, _LANES = 2**14, 8, 1
_PREFIX = "scrypt"
_SALT_BYTES = 16
_EVERYBODY = ""


def seal(password: str, salt: bytes) -> str:
    """A line ``scrypt:N:r:p:SALT:HASH`` that a password can be checked with."""
    fields = (base64.b64encode(one).decode() for one in (salt, _hash(password, salt)))
    return ":".join((_PREFIX, str(_COST), str(_BLOCK), str(_LANES), *fields))


def is_sealed(line: str) -> bool:
    """Whether a line of a password file is what :func:`seal` makes."""
    try:
        _unseal(line)
    except ValueError:
        return False
    return True


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_COST, r=_BLOCK, p=_LANES, dklen=32)


def _unseal(line: str) -> tuple[bytes, bytes]:
    """Salt and hash; ValueError if it is no such line, or one of another cost."""
    prefix, *cost, salt, digest = line.split(":")
    if prefix != _PREFIX or cost != [str(_COST), str(_BLOCK), str(_LANES)]:
        raise ValueError("not made by this program")
    known = base64.b64decode(salt, validate=True), base64.b64decode(digest, validate=True)
    if len(known[1]) != 32:
        raise ValueError("not a hash of 32 bytes")
    return known


class Access:
    """``sealed``: see :func:`seal`; ``clock``: monotonic seconds."""

    def __init__(self, sealed: str, clock: Callable[[], float]) -> None:
        self._salt, self._digest = _unseal(sealed)
        self._clock = clock
        #: token -> when it ends
        self._tokens: BoundedMap[str, float] = BoundedMap(TOKENS_MAX)
        self._attempts = WindowCounter(ATTEMPTS_PERIOD_S)
        #: one guess at a time: what many send at once is counted, too
        self._guessing = asyncio.Lock()

    async def authenticate(self, params: dict[str, object], client: str) -> dict[str, object]:
        """``Authenticate``: a token for API and Password; raises RpcError."""
        api, password = params.get("API"), params.get("Password")
        if api is None:
            raise RpcError(API_MISSING, "the parameter API is missing: 1 is spoken here")
        if api not in (API_VERSION, str(API_VERSION)):
            raise RpcError(API_UNKNOWN, "only API 1 is spoken here")
        async with self._guessing:
            now = self._clock()
            if (
                self._attempts.counted(client, now) >= ATTEMPTS_OF_CLIENT_MAX
                or self._attempts.counted(_EVERYBODY, now) >= ATTEMPTS_MAX
            ):
                raise RpcError(WRONG_PASSWORD, "too many wrong passwords; wait a minute")
            if not isinstance(password, str) or not await self._is_right(password):
                for who in {client, _EVERYBODY}:
                    self._attempts.count(who, now)
                raise RpcError(WRONG_PASSWORD, "the password is wrong")
        token = SystemEntropy().random_bytes(24).hex()
        self._tokens.put(token, self._clock() + TOKEN_LIFE_S)
        return {"API": API_VERSION, "Token": token}

    async def _is_right(self, password: str) -> bool:
        digest = await asyncio.to_thread(_hash, password, self._salt)
        return hmac.compare_digest(digest, self._digest)

    def check(self, params: dict[str, object]) -> None:
        """Raise RpcError unless the parameters have a token that holds."""
        token = params.get("Token")
        if not isinstance(token, str) or not token:
            raise RpcError(NO_TOKEN, "the parameter Token is missing: call Authenticate first")
        ends_at = self._tokens.get(token)
        if ends_at is None:
            raise RpcError(UNKNOWN_TOKEN, "the token is unknown: call Authenticate again")
        if self._clock() >= ends_at:
            self._tokens.pop(token, None)
            raise RpcError(EXPIRED_TOKEN, "the token has expired: call Authenticate again")

    def replace(self, sealed: str) -> None:
        """Another password from now on; all tokens end."""
        self._salt, self._digest = _unseal(sealed)
        self._tokens = BoundedMap(TOKENS_MAX)
