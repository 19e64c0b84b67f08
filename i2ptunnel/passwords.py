"""One password in a file, kept as scrypt, and the limit on guessing it.

The file holds one line: the password, or what :func:`seal` makes of it. Guessing is slowed by the
cost of scrypt, and by a limit of wrong passwords for each client and for all.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path

from core.api import FileFault, SystemEntropy, read_limited, write_atomic
from core.base.errors import I2PError, Unavailable
from core.base.rates import WindowCounter

PASSWORD_CHARACTERS_MIN = 8
ATTEMPTS_PERIOD_S = 60.0
ATTEMPTS_OF_CLIENT_MAX = 5
ATTEMPTS_MAX = 30
#: 16 MiB and some 50 ms (RFC 7914, 2)
_COST, _BLOCK, _LANES = 2**14, 8, 1
_PREFIX = "scrypt"
_SALT_BYTES = 16
_FILE_BYTES_MAX = 4096
_EVERYBODY = ""


class PasswordRefused(I2PError):
    """A password is wrong, or too many were; the message goes to whoever tried it."""


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
    # JSON may hold halves of characters.
    secret = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=_COST, r=_BLOCK, p=_LANES, dklen=32)


def _unseal(line: str) -> tuple[bytes, bytes]:
    """Salt and hash; ValueError if it is no such line, or one of another cost."""
    prefix, *cost, salt, digest = line.split(":")
    if prefix != _PREFIX or cost != [str(_COST), str(_BLOCK), str(_LANES)]:
        raise ValueError("not made by this program")
    known = base64.b64decode(salt, validate=True), base64.b64decode(digest, validate=True)
    if len(known[1]) != 32:
        raise ValueError("not a hash of 32 bytes")
    return known


def sealed_password(path: Path) -> str:
    """What the password file says, as scrypt. A plain password in it is replaced by that.

    Raises Unavailable if there is none, or one too short; FileFault if it cannot be read.
    """
    lines = read_limited(path, _FILE_BYTES_MAX).decode("utf-8", "replace").splitlines()
    password = lines[0] if lines else ""
    if is_sealed(password):
        return password
    if len(password) < PASSWORD_CHARACTERS_MIN:
        wrong = f"its first line must be a password of {PASSWORD_CHARACTERS_MIN} characters or more"
        raise Unavailable(f"{path}: {wrong}", "no_password")
    sealed = seal(password, SystemEntropy().random_bytes(_SALT_BYTES))
    with contextlib.suppress(FileFault):  # read-only, such as a credential of systemd
        write_atomic(path, f"{sealed}\n".encode(), 0o600)
    return sealed


class Guesses:
    """Counts wrong answers of each client and of all. ``clock``: monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._attempts = WindowCounter(ATTEMPTS_PERIOD_S)

    def check(self, client: str) -> None:
        """Raise PasswordRefused while there were too many."""
        now = self._clock()
        if (
            self._attempts.counted(client, now) >= ATTEMPTS_OF_CLIENT_MAX
            or self._attempts.counted(_EVERYBODY, now) >= ATTEMPTS_MAX
        ):
            raise PasswordRefused("too many wrong passwords; wait a minute")

    def count(self, client: str) -> None:
        """One was wrong."""
        for who in {client, _EVERYBODY}:
            self._attempts.count(who, self._clock())


class PasswordGuard:
    """``sealed``: see :func:`seal`; ``clock``: monotonic seconds."""

    def __init__(self, sealed: str, clock: Callable[[], float]) -> None:
        self._salt, self._digest = _unseal(sealed)
        self._guesses = Guesses(clock)
        #: one guess at a time: what many send at once is counted, too
        self._guessing = asyncio.Lock()

    async def check(self, password: object, client: str) -> None:
        """Raise PasswordRefused unless it is the password."""
        async with self._guessing:
            self._guesses.check(client)
            if not isinstance(password, str) or not await self._is_right(password):
                self._guesses.count(client)
                raise PasswordRefused("the password is wrong")

    async def _is_right(self, password: str) -> bool:
        digest = await asyncio.to_thread(_hash, password, self._salt)
        return hmac.compare_digest(digest, self._digest)

    def replace(self, sealed: str) -> None:
        """Another password from now on."""
        self._salt, self._digest = _unseal(sealed)
