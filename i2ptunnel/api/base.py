"""What all routers have in common: sessions that end with them, and one that ``connect`` shares."""

from __future__ import annotations

import abc
import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from i2ptunnel.api.address import Address, split_port
from i2ptunnel.api.errors import Closed, TimedOut, UsageError
from i2ptunnel.api.interface import (
    DatagramSession,
    Router,
    Session,
    SessionOptions,
    Stream,
    Target,
)
from i2ptunnel.api.opening import RESOLVE_TIMEOUT_S, SESSION_TIMEOUT_S, Opening, limited

#: seconds for the polite end of one session
CLOSE_TIMEOUT_S = 5.0

SessionT = TypeVar("SessionT", Session, DatagramSession)


def split_target(target: Target, port: int | None) -> tuple[str | Address, int]:
    """Whom a target names, and which I2P port is meant. Raises UsageError."""
    if isinstance(target, Address):
        return target, target.port if port is None else port
    return split_port(target, port)


def claim_port(taken: set[int | None], port: int | None) -> None:
    """Note that a session has a listener for ``port``; UsageError if it has one already."""
    if port in taken:
        what = "all ports" if port is None else f"port {port}"
        raise UsageError(f"the session has a listener for {what} already", "in_use")
    taken.add(port)


class BaseRouter(Router):
    """A router whose subclass opens sessions, resolves names and stops."""

    def __init__(self) -> None:
        self._open: set[Session | DatagramSession] = set()
        self._shared: Session | None = None
        self._sharing = asyncio.Lock()
        self._is_closed = False
        #: what the last session waited for that was given up
        self._waited_for = ""

    @abc.abstractmethod
    async def _make_session(self, options: SessionOptions) -> Session:
        """A session that is ready; nothing is left open if it is cancelled."""

    @abc.abstractmethod
    async def _make_datagrams(self, options: SessionOptions, *, raw: bool) -> DatagramSession:
        """One for datagrams that is ready; nothing is left open if it is cancelled."""

    @abc.abstractmethod
    async def _find(self, name: str) -> Address:
        """Who has a name."""

    async def _stop(self) -> None:
        """Give up what is below the sessions."""

    async def resolve(self, name: str, *, timeout: float | None = RESOLVE_TIMEOUT_S) -> Address:
        """See :class:`Router`."""
        self._check_open()
        bare, port = split_port(name, None)
        async with limited(timeout, "looking the name up"):
            found = await self._find(bare)
        return Address(found.host, found.base64, port)

    def open_session(
        self,
        *,
        keys: Path | str | None = None,
        publish: bool = False,
        hops: int = 3,
        tunnels: int = 2,
        timeout: float | None = SESSION_TIMEOUT_S,
    ) -> Opening[Session]:
        """See :class:`Router`."""
        options = SessionOptions(None if keys is None else Path(keys), publish, hops, tunnels)
        return Opening(lambda: self._keep(lambda: self._make_session(options), timeout))

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
        """See :class:`Router`."""
        options = SessionOptions(None if keys is None else Path(keys), publish, hops, tunnels)
        return Opening(lambda: self._keep(lambda: self._make_datagrams(options, raw=raw), timeout))

    def connect(
        self, target: Target, port: int | None = None, *, timeout: float | None = SESSION_TIMEOUT_S
    ) -> Opening[Stream]:
        """See :class:`Router`."""
        return Opening(lambda: self._connect(target, port, timeout))

    async def close(self) -> None:
        """See :class:`Router`."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            for session in list(self._open):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CLOSE_TIMEOUT_S):
                        await session.close()
        finally:
            self._open.clear()
            await self._stop()

    def forget(self, session: Session | DatagramSession) -> None:
        """Called by a session that closes."""
        self._open.discard(session)

    async def _connect(self, target: Target, port: int | None, timeout: float | None) -> Stream:
        async with limited(timeout, "connecting"):
            session = await self.shared()
            return await session.connect(target, port, timeout=None)

    async def shared(self) -> Session:
        """The session of :meth:`connect`, opened when it is first asked for."""
        async with self._sharing:
            if self._shared is None or self._shared not in self._open:
                self._shared = await self.open_session(timeout=None)
            return self._shared

    async def _keep(
        self, make: Callable[[], Awaitable[SessionT]], timeout: float | None
    ) -> SessionT:
        self._check_open()
        self._waited_for = ""
        try:
            async with limited(timeout, "building tunnels"):
                session = await make()
        except TimedOut:
            why = f": {self._waited_for}" if self._waited_for else ""
            raise TimedOut("building tunnels", why) from None
        if self._is_closed:
            await session.close()
            raise Closed("the router is closed", "closed")
        self._open.add(session)
        return session

    def _check_open(self) -> None:
        if self._is_closed:
            raise Closed("the router is closed", "closed")
