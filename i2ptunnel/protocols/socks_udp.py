"""The header of UDP packets between a SOCKS 5 client and its proxy (RFC 1928 section 7)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from core.base.errors import DecodeError
from core.base.socks_client import write_address


@dataclass(frozen=True, slots=True)
class UdpPacket:
    """Where a packet goes or comes from, and what is in it."""

    host: str
    port: int
    payload: bytes


def parse_packet(data: bytes) -> UdpPacket:
    """A packet from the client; DecodeError, also for fragments, which are not supported."""
    if len(data) < 5 or data[:2] != b"\0\0":
        raise DecodeError("not a SOCKS 5 packet")
    if data[2] != 0:
        raise DecodeError("a fragment")
    sizes = {1: 4, 4: 16, 3: 1 + data[4]}
    if data[3] not in sizes:
        raise DecodeError("an unknown kind of address")
    end = 4 + sizes[data[3]] + 2
    if len(data) < end:
        raise DecodeError("the packet ends early")
    raw = data[4 : end - 2]
    if data[3] == 3:
        if not all(0x21 <= byte <= 0x7E for byte in raw[1:]) or len(raw) < 2:
            raise DecodeError("not a host name")
        host = raw[1:].decode("ascii")
    else:
        host = str(ipaddress.ip_address(raw))
    return UdpPacket(host, int.from_bytes(data[end - 2 : end], "big"), data[end:])


def write_packet(packet: UdpPacket) -> bytes:
    """A packet for the client."""
    address = write_address(packet.host) + packet.port.to_bytes(2, "big")
    return b"\0\0\0" + address + packet.payload
