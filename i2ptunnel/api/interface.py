"""The classes that programs hold. Every kind of router gives the same ones.

All of them live in the event loop they were opened in; nothing is thread-safe. Every call that
waits takes ``timeout`` in seconds, None for no limit, and raises :class:`TimedOut` when it is over;
each can be cancelled, and leaves nothing behind then.
"""

from __future__ import annotations

import abc
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from i2ptunnel.api.address import Address
from i2ptunnel.api.opening import (
    CONNECT_TIMEOUT_S,
    RESOLVE_TIMEOUT_S,
    SESSION_TIMEOUT_S,
    Opening,
)

Target = str | Address
"""``site.i2p``, ``….b32.i2p`` or base 64, each with ``:port`` if one is meant; or an Address."""


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How a destination is made.

    ``keys``: its key file (``.dat``), made if it is missing, so that the address stays; None: an
    address that is forgotten at the end. ``publish``: others can find it, which servers need.
    ``hops`` and ``tunnels``: of each direction; fewer hops are faster and less anonymous.
    """

    keys: Path | None = None
    publish: bool = False
    hops: int = 3
    tunnels: int = 2
    name: str = field(default="api", compare=False)


class _Resource(abc.ABC):
    """Closed at the end of ``async with``."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Give it up. Safe to call twice."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


class Stream(_Resource):
    """A connection: bytes in both directions, each closed on its own.

    One task may read while another writes. The end of ``async with`` closes it, or resets it if an
    error is the reason.
    """

    remote: Address
    """The other side."""
    local_port: int = 0
    remote_port: int = 0

    @abc.abstractmethod
    async def read(self, limit: int = 65536, *, timeout: float | None = None) -> bytes:
        """Some bytes; empty: the other side has closed its direction. Raises StreamReset."""

    @abc.abstractmethod
    async def write(self, data: bytes, *, timeout: float | None = None) -> None:
        """Send all of ``data``; waits while the other side does not read. Raises StreamReset.

        When the time is over a part may have been sent.
        """

    @abc.abstractmethod
    async def close_write(self) -> None:
        """End our direction; reading goes on."""

    @abc.abstractmethod
    def reset(self) -> None:
        """Break off at once; the other side is told."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            await self.close()
        else:
            self.reset()


class Listener(_Resource):
    """Streams that others open to us. ``async for stream in listener`` takes one after another."""

    address: Address
    """Where we are reached."""

    @abc.abstractmethod
    async def accept(self, *, timeout: float | None = None) -> Stream:
        """The next stream. Raises Closed."""

    async def __aiter__(self) -> AsyncIterator[Stream]:
        from i2ptunnel.api.errors import Closed

        while True:
            try:
                stream = await self.accept()
            except Closed:
                return
            yield stream


class Session(_Resource):
    """One destination of ours, with tunnels of its own, for streams."""

    address: Address
    """Ours; it is all that peers learn."""

    @abc.abstractmethod
    def connect(
        self, target: Target, port: int | None = None, *, timeout: float | None = CONNECT_TIMEOUT_S
    ) -> Opening[Stream]:
        """A stream to ``target``. Raises NotFound, Unreachable, RouterError."""

    @abc.abstractmethod
    def listen(self, port: int | None = None) -> Listener:
        """Take streams to an I2P port, None: to every port without a listener of its own.

        The session must be published. Raises UsageError.
        """


@dataclass(frozen=True, slots=True)
class Datagram:
    """One that arrived. ``source``: who signed it, to answer to; None for raw ones."""

    payload: bytes
    source: Address | None
    to_port: int


class DatagramSession(_Resource):
    """One destination of ours, with tunnels of its own, for datagrams: repliable or raw ones."""

    address: Address
    """Ours."""

    @abc.abstractmethod
    async def send(
        self,
        payload: bytes,
        target: Target,
        port: int | None = None,
        *,
        timeout: float | None = RESOLVE_TIMEOUT_S,
    ) -> None:
        """Send one; it may get lost on the way, and nobody is told. Raises NotFound."""

    @abc.abstractmethod
    async def receive(self, *, timeout: float | None = None) -> Datagram:
        """The next one for us. Raises Closed."""


class Router(_Resource):
    """A way into I2P: a router in this process, or one that runs."""

    @abc.abstractmethod
    async def resolve(self, name: str, *, timeout: float | None = RESOLVE_TIMEOUT_S) -> Address:
        """Who has a name, by the router's address book. Raises NotFound, UsageError.

        Addresses say who they are themselves: nobody is asked for them.
        """

    @abc.abstractmethod
    def open_session(
        self,
        *,
        keys: Path | str | None = None,
        publish: bool = False,
        hops: int = 3,
        tunnels: int = 2,
        timeout: float | None = SESSION_TIMEOUT_S,
    ) -> Opening[Session]:
        """A destination for streams; see :class:`SessionOptions`. Raises RouterError, UsageError.

        It is there when it has tunnels and, if it is published, can be found.
        """

    @abc.abstractmethod
    def open_datagrams(
        self,
        *,
        keys: Path | str | None = None,
        publish: bool = False,
        raw: bool = False,
        hops: int = 3,
        tunnels: int = 2,
        timeout: float | None = SESSION_TIMEOUT_S,
    ) -> Opening[DatagramSession]:
        """A destination for datagrams. ``raw``: without sender, so smaller and not answerable.

        What is not published is still found by those it has sent to, for a few minutes.
        """

    @abc.abstractmethod
    def connect(
        self, target: Target, port: int | None = None, *, timeout: float | None = SESSION_TIMEOUT_S
    ) -> Opening[Stream]:
        """A stream from an address that all such calls share, and that ends with the router.

        Peers can see that these streams are one user's: open a session for each part of a program
        that must not be connected with others. The first call waits for tunnels.
        """
