"""Finds the stream of each packet that arrives, or what it is instead: a SYN, a ping, too late.

Who sent a packet is known in two ways: the ratchet session it came through (``source``, a
destination hash) or a signature. SYN, CLOSE, RESET and pings need one of them; where both are there
they must agree. i2pd: peers with "dontSign" leave the signature out of packets in ratchet sessions.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from core.base.errors import DecodeError
from core.base.ports import WallClock
from core.streaming.admission import Admission, is_authentic
from core.streaming.closed_streams import ClosedStreams
from core.streaming.connection import Stream
from core.streaming.early_packets import EarlyPackets
from core.streaming.events import Event, StreamOpened
from core.streaming.outgoing import OutgoingPacket
from core.streaming.packet import (
    CLOSE,
    DELAY_REQUESTED,
    ECHO,
    HEADER_BYTES,
    NO_ACK,
    PLAIN_HEADER,
    RESET,
    SYNCHRONIZE,
    Packet,
)
from core.streaming.ping import Pings
from core.streaming.state import StreamState
from core.streaming.table import StreamTable

_unpack_plain = PLAIN_HEADER.unpack_from


class DemuxHost(Protocol):
    """What the demultiplexer needs from its manager."""

    def accept(
        self, packet: Packet, ports: tuple[int, int], source: object, now: float
    ) -> Stream | None:
        """The stream that an authentic SYN opens; None if there must be no more.

        ``ports``: the local and the remote one.
        """

    def answer(self, packet: OutgoingPacket | None) -> None:
        """Send ``packet`` if there is one: it belongs to no stream."""

    def count(self, cause: str) -> None:
        """A packet was dropped, or answered on behalf of no stream."""

    def emit(self, event: Event[Stream]) -> None:
        """Tell the application."""

    def arm_sweep(self, now: float) -> None:
        """Something is kept that has to be forgotten later."""


class Demultiplexer:
    """See the module."""

    __slots__ = ("_admission", "_closed", "_early", "_host", "_pings", "_table", "_wall")

    def __init__(
        self,
        host: DemuxHost,
        table: StreamTable,
        admission: Admission,
        closed: ClosedStreams,
        early: EarlyPackets,
        pings: Pings,
        wall: WallClock,
    ) -> None:
        self._host = host
        self._table = table
        self._admission = admission
        self._closed = closed
        self._early = early
        self._pings = pings
        self._wall = wall

    def receive(
        self, batch: Sequence[tuple[object, int, int, bytes]], now: float
    ) -> Collection[Stream]:
        """Take ``(source, from_port, to_port, packet)`` items; the streams that got any.

        Their :meth:`Stream.end_batch` must follow.
        """
        streams = self._table.by_id
        touched: dict[Stream, None] = {}
        for source, from_port, to_port, raw in batch:
            size = len(raw)
            if size < HEADER_BYTES:
                self._host.count("malformed")
                continue
            send_id, _, sequence, ack, nacks, _, flags, options = _unpack_plain(raw)
            if nacks == 0 and (flags == 0 or flags == DELAY_REQUESTED):
                stream = streams.get(send_id)
                start = HEADER_BYTES + options
                if stream is not None and start <= size:
                    if source is not None and source != stream.remote_hash:
                        self._host.count("foreign")
                        continue
                    delay = -1
                    if flags:
                        if options < 2:
                            self._host.count("malformed")
                            continue
                        delay = raw[22] << 8 | raw[23]
                    stream.on_packet(sequence, ack, (), delay, raw[start:], now)
                    touched[stream] = None
                    continue
            try:
                packet = Packet.parse(raw)
            except DecodeError:
                packet = None
            if packet is None:
                self._receive_malformed(source, send_id, flags, now, touched)
            else:
                self._receive(source, from_port, to_port, packet, now, touched)
        return touched

    def _receive_malformed(
        self,
        source: object,
        send_id: int,
        flags: int,
        now: float,
        touched: dict[Stream, None],
    ) -> None:
        """i2pd: with offline keys it writes the options of CLOSE in a wrong order."""
        stream = self._table.by_id.get(send_id)
        if stream is not None and flags & CLOSE and source == stream.remote_hash:
            stream.on_close(stream.received_through + 1)
            stream.on_packet(stream.received_through + 1, -1, (), -1, b"", now)
            touched[stream] = None
        else:
            self._host.count("malformed")

    def _receive(
        self,
        source: object,
        from_port: int,
        to_port: int,
        packet: Packet,
        now: float,
        touched: dict[Stream, None],
    ) -> None:
        if packet.flags & ECHO:
            self._receive_echo(source, from_port, to_port, packet, now)
            return
        if packet.send_id:
            stream = self._table.by_id.get(packet.send_id)
        else:
            peer = source
            if peer is None and packet.sender is not None:
                peer = packet.sender.hash
            stream = self._table.find_inbound(peer, packet.receive_id)
        if stream is not None:
            self._receive_known(source, stream, packet, now, touched)
        elif packet.send_id:
            late, cause = self._closed.receive(source, from_port, to_port, packet, now)
            self._host.count(cause)
            self._host.answer(late)
        elif packet.flags & SYNCHRONIZE and packet.sequence == 0:
            self._receive_syn(source, from_port, to_port, packet, now, touched)
        elif not packet.flags & RESET:
            self._host.arm_sweep(now)
            if not self._early.keep(source, packet, now):
                self._host.count("early")

    def _receive_known(
        self,
        source: object,
        stream: Stream,
        packet: Packet,
        now: float,
        touched: dict[Stream, None],
    ) -> None:
        flags = packet.flags
        if source is not None and source != stream.remote_hash:
            self._host.count("foreign")
            return
        if stream.is_dead:
            return
        ack_through = -1 if flags & NO_ACK else packet.ack_through
        if flags & (SYNCHRONIZE | CLOSE | RESET):
            if packet.sender is not None and packet.sender.hash != stream.remote_hash:
                self._host.count("foreign")
                return
            if flags & SYNCHRONIZE and (packet.sequence or packet.sender is None):
                self._host.count("malformed")
                return
            offline = stream.remote_offline
            if not is_authentic(source, stream.remote, offline, packet, self._wall.now()):
                self._host.count("unauthentic")
                return
            if flags & RESET:
                stream.reset(now, "peer")
                return
            if flags & SYNCHRONIZE:
                if not packet.send_id:
                    stream.on_syn_again(now)
                    return
                if stream.state is StreamState.CONNECTING:
                    stream.on_syn(packet)
                else:
                    stream.on_syn_again(now)
            if packet.is_close:
                stream.on_close(packet.sequence)
        nacks = () if flags & SYNCHRONIZE else packet.nacks
        delay_ms = -1 if packet.delay_ms is None else packet.delay_ms
        stream.on_packet(packet.sequence, ack_through, nacks, delay_ms, packet.payload, now)
        touched[stream] = None

    def _receive_syn(
        self,
        source: object,
        from_port: int,
        to_port: int,
        packet: Packet,
        now: float,
        touched: dict[Stream, None],
    ) -> None:
        """A peer opens a stream."""
        cause = self._admission.why_not(source, packet, now)
        if cause:
            self._host.count(cause)
            return
        stream = self._host.accept(packet, (to_port, from_port), source, now)
        if stream is None:
            return
        stream.on_syn(packet)
        if packet.is_close:
            stream.on_close(0)
        stream.on_packet(0, -1, (), -1, packet.payload, now)
        self._host.emit(StreamOpened(stream))
        touched[stream] = None
        for early in self._early.take(source, packet.receive_id):
            self._receive_known(source, stream, early, now, touched)

    def _receive_echo(
        self, source: object, from_port: int, to_port: int, packet: Packet, now: float
    ) -> None:
        if not packet.send_id:
            pong = self._pings.receive_pong(source, packet, now)
            if pong is not None:
                self._host.emit(pong)
            return

        def is_genuine(ping: Packet) -> bool:
            sender = ping.sender
            wall_s = self._wall.now()
            return sender is not None and is_authentic(source, sender, None, ping, wall_s)

        reply, cause = self._pings.receive_ping(from_port, to_port, packet, now, is_genuine)
        self._host.count(cause)
        self._host.answer(reply)
