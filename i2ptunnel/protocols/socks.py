"""The server side of SOCKS 4, 4a and 5 (RFC 1928, 1929), without I/O.

CONNECT and UDP ASSOCIATE, and Tor's RESOLVE (also in SOCKS 4) and RESOLVE_PTR.

Feed bytes, ask :meth:`SocksServer.next_event` until it says NEED_DATA, send what
:meth:`SocksServer.data_to_send` returns, then answer the request with ``succeed`` or ``fail``.
With users set, only SOCKS 5 with the right password gets in: SOCKS 4 has no passwords. Without,
what a client says of itself is taken as it is; it keeps clients apart (``credential``).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import ClassVar

from core.base.socks_client import write_address
from i2ptunnel.protocols.users import fingerprint, is_user

_FIELD_BYTES_MAX = 255
_CONNECT = 1
_UDP_ASSOCIATE = 3
_RESOLVE = 0xF0
_RESOLVE_PTR = 0xF1
_HTTP_FIRST_BYTES = frozenset(b"CDGHOPT")


class SocksReply(IntEnum):
    """Reply codes of RFC 1928 section 6."""

    SUCCEEDED = 0
    GENERAL_FAILURE = 1
    NOT_ALLOWED = 2
    NETWORK_UNREACHABLE = 3
    HOST_UNREACHABLE = 4
    CONNECTION_REFUSED = 5
    TTL_EXPIRED = 6
    COMMAND_NOT_SUPPORTED = 7
    ADDRESS_TYPE_NOT_SUPPORTED = 8


# What went wrong, as Unavailable.code has it -> the reply for it.
REPLY_OF_CODE = {
    "bad_address": SocksReply.HOST_UNREACHABLE,
    "blinded_lookup_failed": SocksReply.HOST_UNREACHABLE,
    "client_key_refused": SocksReply.NOT_ALLOWED,
    "client_key_required": SocksReply.NOT_ALLOWED,
    "closed": SocksReply.GENERAL_FAILURE,
    "connect_timeout": SocksReply.TTL_EXPIRED,
    "not_allowed": SocksReply.NOT_ALLOWED,
    "encryption_unsupported": SocksReply.HOST_UNREACHABLE,
    "lease_set_not_found": SocksReply.HOST_UNREACHABLE,
    "no_outproxy": SocksReply.NOT_ALLOWED,
    "outproxy_failed": SocksReply.NETWORK_UNREACHABLE,
    "secret_required": SocksReply.NOT_ALLOWED,
    "stream_reset": SocksReply.CONNECTION_REFUSED,
    "tunnels_not_ready": SocksReply.GENERAL_FAILURE,
    "unknown_name": SocksReply.HOST_UNREACHABLE,
}


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """Where the client wants to go. ``host``: a name or an address literal."""

    version: int
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ResolveRequest:
    """An address for a name, or with ``is_reverse`` the name of an address."""

    version: int
    host: str
    is_reverse: bool


@dataclass(frozen=True, slots=True)
class UdpRequest:
    """UDP ASSOCIATE; ``port``: the one the client will send from, 0 if it does not know yet."""

    port: int


Request = ConnectRequest | ResolveRequest | UdpRequest


class SocksSignal(Enum):
    """Events without content."""

    NEED_DATA = "need data"
    REFUSED = "refused: send what there is to send and close"
    HTTP = "the client speaks HTTP"


class _State(Enum):
    START = 0
    GREETING_5 = 1
    PASSWORD = 2
    REQUEST_5 = 3
    REQUEST_4 = 4
    DONE = 5


class SocksServer:
    """One client's negotiation."""

    def __init__(self, users: Mapping[str, str], *, wants_names: bool = False) -> None:
        """``wants_names``: ask clients that can log in to do so, also without users."""
        self._users = dict(users)
        self._wants_names = wants_names
        #: tells clients apart; None: the client said nothing of itself
        self.credential: str | None = None
        self._state = _State.START
        self._buffer = b""
        self._out = b""
        self._version = 5

    def receive_data(self, data: bytes) -> None:
        """Bytes of the client in any division, also those behind the handshake."""
        self._buffer += data

    def data_to_send(self) -> bytes:
        """What the client must be sent now; empties it."""
        data, self._out = self._out, b""
        return data

    def take_rest(self) -> bytes:
        """What the client sent after its request."""
        data, self._buffer = self._buffer, b""
        return data

    def succeed(self, host: str = "0.0.0.0", port: int = 0) -> None:
        """Answer the request: done. ``host`` and ``port``: what was found or bound."""
        if self._version == 4:
            packed = ipaddress.IPv4Address(host).packed
            self._out += bytes((0, 0x5A)) + port.to_bytes(2, "big") + packed
        else:
            self._out += bytes((5, SocksReply.SUCCEEDED, 0)) + write_address(host)
            self._out += port.to_bytes(2, "big")

    def fail(self, reply: SocksReply) -> None:
        """Answer the request: not connected."""
        self._reply(reply)

    def next_event(self) -> Request | SocksSignal:
        """The next thing that happened; steps through the negotiation as far as the bytes go."""
        while True:
            state, used = self._state, len(self._buffer)
            event = self._STEPS[state](self)
            if event is not None:
                return event
            if self._state is state and len(self._buffer) == used:
                return SocksSignal.NEED_DATA

    def _take(self, count: int) -> bytes:
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def _reply(self, reply: SocksReply) -> None:
        if self._version == 4:
            self._out += bytes((0, 0x5B)) + bytes(6)
        else:
            self._out += bytes((5, reply, 0, 1)) + bytes(6)

    def _refuse(self, reply: SocksReply | None = None) -> SocksSignal:
        if reply is not None:
            self._reply(reply)
        self._state = _State.DONE
        return SocksSignal.REFUSED

    def _on_start(self) -> SocksSignal | None:
        if not self._buffer:
            return None
        first = self._buffer[0]
        if first == 5:
            self._state = _State.GREETING_5
        elif first == 4:
            self._version = 4
            self._state = _State.REQUEST_4
        elif first in _HTTP_FIRST_BYTES:
            self._state = _State.DONE
            return SocksSignal.HTTP
        else:
            return self._refuse()
        return None

    def _on_greeting(self) -> SocksSignal | None:
        if len(self._buffer) < 2 or len(self._buffer) < 2 + self._buffer[1]:
            return None
        methods = self._take(2 + self._buffer[1])[2:]
        wanted = (2,) if self._users else (2, 0) if self._wants_names else (0, 2)
        method = next((one for one in wanted if one in methods), 0xFF)
        self._out += bytes((5, method))
        if method == 0xFF:
            return self._refuse()
        self._state = _State.PASSWORD if method == 2 else _State.REQUEST_5
        return None

    def _on_password(self) -> SocksSignal | None:
        data = self._buffer
        if len(data) < 2 or len(data) < 3 + data[1]:
            return None
        name_end = 2 + data[1]
        end = name_end + 1 + data[name_end]
        if len(data) < end:
            return None
        self._take(end)
        name, password = data[2:name_end], data[name_end + 1 : end]
        is_right = data[0] == 1 and (not self._users or is_user(self._users, name, password))
        self._out += bytes((1, 0 if is_right else 1))
        if not is_right:
            return self._refuse()
        self.credential = (
            name.decode("utf-8", "replace") if self._users else fingerprint(name, password)
        )
        self._state = _State.REQUEST_5
        return None

    def _on_request_5(self) -> Request | SocksSignal | None:
        data = self._buffer
        if len(data) < 5:
            return None
        kind = data[3]
        sizes = {1: 4, 4: 16, 3: 1 + data[4]}
        if data[0] != 5:
            return self._refuse(SocksReply.GENERAL_FAILURE)
        if kind not in sizes:
            return self._refuse(SocksReply.ADDRESS_TYPE_NOT_SUPPORTED)
        end = 4 + sizes[kind] + 2
        if len(data) < end:
            return None
        self._take(end)
        raw = data[4 : end - 2]
        host = _name(raw[1:]) if kind == 3 else str(ipaddress.ip_address(raw))
        return self._request(data[1], host, int.from_bytes(data[end - 2 : end], "big"))

    def _on_request_4(self) -> Request | SocksSignal | None:
        data = self._buffer
        if len(data) < 9:
            return None
        user_end = data.find(b"\0", 8)
        if user_end < 0:
            return self._refuse() if len(data) > 8 + _FIELD_BYTES_MAX else None
        address, end = data[4:8], user_end + 1
        if data[8:user_end]:
            self.credential = fingerprint(data[8:user_end], b"")
        host: str | None = str(ipaddress.ip_address(address))
        if address[:3] == b"\0\0\0" and address[3]:
            name_end = data.find(b"\0", end)
            if name_end < 0:
                return self._refuse() if len(data) > end + _FIELD_BYTES_MAX else None
            host, end = _name(data[end:name_end]), name_end + 1
        self._take(end)
        if self._users or data[1] not in (_CONNECT, _RESOLVE):
            return self._refuse(SocksReply.NOT_ALLOWED)
        return self._request(data[1], host, int.from_bytes(data[2:4], "big"))

    def _request(self, command: int, host: str | None, port: int) -> Request | SocksSignal:
        if command == _UDP_ASSOCIATE:
            self._state = _State.DONE
            return UdpRequest(port)
        if command not in (_CONNECT, _RESOLVE, _RESOLVE_PTR):
            return self._refuse(SocksReply.COMMAND_NOT_SUPPORTED)
        if host is None:
            return self._refuse(SocksReply.HOST_UNREACHABLE)
        self._state = _State.DONE
        if command == _CONNECT:
            return ConnectRequest(self._version, host, port)
        return ResolveRequest(self._version, host, is_reverse=command == _RESOLVE_PTR)

    def _on_done(self) -> SocksSignal:
        return SocksSignal.NEED_DATA

    _STEPS: ClassVar[dict[_State, Callable[[SocksServer], Request | SocksSignal | None]]] = {
        _State.START: _on_start,
        _State.GREETING_5: _on_greeting,
        _State.PASSWORD: _on_password,
        _State.REQUEST_5: _on_request_5,
        _State.REQUEST_4: _on_request_4,
        _State.DONE: _on_done,
    }


def _name(raw: bytes) -> str | None:
    if not raw or len(raw) > _FIELD_BYTES_MAX or not all(0x21 <= byte <= 0x7E for byte in raw):
        return None
    return raw.decode("ascii")
