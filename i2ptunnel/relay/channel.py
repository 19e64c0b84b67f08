"""A two-way byte stream, local or through I2P, behind one small interface.

What is wrong with the other side is always an :class:`Unavailable`: ``stream_reset`` when it broke
off, ``target_unreachable`` when it could not be reached.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from core.base.errors import Unavailable
from core.data.blinded_address import BlindedTarget
from core.data.identity import Destination
from i2ptunnel.relay.pace import Pace

READ_BYTES = 65536


class Channel(Protocol):
    """Bytes in, bytes out, each direction closed on its own."""

    @property
    def bytes_sent(self) -> int:
        """Of what was written, what has left us: what waits in our own buffers does not count."""
        ...

    @property
    def has_arrived(self) -> bool:
        """Whether the other side has all that was written, as far as can be known.

        Of a stream: acknowledged by the peer. Of a local connection: not refused by a reset at
        once, as a server does with what comes on a connection it has just closed.
        """
        ...

    async def probe(self) -> bool:
        """Whether the other side is there: False if it gives no sign in a few round trips.

        Raises Unavailable.
        """
        ...

    async def read(self, limit: int = READ_BYTES) -> bytes:
        """Some bytes; empty when the other side closed its direction."""
        ...

    async def write(self, data: bytes) -> None:
        """Send; waits while too much is unsent."""
        ...

    async def close_write(self) -> None:
        """Tell the other side that nothing more comes; reading goes on."""
        ...

    async def close(self) -> None:
        """Close after everything was sent."""
        ...

    def reset(self) -> None:
        """Break off at once; what is unsent is lost and the other side knows."""
        ...


class WrappedChannel:
    """A channel around another; each kind replaces the calls that it has something to add to."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Channel) -> None:
        self._inner = inner

    @property
    def below(self) -> Channel:
        """What it is around."""
        return self._inner

    @property
    def bytes_sent(self) -> int:
        """What the inner channel has sent, also where a filter writes other bytes."""
        return self._inner.bytes_sent

    @property
    def has_arrived(self) -> bool:
        """What the inner channel knows."""
        return self._inner.has_arrived

    async def probe(self) -> bool:
        """Asks the inner channel's other side."""
        return await self._inner.probe()

    async def read(self, limit: int = READ_BYTES) -> bytes:
        """From the inner channel, unchanged."""
        return await self._inner.read(limit)

    async def write(self, data: bytes) -> None:
        """To the inner channel, unchanged."""
        await self._inner.write(data)

    async def close_write(self) -> None:
        """Of the inner channel."""
        await self._inner.close_write()

    async def close(self) -> None:
        """Of the inner channel."""
        await self._inner.close()

    def reset(self) -> None:
        """Of the inner channel."""
        self._inner.reset()


class I2pStream(Channel, Protocol):
    """A stream through I2P."""

    @property
    def remote(self) -> Destination:
        """The destination at the other end."""
        ...

    @property
    def local_port(self) -> int:
        """The I2P port that it came to or went out from; 0 if none was given."""
        ...

    @property
    def is_reset_by_peer(self) -> bool:
        """Whether the peer broke it off, as against one that only fell silent."""
        ...

    async def wait_reset(self) -> None:
        """Return when the stream is broken off, also while nobody reads or writes."""
        ...


class I2pSession(Protocol):
    """A local destination."""

    @property
    def destination(self) -> Destination:
        """Its public keys, the address that peers see."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether it has tunnels both ways now."""
        ...

    async def wait_ready(self, timeout_s: float) -> None:
        """Raises Unavailable when the time is over or the session ends."""
        ...

    async def connect(
        self,
        target: bytes | BlindedTarget,
        /,
        *,
        port: int = 0,
        timeout_s: float = 60.0,
        initial: bytes = b"",
    ) -> I2pStream:
        """A stream to a destination's hash or encrypted address.

        ``initial`` goes along with the first packet. Raises Unavailable.
        """
        ...

    async def accept(self) -> I2pStream:
        """The next stream from somebody else; raises Unavailable when the session ends."""
        ...

    async def close(self) -> None:
        """Ends its streams and gives up its tunnels."""
        ...


class Traffic:
    """What a tunnel has carried so far, in bytes, and how fast it may; ``sent`` is into I2P."""

    __slots__ = ("inbound", "outbound", "received", "sent")

    def __init__(
        self, inbound_bytes_s: int | None = None, outbound_bytes_s: int | None = None
    ) -> None:
        self.sent = 0
        self.received = 0
        self.inbound: Pace | None = None
        self.outbound: Pace | None = None
        self.limit(inbound_bytes_s, outbound_bytes_s)

    def limit(self, inbound_bytes_s: int | None, outbound_bytes_s: int | None) -> None:
        """Set the limits, for open channels too; None: none."""
        self.inbound = None if inbound_bytes_s is None else Pace(inbound_bytes_s)
        self.outbound = None if outbound_bytes_s is None else Pace(outbound_bytes_s)


class CountedChannel(WrappedChannel):
    """A channel into I2P whose bytes are counted, and held back to the tunnel's limits."""

    __slots__ = ("_traffic",)

    def __init__(self, inner: Channel, traffic: Traffic) -> None:
        super().__init__(inner)
        self._traffic = traffic

    async def read(self, limit: int = READ_BYTES) -> bytes:
        """Counts bytes from I2P, and waits as the tunnel's inbound limit demands."""
        pace = self._traffic.inbound
        if pace is not None:
            await pace.settle()  # before: a call that is cancelled must not lose what it has read
        data = await self._inner.read(limit)
        self._traffic.received += len(data)
        if pace is not None:
            pace.charge(len(data))
        return data

    async def write(self, data: bytes) -> None:
        """Counts bytes to I2P once they are taken; waits first as the outbound limit demands."""
        if self._traffic.outbound is not None:
            await self._traffic.outbound.wait(len(data))
        await self._inner.write(data)
        self._traffic.sent += len(data)


async def finish_politely(
    channel: Channel, timeout_s: float = 2.0, bytes_max: int = 1 << 20
) -> None:
    """Close so that the last answer arrives although the other side is still sending.

    Closing a TCP socket with unread data resets it, and the reset overtakes the answer.
    """
    try:
        async with asyncio.timeout(timeout_s):
            await channel.close_write()
            while bytes_max > 0 and (data := await channel.read()):
                bytes_max -= len(data)
    except (Unavailable, TimeoutError):
        pass
    await channel.close()
