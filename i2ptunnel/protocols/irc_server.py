"""In front of an IRC server: what users in I2P may send it, and the host name each of them gets.

Java: the host name is put into USER, which old servers believe, or told in advance with WEBIRC,
which current ones do. Registration is watched: it must begin as such, and be short, so a web
browser or a scanner never reaches the server; and nobody can send a WEBIRC of his own.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from dataclasses import dataclass, replace

from core.base.errors import DecodeError, PeerError
from core.data.encoding import b32encode
from i2ptunnel.protocols.irc_line import IrcLine, LineBuffer

REGISTRATION_LINES_MAX = 64
REGISTRATION_LINE_BYTES_MAX = 1024
HOST_NAME_CHARACTERS_MAX = 63
_CLOAK_BYTES = 15
_HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}")

# What an IRC program begins with.
_FIRST = frozenset(b"CAP NICK PASS PING PROTOCTL SERVER USER".split())
# What only gateways and proxies in front of a server send.
_NEVER = frozenset(b"CGIIRC HAPROXY PROXY WEBIRC".split())


@dataclass(frozen=True, slots=True)
class Cloak:
    """Host names and addresses for users, the same ones each time for the same destination.

    ``template`` is a host name in which ``%f`` stands for the 52 characters of the user's b32
    address and ``%c`` for 24 characters that cannot be traced back to it without ``key``.
    """

    template: str
    key: bytes

    def host_name(self, destination_hash: bytes) -> str:
        """At most 63 characters."""
        name = self.template.replace("%f", b32encode(destination_hash))
        return name.replace("%c", b32encode(self._mac(b"name", destination_hash)[:_CLOAK_BYTES]))

    def address(self, destination_hash: bytes) -> str:
        """An IPv4 address in 127.0.0.0/8, so that a server's limits for each address work."""
        mac = self._mac(b"address", destination_hash)
        return f"127.{mac[0]}.{mac[1]}.{2 + mac[2] % 253}"

    def _mac(self, purpose: bytes, destination_hash: bytes) -> bytes:
        return hmac.digest(self.key, purpose + destination_hash, hashlib.sha256)

    @staticmethod
    def is_template(text: str) -> bool:
        """Whether host names can be made from ``text``."""
        longest = text.replace("%f", "f" * 52).replace("%c", "c" * 24)
        return _HOST_NAME.fullmatch(longest) is not None


def webirc_line(password: str, host_name: str, address: str) -> bytes:
    """What a gateway says first: who the user behind it is."""
    return f"WEBIRC {password} cgiirc {host_name} {address}\r\n".encode()


def error_line(reason: str) -> bytes:
    """What a user is told before the connection is closed."""
    return f"ERROR :Closing link: ({reason})\r\n".encode()


class IrcServerFilter:
    """One user's connection, in the direction to the server.

    ``host_name`` is put into USER; None: the server has it from WEBIRC.
    """

    def __init__(self, host_name: str | None) -> None:
        self._host_name = host_name.encode() if host_name is not None else None
        self._buffer = LineBuffer()
        self._seen: set[bytes] = set()
        self._lines = 0
        self._out: list[bytes] = []
        self._is_server_link = False
        self.counters: Counter[str] = Counter()

    @property
    def is_registered(self) -> bool:
        """Whether everything a registration needs has passed."""
        return self._is_server_link or {b"USER", b"NICK"} <= self._seen

    def receive_data(self, data: bytes) -> None:
        """Bytes of the user, cut anywhere. PeerError: this is no IRC client, close."""
        for raw in self._buffer.feed(data):
            if self._is_server_link:
                self._out.append(raw + b"\r\n")
                continue
            line = self._read(raw)
            if line is not None:
                self._out.append(line.write())
        if self._buffer.overlong and not self.is_registered:
            raise PeerError("a line is too long")

    def data_to_send(self) -> bytes:
        """What there is for the server."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def _read(self, raw: bytes) -> IrcLine | None:
        is_before = not self.is_registered
        if is_before:
            self._lines += 1
            if self._lines > REGISTRATION_LINES_MAX or len(raw) > REGISTRATION_LINE_BYTES_MAX:
                raise PeerError("too much before registration")
        try:
            line = IrcLine.parse(raw)
        except DecodeError:
            if is_before:
                raise PeerError("this is an IRC server") from None
            self.counters["lines_dropped"] += 1
            return None
        # Only the first line: irssi sends JOIN with its CAP LS, and servers answer that themselves.
        is_first = self._lines == 1 and is_before
        if line.command in _NEVER or (is_first and line.command not in _FIRST):
            if is_before:
                raise PeerError("register first")
            self.counters["lines_dropped"] += 1
            return None
        if line.command in (b"USER", b"NICK") and line.parameters:
            self._seen.add(line.command)
        if line.command == b"SERVER" and is_before:
            self._is_server_link = True
            return line
        if line.command == b"USER":
            return self._with_host(line)
        return replace(line, source=b"")

    def _with_host(self, line: IrcLine) -> IrcLine:
        user, host, _, real = (line.parameter(index) for index in range(4))
        if self._host_name is not None:
            host = self._host_name
        elif not host.isdigit():
            host = b"0"
        return replace(line, source=b"").with_parameters(user or b"user", host, b"*", real or user)
