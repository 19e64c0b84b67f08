"""The payload of a Data message: gzip header with ports and protocol around packet or datagram."""

from __future__ import annotations

from core.data.payload import PROTOCOL_STREAMING, wrap
from core.datagram.manager import OutgoingDatagram
from core.streaming.outgoing import OutgoingPacket


def wrap_packet(packet: OutgoingPacket) -> bytes:
    """A stream packet."""
    return wrap(
        PROTOCOL_STREAMING,
        packet.from_port,
        packet.to_port,
        packet.packet,
        compress=packet.compress,
    )


def wrap_datagram(datagram: OutgoingDatagram) -> bytes:
    """A datagram of any format."""
    return wrap(
        datagram.protocol,
        datagram.from_port,
        datagram.to_port,
        datagram.message,
        compress=datagram.compress,
    )
