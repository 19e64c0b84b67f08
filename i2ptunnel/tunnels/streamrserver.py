"""``streamrserver``: a UDP stream of a local producer, to everybody in I2P who subscribes to it."""

from __future__ import annotations

import asyncio

from i2ptunnel.config.server_models import StreamrServerSection
from i2ptunnel.protocols.streamr import PACKET_BYTES_MAX, StreamrProducer
from i2ptunnel.protocols.udp_sessions import RAW
from i2ptunnel.relay.udp import I2pDatagram, UdpAddress, UdpSocket
from i2ptunnel.tunnels.base import TunnelContext
from i2ptunnel.tunnels.datagram_base import DatagramTunnel, sender_of

_EXPIRE_EVERY_S = 5.0


class StreamrServer(DatagramTunnel[StreamrServerSection]):
    """Sends every packet once to each subscriber."""

    def __init__(self, model: StreamrServerSection, context: TunnelContext) -> None:
        super().__init__(model, context)
        self._socket: UdpSocket | None = None
        self._producer = StreamrProducer(
            model.max_subscribers, min(model.max_subscribers, model.max_connections_per_client)
        )

    @property
    def connections_open(self) -> int:
        """Subscribers."""
        return len(self._producer.subscribers)

    @property
    def local_end(self) -> str:
        """Where packets come from."""
        return str(self.model.listen)

    def counters(self) -> dict[str, int]:
        """A connection is a subscription."""
        seen = self._producer.counters
        self.counts["connections"] = seen["subscribed"]
        refused = seen["subscribers_refused"]
        refused += self.counts["refused_access"] + self.counts["refused_rate"]
        self.counts["connections_refused"] = refused
        return super().counters()

    async def open_local(self) -> None:
        """Packets from outside of ``allow`` are not taken."""
        listen = self.model.listen
        take = self.context.sockets.of(self.name, listen)
        self._socket = await UdpSocket.bind(listen, self._on_packet, self.model.allow, take)

    def close_local(self) -> None:
        """Subscribers stay: they hear from us again after another start."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def keep(self) -> None:
        """Forgets subscribers that did not ask again in time."""
        while True:
            await asyncio.sleep(_EXPIRE_EVERY_S)
            self._producer.expire(asyncio.get_running_loop().time())

    def _on_packet(self, data: bytes, _: UdpAddress) -> None:
        if len(data) > PACKET_BYTES_MAX:
            self.counts["datagrams_dropped"] += 1
            return
        for subscriber in self._producer.subscribers:
            self.send(
                subscriber.destination_hash,
                data,
                version=RAW,
                from_port=subscriber.from_port,
                to_port=subscriber.to_port,
            )

    async def receive(self, datagram: I2pDatagram) -> None:
        """Subscriptions and their ends; raw datagrams have no sender and are dropped."""
        sender = sender_of(datagram)
        if sender is None or datagram.version == RAW:
            self.counts["datagrams_dropped"] += 1  # who asks must be able to get an answer
            return
        is_known = any(s.destination_hash == sender for s in self._producer.subscribers)
        if not is_known and not self.admits(sender):
            return
        self._producer.receive(
            sender,
            datagram.payload,
            datagram.from_port,
            datagram.to_port,
            asyncio.get_running_loop().time(),
        )
