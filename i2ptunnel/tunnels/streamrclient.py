"""``streamrclient``: subscribes to a streamr server and hands its packets to a local program."""

from __future__ import annotations

import asyncio
import secrets

from core.base.errors import Unavailable
from i2ptunnel.config.client_models import StreamrClientSection
from i2ptunnel.protocols.streamr import SUBSCRIBE, UNSUBSCRIBE, StreamrSubscription
from i2ptunnel.relay.udp import I2pDatagram, UdpAddress, UdpSocket
from i2ptunnel.tunnels.base import TunnelContext
from i2ptunnel.tunnels.datagram_base import DatagramTunnel, sender_of

_READY_POLL_S = 60.0
_GOODBYE_S = 0.05
_CHECK_S = 0.5


class StreamrClient(DatagramTunnel[StreamrClientSection]):
    """Asks again and again while it runs, and says when it leaves."""

    def __init__(self, model: StreamrClientSection, context: TunnelContext) -> None:
        super().__init__(model, context)
        self._socket: UdpSocket | None = None
        self._subscription: StreamrSubscription | None = None
        self._producer_hash = b""
        self._own_port = 0

    @property
    def is_ready(self) -> bool:
        """Whether there is a subscription; packets may still be away."""
        return super().is_ready and self._subscription is not None

    @property
    def connections_open(self) -> int:
        """1 while subscribed."""
        return int(self._subscription is not None)

    @property
    def local_end(self) -> str:
        """Where packets are sent to."""
        return str(self.model.target)

    async def open_local(self) -> None:
        """Also draws the I2P port that the producer sends to."""
        self._socket = await UdpSocket.connect(
            self.model.target, self._on_packet, is_own=self.context.own_doors.is_own
        )
        self._own_port = 1024 + secrets.randbelow(65536 - 1024)

    def close_local(self) -> None:
        """Ends the subscription here; the producer is told in :meth:`say_goodbye`."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._subscription = None

    async def keep(self) -> None:
        """Asks the producer again and again: it forgets who does not."""
        address = await self.resolve(self.model.destination)
        self._producer_hash = address.hash
        subscription = StreamrSubscription(
            address.hash, self.model.destination.port, self._own_port
        )
        self._subscription = subscription
        now = asyncio.get_running_loop().time
        while True:
            await self._until_ready()
            if subscription.ping_due(now()):
                self._ask(SUBSCRIBE)
            await asyncio.sleep(_CHECK_S)

    async def _until_ready(self) -> None:
        """However long the router, perhaps another one, is away. Unavailable: the session ended."""
        assert self.session is not None
        while not self.session.is_ready:
            try:
                await self.session.wait_ready(_READY_POLL_S)
            except Unavailable as error:
                if error.code != "tunnels_not_ready":
                    raise

    async def say_goodbye(self) -> None:
        """Unsubscribes, and waits until that has left."""
        if self._subscription is not None and self.session is not None and self.session.is_ready:
            self._ask(UNSUBSCRIBE)
            await asyncio.sleep(_GOODBYE_S)

    def _ask(self, what: bytes) -> None:
        self.send(
            self._producer_hash,
            what,
            version=1,
            from_port=self._own_port,
            to_port=self.model.destination.port,
        )

    async def receive(self, datagram: I2pDatagram) -> None:
        """Only packets of the producer, from and to the right ports."""
        subscription = self._subscription
        if subscription is None or not subscription.is_ours(
            sender_of(datagram), datagram.from_port, datagram.to_port
        ):
            self.counts["datagrams_dropped"] += 1
        elif self._socket is not None:
            subscription.note_packet(asyncio.get_running_loop().time())
            self._socket.send(datagram.payload)

    def _on_packet(self, data: bytes, _: UdpAddress) -> None:
        """Streams go one way only."""
        self.counts["local_packets_dropped"] += 1
