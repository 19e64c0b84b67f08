"""NAT-PMP packets, RFC 6886. It knows IPv4 only."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

from core.base.errors import DecodeError

_OPERATIONS = {"udp": 1, "tcp": 2}
_PROTOCOLS = {number: name for name, number in _OPERATIONS.items()}
_RESPONSE = 0x80
_HEADER = struct.Struct(">BBHI")
_MAPPED = struct.Struct(">HHI")
_UNSUPPORTED_VERSION = 1
_RESULTS = {
    2: "it does not allow that",
    3: "it has no connection itself",
    4: "it has no room",
    5: "it cannot map ports",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What every response says. ``result``: 0 is success; ``epoch_s``: age of its state."""

    result: int
    epoch_s: int


@dataclass(frozen=True, slots=True)
class ExternalAddress(Answer):
    """The response to a request for the external address."""

    address: str


@dataclass(frozen=True, slots=True)
class Mapped(Answer):
    """The response to a mapping request."""

    protocol: str
    internal_port: int
    external_port: int
    lifetime_s: int


def explain(result: int) -> str:
    """Why a server refused, for people."""
    return _RESULTS.get(result, f"it answered with error {result}")


def write_address_request() -> bytes:
    """Section 3.2."""
    return bytes(2)


def write_map(protocol: str, internal_port: int, external_port: int, lifetime_s: int) -> bytes:
    """Section 3.3; to delete (3.4), the external port and the lifetime are 0."""
    operation = _OPERATIONS[protocol]
    return struct.pack(">BBHHHI", 0, operation, 0, internal_port, external_port, lifetime_s)


def parse(data: bytes) -> Answer:
    """A response; DecodeError for everything else. Errors may come without what follows them."""
    if len(data) < 8:
        raise DecodeError("a NAT-PMP packet is cut off")
    version, operation, result, epoch_s = _HEADER.unpack_from(data)
    if version != 0 or not operation & _RESPONSE:
        raise DecodeError("no NAT-PMP response")
    if result == _UNSUPPORTED_VERSION:
        raise DecodeError("a response to what we asked by PCP before")
    operation &= ~_RESPONSE
    if operation == 0:
        if result:
            return ExternalAddress(result, epoch_s, "0.0.0.0")
        if len(data) < 12:
            raise DecodeError("a NAT-PMP packet is cut off")
        return ExternalAddress(result, epoch_s, str(IPv4Address(data[8:12])))
    if operation not in _PROTOCOLS or len(data) < 16:
        raise DecodeError("a NAT-PMP response to something else, or cut off")
    internal, external, lifetime_s = _MAPPED.unpack_from(data, 8)
    return Mapped(result, epoch_s, _PROTOCOLS[operation], internal, external, lifetime_s)
