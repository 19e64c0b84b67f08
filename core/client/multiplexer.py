"""Streams and datagrams of one destination, over whatever carries payloads between destinations.

Use: :meth:`Multiplexer.receive` for each payload that arrives, then :meth:`Multiplexer.run` once
for the batch, then drain ``events`` and arm one timer for :meth:`Multiplexer.next_timer`.
"""

from __future__ import annotations

from collections import deque

from core.base.errors import DecodeError
from core.client.events import DatagramsArrived, Event
from core.client.payloads import wrap_datagram, wrap_packet
from core.client.ports import DestinationNetwork
from core.data.payload import PROTOCOL_DATAGRAM2, PROTOCOL_STREAMING, protocol_of, unwrap, wrap
from core.datagram.manager import DatagramManager
from core.streaming.events import PathSuspect
from core.streaming.manager import StreamManager


class Multiplexer:
    """``events``: what the application should know, the oldest first."""

    def __init__(
        self,
        streams: StreamManager,
        datagrams: DatagramManager,
        network: DestinationNetwork,
        events: deque[Event],
    ) -> None:
        self.streams = streams
        self.datagrams = datagrams
        self.events = events
        self._network = network
        self._packets: list[tuple[object, int, int, bytes]] = []
        self._datagrams: list[tuple[bytes | None, int, int, int, bytes]] = []
        self._retry_at: float | None = None

    def receive(self, source: bytes | None, data: bytes, start: int, end: int) -> bool:
        """Take the payload ``data[start:end]``; False if it is malformed.

        ``source``: the hash of the destination that provably sent it, None if that is not known.
        """
        try:
            protocol, from_port, to_port, payload = unwrap(data, start=start, end=end)
        except DecodeError:
            return False
        if protocol == PROTOCOL_STREAMING:
            self._packets.append((source, from_port, to_port, payload))
        else:
            self._datagrams.append((source, protocol, from_port, to_port, payload))
        return True

    def run(self, now: float) -> None:
        """Handle what arrived and what is due, then send what there is to send."""
        self.handle_arrivals(now)
        self.send(now)

    def handle_arrivals(self, now: float) -> None:
        """The first half of :meth:`run`."""
        if self._datagrams:
            datagrams, self._datagrams = self._datagrams, []
            for mailbox in self.datagrams.receive_datagrams(datagrams):
                self.events.append(DatagramsArrived(mailbox))
        if self._packets:
            batch, self._packets = self._packets, []
            self.streams.receive_packets(batch, now)
        deadline = self.streams.next_timer()
        if deadline is not None and deadline <= now:
            self.streams.handle_timer(now)

    def send(self, now: float) -> None:
        """The second half of :meth:`run`."""
        streams, network = self.streams, self._network
        while (event := streams.next_event()) is not None:
            if isinstance(event, PathSuspect):
                network.suspect_path(event.stream.remote_hash, now)
            else:
                self.events.append(event)
        for remote_hash, (count, round_trip_s) in streams.take_delivered().items():
            network.note_delivered(remote_hash, count, round_trip_s, now)
        for remote_hash in streams.remotes_to_serve():
            budget = network.budget(remote_hash, streams.in_flight(remote_hash), now)
            streams.set_budget(remote_hash, budget)
        groups: dict[bytes, list[bytes]] = {}
        for packet in streams.packets_to_send(now):
            groups.setdefault(packet.remote_hash, []).append(wrap_packet(packet))
        with_datagrams = set()
        for datagram in self.datagrams.datagrams_to_send():
            groups.setdefault(datagram.remote_hash, []).append(wrap_datagram(datagram))
            with_datagrams.add(datagram.remote_hash)
        for remote_hash, payloads in groups.items():
            network.send(
                remote_hash,
                payloads,
                now,
                is_datagram=remote_hash in with_datagrams,
                in_order=streams.has_first_flight(remote_hash),
            )
        self._retry_at = min(
            (network.retry_at(remote_hash, now) for remote_hash in streams.starved_remotes),
            default=None,
        )

    def readdress(self, payload: bytes, target_hash: bytes) -> bytes | None:
        """A payload of ours for another destination; None if it is for one alone, as stream packets
        are."""
        protocol = protocol_of(payload)
        if protocol == PROTOCOL_STREAMING:
            return None
        if protocol != PROTOCOL_DATAGRAM2:
            return payload
        _, from_port, to_port, message = unwrap(payload)
        message = self.datagrams.readdress(message, target_hash)
        return wrap(protocol, from_port, to_port, message, compress=True)

    def next_timer(self) -> float | None:
        """When :meth:`run` has something to do without new input; None if never."""
        deadline, retry_at = self.streams.next_timer(), self._retry_at
        if deadline is None or retry_at is None:
            return retry_at if deadline is None else deadline
        return min(deadline, retry_at)
