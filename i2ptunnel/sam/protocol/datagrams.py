"""Datagrams as they pass the UDP sockets and the control socket (samv3.md, "SAM Datagrams")."""

from __future__ import annotations

import re
from dataclasses import dataclass

from i2ptunnel.sam.protocol.line import LineFault, format_line, parse_line
from i2ptunnel.sam.protocol.requests import DatagramRequest, Refused, invalid, read_datagram

#: longest first line of a packet
HEADER_BYTES_MAX = 4096
_VERSION = re.compile(r"3\.[0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class Arrived:
    """One from I2P, as far as programs see it. ``source``: in base 64, empty for raw ones."""

    payload: bytes
    source: str
    from_port: int
    to_port: int
    protocol: int


def read_packet(packet: bytes) -> tuple[str, DatagramRequest, bytes]:
    """(session ID, where to, payload) of a packet to the UDP port; raises Refused.

    PROTOCOL is read too: whether it may be there is the session's to say.
    """
    end = packet.find(b"\n", 0, HEADER_BYTES_MAX)
    if end < 0:
        raise invalid("a packet without first line")
    try:
        words = packet[:end].removesuffix(b"\r").decode().split(" ", 3)
    except UnicodeDecodeError:
        raise invalid("the first line is not UTF-8") from None
    if len(words) < 3 or not _VERSION.fullmatch(words[0]):
        raise invalid("a packet begins with 3.x, an ID and a destination")
    options: dict[str, str] = {}
    if len(words) == 4 and words[3].strip():
        try:
            command = parse_line(b"DATAGRAM SEND " + words[3].encode())
        except LineFault as fault:
            raise invalid(str(fault)) from None
        options = dict(command.options) if command is not None else {}
    payload = packet[end + 1 :]
    if not payload:
        raise invalid("an empty datagram")
    options["DESTINATION"] = words[2]
    options.pop("SIZE", None)
    return words[1], read_datagram(options, is_raw=True), payload


def received_line(arrived: Arrived, *, is_raw: bool, has_ports: bool) -> bytes:
    """What comes before the payload on the control socket."""
    values: dict[str, str] = {}
    if not is_raw:
        values["DESTINATION"] = arrived.source
    values["SIZE"] = str(len(arrived.payload))
    if has_ports:
        values |= _ports_of(arrived)
        if is_raw:
            values["PROTOCOL"] = str(arrived.protocol)
    return format_line("RAW RECEIVED" if is_raw else "DATAGRAM RECEIVED", values)


def forwarded_header(arrived: Arrived, *, is_raw: bool, has_header: bool, has_ports: bool) -> bytes:
    """What comes before the payload in a packet to the program.

    Raw datagrams go as they are unless the session asked for a header.
    """
    ports = " ".join(f"{key}={value}" for key, value in _ports_of(arrived).items())
    if is_raw:
        return f"{ports} PROTOCOL={arrived.protocol}\n".encode() if has_header else b""
    return f"{arrived.source}{f' {ports}' if has_ports else ''}\n".encode()


def _ports_of(arrived: Arrived) -> dict[str, str]:
    return {"FROM_PORT": str(arrived.from_port), "TO_PORT": str(arrived.to_port)}


__all__ = [
    "HEADER_BYTES_MAX",
    "Arrived",
    "Refused",
    "forwarded_header",
    "read_packet",
    "received_line",
]
