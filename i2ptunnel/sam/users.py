"""Who may use the bridge, when it has users: a map in the configuration, or a file.

The file has a line ``USER:PASSWORD`` for each; lines that begin with ``#`` count for nothing. AUTH
ADD writes ``USER:$scrypt$SALT$HASH`` instead of the password itself, and AUTH DISABLE a line
``!disabled``. The file is read again when it changes.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import time
from collections.abc import Callable
from pathlib import Path

from core.api import check_private, read_limited, write_atomic
from core.base.errors import DecodeError
from core.base.rates import WindowCounter
from i2ptunnel.config.interfaces_model import USERS_MAX, Users
from i2ptunnel.sam.protocol.line import Command
from i2ptunnel.sam.protocol.requests import invalid
from i2ptunnel.text_files import decode_text

FAILURES_MAX = 10
"""Wrong passwords in a minute from one address; more are refused without a look."""
_MINUTE_S = 60.0
_FILE_BYTES_MAX = 1024 * 1024
_DISABLED = "!disabled"
_SCRYPT = "$scrypt$"
_SALT_BYTES = 16


class UserStore:
    """``users`` None: everyone may use the bridge."""

    def __init__(
        self,
        users: Users | None,
        *,
        may_disable: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``may_disable``: nobody else than this machine's programs reaches the bridge."""
        self._file: Path | None = None if users is None else users.file
        self._passwords = dict(users.passwords) if users is not None else {}
        self._is_required = users is not None
        self._may_disable = may_disable
        self._monotonic = monotonic
        self._failures: WindowCounter = WindowCounter(_MINUTE_S)
        self._version: tuple[int, int] | None = None
        self._lines: list[str] = []
        #: user -> keyed digest of a password that was right: scrypt takes its time
        self._proven: dict[str, bytes] = {}
        self._key = os.urandom(32)

    def load(self) -> None:
        """Read the file if it has changed; raises FileFault or OSError."""
        path = self._file
        if path is None:
            return
        found = path.stat()
        version = found.st_mtime_ns, found.st_ino
        if version == self._version:
            return
        check_private(path)
        try:
            lines = decode_text(read_limited(path, _FILE_BYTES_MAX)).splitlines()
        except DecodeError as error:
            raise OSError(str(error)) from None
        self._version, self._lines, self._proven = version, lines[: 4 * USERS_MAX], {}
        pairs = (line.partition(":") for line in self._lines if line and line[0] not in "#!")
        self._passwords = {name.strip(): password for name, mark, password in pairs if mark}

    @property
    def is_required(self) -> bool:
        """Whether a connection needs a user."""
        return self._is_required and _DISABLED not in self._lines

    async def check(self, user: str | None, password: str | None, client: str) -> bool:
        """Whether there is such a user with this password. Raises FileFault or OSError."""
        self.load()
        if user is None or password is None:
            return False
        now = self._monotonic()
        if self._failures.counted(client, now) >= FAILURES_MAX:
            return False
        known = self._passwords.get(user)
        is_right = known is not None and await self._is_password(user, known, password)
        if not is_right:
            self._failures.count(client, now)
        return is_right

    async def _is_password(self, user: str, known: str, password: str) -> bool:
        if not known.startswith(_SCRYPT):
            return hmac.compare_digest(known.encode(), password.encode())
        digest = hmac.digest(self._key, password.encode(), "sha256")
        if hmac.compare_digest(self._proven.get(user, b""), digest):
            return True
        if not await asyncio.to_thread(_is_hashed, known, password):
            return False
        self._proven[user] = digest
        return True

    # AUTH: each raises Refused, FileFault or OSError

    async def add(self, user: str, password: str) -> None:
        """A new user, or another password of one."""
        self._check_file()
        if not user or ":" in user or user[0] in "#!" or not user.isprintable():
            raise invalid("no name for a user")
        if not password or not password.isprintable():
            raise invalid("no password")
        if user not in self._passwords and len(self._passwords) >= USERS_MAX:
            raise invalid("too many users")
        hashed = await asyncio.to_thread(_hash, password)
        self._write([*self._without(user), f"{user}:{hashed}"])

    async def remove(self, user: str) -> None:
        """The last one stays: nobody could log in any more."""
        self._check_file()
        if user not in self._passwords:
            raise invalid("there is no such user")
        if len(self._passwords) == 1:
            raise invalid("the last user stays")
        self._write(self._without(user))

    async def enable(self, *, is_on: bool) -> None:
        """Whether later connections need a user."""
        self._check_file()
        if not is_on and not self._may_disable:
            raise invalid("other machines reach this listener")
        lines = [line for line in self._lines if line != _DISABLED]
        self._write(lines if is_on else [_DISABLED, *lines])

    def _check_file(self) -> None:
        if self._file is None:
            raise invalid("the users stand in the configuration, not in a file")
        self.load()

    def _without(self, user: str) -> list[str]:
        return [line for line in self._lines if line.partition(":")[0].strip() != user]

    def _write(self, lines: list[str]) -> None:
        assert self._file is not None
        write_atomic(self._file, "".join(f"{line}\n" for line in lines).encode())
        self._version = None
        self.load()


async def run_auth(users: UserStore, command: Command) -> None:
    """AUTH of somebody who has logged in; raises Refused, FileFault or OSError."""
    options = command.options
    match command.action:
        case "ENABLE" | "DISABLE":
            await users.enable(is_on=command.action == "ENABLE")
        case "ADD":
            await users.add(options.get("USER", ""), options.get("PASSWORD", ""))
        case "REMOVE":
            await users.remove(options.get("USER", ""))
        case _:
            raise invalid("unknown command")


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=1 << 14, r=8, p=1, dklen=32)


def _hash(password: str) -> str:
    salt = os.urandom(_SALT_BYTES)
    return f"{_SCRYPT}{salt.hex()}${_scrypt(password, salt).hex()}"


def _is_hashed(known: str, password: str) -> bool:
    salt, _, digest = known.removeprefix(_SCRYPT).partition("$")
    try:
        wanted = bytes.fromhex(digest)
        return hmac.compare_digest(_scrypt(password, bytes.fromhex(salt)), wanted)
    except ValueError:
        return False
