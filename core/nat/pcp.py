"""PCP packets, RFC 6887: MAP and ANNOUNCE, over IPv4 and IPv6."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from core.base.errors import DecodeError

PORT = 5351
#: Where gateways announce a restart: 224.0.0.1 and ff02::1 (section 14.1.1).
ANNOUNCE_PORT = 5350
NONCE_BYTES = 12
VERSION = 2
PROTOCOL_NUMBERS = {"tcp": 6, "udp": 17}
UNSUPPORTED_VERSION = 1
_ANNOUNCE, _MAP = 0, 1
_RESPONSE = 0x80
_PACKET_BYTES_MAX = 1100
_HEADER = struct.Struct(">BBxBII12x")
_MAPPING = struct.Struct(">12sB3xHH16s")
_PROTOCOL_NAMES = {number: name for name, number in PROTOCOL_NUMBERS.items()}
_RESULTS = {
    1: "it speaks another version",
    2: "it does not allow that",
    3: "it finds the request malformed",
    4: "it cannot map ports",
    5: "it lacks an option",
    7: "it has no connection itself",
    8: "it has no room",
    9: "it cannot map this protocol",
    10: "this machine has too many mappings",
    11: "the port is taken",
    12: "there is another address translator on the way",
    13: "there are too many peers",
}

IpAddress = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Answer:
    """What every response says. ``result``: 0 is success; ``lifetime_s``: of that or of the error.

    ``epoch_s``: how long the server has kept its state.
    """

    result: int
    lifetime_s: int
    epoch_s: int


@dataclass(frozen=True, slots=True)
class Mapped(Answer):
    """The response to a MAP request."""

    nonce: bytes
    protocol: str
    internal_port: int
    external_port: int
    external_address: str


def explain(result: int) -> str:
    """Why a server refused, for people."""
    return _RESULTS.get(result, f"it answered with error {result}")


def write_map(
    client: IpAddress,
    protocol: str,
    internal_port: int,
    nonce: bytes,
    lifetime_s: int,
    suggested: tuple[str, int] | None = None,
) -> bytes:
    """A MAP request (sections 7.1 and 11.1); a lifetime of 0 deletes.

    ``client``: the address that the packet leaves from. ``suggested``: the external one we would
    like, or had.
    """
    address, port = suggested or (str(_any(client)), 0)
    header = _HEADER.pack(VERSION, _MAP, 0, lifetime_s, 0)[:8] + _packed(client)
    number = PROTOCOL_NUMBERS[protocol]
    return header + _MAPPING.pack(nonce, number, internal_port, port, _packed(ip_address(address)))


def write_announce(client: IpAddress) -> bytes:
    """An ANNOUNCE request (section 14.1): asks for nothing but the server's epoch."""
    return _HEADER.pack(VERSION, _ANNOUNCE, 0, 0, 0)[:8] + _packed(client)


def parse(data: bytes) -> Answer:
    """A response, :class:`Mapped` if it is one to a MAP; DecodeError for everything else.

    A server that knows only NAT-PMP answers in its own format that it has another version: that is
    an answer with :data:`UNSUPPORTED_VERSION` (appendix A).
    """
    if len(data) >= 4 and data[0] != VERSION and data[1] & _RESPONSE:
        if int.from_bytes(data[2:4], "big") == UNSUPPORTED_VERSION:
            return Answer(UNSUPPORTED_VERSION, 0, 0)
        raise DecodeError("a response of another version")
    if not 24 <= len(data) <= _PACKET_BYTES_MAX or len(data) % 4:
        raise DecodeError("no PCP packet has this size")
    version, operation, result, lifetime_s, epoch_s = _HEADER.unpack_from(data)
    if version != VERSION or not operation & _RESPONSE:
        raise DecodeError("no PCP response")
    operation &= ~_RESPONSE
    if operation == _ANNOUNCE:
        return Answer(result, lifetime_s, epoch_s)
    if operation != _MAP or len(data) < 60:
        raise DecodeError("a PCP response to something else")
    nonce, number, internal, external, packed = _MAPPING.unpack_from(data, 24)
    address = IPv6Address(packed)
    return Mapped(
        result,
        lifetime_s,
        epoch_s,
        nonce,
        _PROTOCOL_NAMES.get(number, ""),
        internal,
        external,
        str(address.ipv4_mapped or address),
    )


def _any(like: IpAddress) -> IpAddress:
    return IPv4Address(0) if like.version == 4 else IPv6Address(0)


def _packed(address: IpAddress) -> bytes:
    """Section 5: 16 bytes, IPv4 as ``::ffff:a.b.c.d``."""
    if isinstance(address, IPv4Address):
        return bytes(10) + b"\xff\xff" + address.packed
    return address.packed
