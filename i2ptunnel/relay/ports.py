"""What the relay needs from both ends of a connection, as Protocols.

``core.api.Stream`` and :class:`i2ptunnel.relay.local.LocalStream` both are a :class:`ByteStream`,
so everything above moves bytes without knowing which side it talks to.
"""

from __future__ import annotations

from typing import Protocol

from core.data.identity import Destination

READ_BYTES_MAX = 262_144


class ByteStream(Protocol):
    """A two-way byte stream with back-pressure and half-close."""

    async def read(self, limit: int = 65536) -> bytes:
        """Up to ``limit`` bytes; ``b""``: the other end sends no more.

        Raises Unavailable (or OSError) when the stream broke.
        """
        ...

    async def write(self, data: bytes) -> None:
        """Send ``data``; returns when more may be written."""
        ...

    async def close_write(self) -> None:
        """Send no more; reading goes on."""
        ...

    async def close(self) -> None:
        """End both directions after everything written was sent."""
        ...

    def reset(self) -> None:
        """End both directions at once; the other end sees an error."""
        ...


class I2pStream(ByteStream, Protocol):
    """A stream whose other end is a destination."""

    @property
    def remote(self) -> Destination: ...

    @property
    def local_port(self) -> int: ...

    @property
    def remote_port(self) -> int: ...


class I2pSession(Protocol):
    """A client session: our destination with its router tunnels."""

    @property
    def destination(self) -> Destination: ...

    @property
    def is_ready(self) -> bool:
        """Whether its router tunnels are up (and its lease set published, if it is a server)."""
        ...

    async def wait_ready(self, timeout_s: float) -> None:
        """Returns when ready; raises Unavailable ``tunnels_not_ready`` after ``timeout_s``."""
        ...

    async def connect(
        self, destination_hash: bytes, *, port: int = 0, timeout_s: float = 60
    ) -> I2pStream:
        """Raises Unavailable: lease_set_not_found, connect_timeout, stream_reset, closed, …"""
        ...

    async def accept(self) -> I2pStream:
        """The next stream somebody opened to us; raises Unavailable ``closed`` at the end."""
        ...

    async def close(self) -> None: ...
