"""The client side of SOCKS 5 (RFC 1928, 1929), without I/O: CONNECT, and Tor's RESOLVE commands.

Send what :meth:`SocksClient.data_to_send` returns, feed what comes, until :attr:`reply` is there.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import Enum

from core.base.errors import DecodeError

CONNECT = 1
RESOLVE = 0xF0
RESOLVE_PTR = 0xF1


@dataclass(frozen=True, slots=True)
class ClientReply:
    """What the server answered: a code of RFC 1928 section 6 (0: done) and an address."""

    code: int
    host: str
    port: int


class _Step(Enum):
    METHOD = 0
    PASSWORD = 1
    REPLY = 2
    DONE = 3


def write_address(host: str) -> bytes:
    """ATYP and address; a name goes as a name. Raises DecodeError if it does not fit."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raw = host.encode("ascii", "replace")
        if not 1 <= len(raw) <= 255:
            raise DecodeError("a host name of no or too many characters") from None
        return bytes((3, len(raw))) + raw
    return bytes((1 if address.version == 4 else 4,)) + address.packed


class SocksClient:
    """One request to a SOCKS 5 server."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        command: int = CONNECT,
        user: str | None = None,
        password: str = "",
    ) -> None:
        self._request = bytes((5, command, 0)) + write_address(host) + port.to_bytes(2, "big")
        self._login = b""
        if user is not None:
            name, word = user.encode()[:255], password.encode()[:255]
            self._login = bytes((1, len(name))) + name + bytes((len(word),)) + word
        self._out = b"\x05\x02\x00\x02" if self._login else b"\x05\x01\x00"
        self._buffer = b""
        self._step = _Step.METHOD
        self.reply: ClientReply | None = None

    def data_to_send(self) -> bytes:
        """What is to be sent to the proxy now; each byte is given once."""
        data, self._out = self._out, b""
        return data

    def take_rest(self) -> bytes:
        """What the server sent after its reply."""
        data, self._buffer = self._buffer, b""
        return data

    def receive_data(self, data: bytes) -> None:
        """Raises DecodeError when the server does not speak SOCKS 5, or does not let us in."""
        self._buffer += data
        if self._step is _Step.METHOD and len(self._buffer) >= 2:
            self._on_method()
        if self._step is _Step.PASSWORD and len(self._buffer) >= 2:
            if self._take(2)[1] != 0:
                raise DecodeError("the SOCKS server refuses user name and password")
            self._out += self._request
            self._step = _Step.REPLY
        if self._step is _Step.REPLY:
            self._on_reply()

    def _take(self, count: int) -> bytes:
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def _on_method(self) -> None:
        version, method = self._take(2)
        if version != 5:
            raise DecodeError("not a SOCKS 5 server")
        if method == 0:
            self._out += self._request
            self._step = _Step.REPLY
        elif method == 2 and self._login:
            self._out += self._login
            self._step = _Step.PASSWORD
        else:
            raise DecodeError("the SOCKS server wants another authentication")

    def _on_reply(self) -> None:
        data = self._buffer
        if len(data) < 5:
            return
        sizes = {1: 4, 4: 16, 3: 1 + data[4]}
        if data[0] != 5 or data[3] not in sizes:
            raise DecodeError("not a SOCKS 5 reply")
        end = 4 + sizes[data[3]] + 2
        if len(data) < end:
            return
        self._take(end)
        raw = data[4 : end - 2]
        host = raw[1:].decode("latin-1") if data[3] == 3 else str(ipaddress.ip_address(raw))
        self.reply = ClientReply(data[1], host, int.from_bytes(data[end - 2 : end], "big"))
        self._step = _Step.DONE
