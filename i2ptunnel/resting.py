"""A session that rests while nobody uses it.

It opens with the first use (``delay_open``), keeps fewer router tunnels when idle (``reduce``), and
gives all up when idle for longer (``close``), until somebody uses it again, then perhaps under a
new address. To its tunnels it looks like any other session, ready also while it rests.

What always holds: an open stream is never given up for idleness; only datagrams that come while the
session is closed are lost, for nobody could send any.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol, cast

from core.api import TunnelShape
from core.base.errors import I2PError, Unavailable
from core.data.blinded_address import BlindedTarget
from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from i2ptunnel.relay.channel import READ_BYTES, I2pSession, I2pStream
from i2ptunnel.relay.udp import DatagramSession, I2pDatagram
from i2ptunnel.tunnels.base import RestPolicy

OpenInner = Callable[[PrivateKeys], Awaitable[I2pSession]]

_log = logging.getLogger("i2ptunnel.resting")


class _Reshapable(Protocol):
    def reshape(self, inbound: TunnelShape, outbound: TunnelShape) -> None: ...


class RestingSession:
    """``keys`` None: ``make_keys`` is asked, and again for each new address."""

    def __init__(
        self,
        open_inner: OpenInner,
        keys: PrivateKeys | None,
        make_keys: Callable[[], PrivateKeys],
        shapes: tuple[TunnelShape, TunnelShape],
        policy: RestPolicy,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_inner = open_inner
        self._make_keys = make_keys
        self._keys = keys or make_keys()
        self._shapes = shapes
        self._policy = policy
        self._monotonic = monotonic
        self._inner: I2pSession | None = None
        self._lock = asyncio.Lock()
        self._opened = asyncio.Event()
        self._used_at = monotonic()
        self._streams: set[_RestingStream] = set()
        self._users = 0  # that are connecting
        self._is_reduced = False
        self._is_closed = False
        self._keeping: asyncio.Task[None] | None = None
        self._opening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open it, unless that is to be delayed; raises what opening raises."""
        if not self._policy.delay_open:
            await self._awake()
        self._keeping = asyncio.create_task(self._keep())

    @property
    def is_asleep(self) -> bool:
        """Whether there are no router tunnels now, on purpose."""
        return self._inner is None and not self._is_closed

    @property
    def is_reduced(self) -> bool:
        """Whether it keeps fewer tunnels now because it is idle."""
        return self._is_reduced

    @property
    def destination(self) -> Destination:
        """Our address now; after a rest it may be another one."""
        return self._keys.destination

    @property
    def blinded_address(self) -> object:
        """Of an encrypted lease set, while the session is open."""
        return getattr(self._inner, "blinded_address", None)

    @property
    def common_address(self) -> object:
        """Of several machines, while the session is open."""
        return getattr(self._inner, "common_address", None)

    @property
    def machines_up(self) -> object:
        """Of those, while the session is open."""
        return getattr(self._inner, "machines_up", None)

    def set_serving(self, is_serving: bool) -> None:
        """Whether the service behind it answers."""
        tell = getattr(self._inner, "set_serving", None)
        if tell is not None:
            tell(is_serving)

    @property
    def is_ready(self) -> bool:
        """True also while it rests: the first use opens it."""
        return self.is_asleep or (self._inner is not None and self._inner.is_ready)

    async def wait_ready(self, timeout_s: float) -> None:
        """Returns at once while it rests. Raises Unavailable."""
        self._check_open()
        if self._inner is not None:
            await self._inner.wait_ready(timeout_s)

    async def connect(
        self,
        target: bytes | BlindedTarget,
        /,
        *,
        port: int = 0,
        timeout_s: float = 60.0,
        initial: bytes = b"",
    ) -> I2pStream:
        """Opens the session first if it rests; both together within ``timeout_s``."""
        self._users += 1
        try:
            deadline = self._monotonic() + timeout_s
            inner = await self._awake()
            left_s = max(0.1, deadline - self._monotonic())
            await inner.wait_ready(left_s)
            stream = await inner.connect(target, port=port, timeout_s=left_s, initial=initial)
        finally:
            self._users -= 1
        return self._hold(stream)

    async def accept(self) -> I2pStream:
        """Goes on waiting over a rest; Unavailable only if the session is closed or fails."""
        while True:
            inner = await self._next_inner()
            try:
                return self._hold(await inner.accept())
            except Unavailable:
                if self._inner is inner or self._is_closed:
                    raise

    async def lookup(self, target: bytes | BlindedTarget, timeout_s: float = 60.0) -> Destination:
        """See ``core.api.ClientSession.lookup``."""
        inner = await self._awake()
        await inner.wait_ready(timeout_s)
        return cast(Destination, await cast(Any, inner).lookup(target, timeout_s))

    def send_datagram(
        self,
        destination_hash: bytes,
        payload: bytes,
        *,
        version: int = 1,
        from_port: int = 0,
        to_port: int = 0,
        options: Mapping[str, str] | None = None,
    ) -> bool:
        """False if it rests: the datagram is lost, but the session opens."""
        self._check_open()
        self.touch()
        if self._inner is None:
            if self._opening is None or self._opening.done():
                self._opening = asyncio.create_task(self._open_quietly())
            return False
        if not self._inner.is_ready:
            return False
        return cast(DatagramSession, self._inner).send_datagram(
            destination_hash,
            payload,
            version=version,
            from_port=from_port,
            to_port=to_port,
            options=options,
        )

    async def receive_datagram(self) -> I2pDatagram:
        """Goes on waiting over a rest, as :meth:`accept`."""
        while True:
            inner = await self._next_inner()
            try:
                datagram = await cast(DatagramSession, inner).receive_datagram()
            except Unavailable:
                if self._inner is inner or self._is_closed:
                    raise
            else:
                self.touch()
                return datagram

    async def close(self) -> None:
        """For good; whoever waits gets Unavailable."""
        self._is_closed = True
        self._opened.set()
        for task in (self._keeping, self._opening):
            if task is not None:
                task.cancel()
        inner, self._inner = self._inner, None
        if inner is not None:
            await inner.close()

    def touch(self) -> None:
        """Somebody uses it: all router tunnels are wanted."""
        self._used_at = self._monotonic()
        if self._is_reduced:
            self._is_reduced = False
            self._reshape(*self._shapes)

    def forget(self, stream: _RestingStream) -> None:
        """A stream has ended."""
        self._streams.discard(stream)
        self._used_at = self._monotonic()

    async def check(self) -> None:
        """Do what is due for want of use."""
        policy, idle_s = self._policy, self._monotonic() - self._used_at
        if self._inner is None:
            return
        is_unused = not self._streams and not self._users
        if policy.close_after_s and idle_s >= policy.close_after_s and is_unused:
            await self._sleep()
        elif policy.reduce_after_s and idle_s >= policy.reduce_after_s and not self._is_reduced:
            self._is_reduced = True
            self._reshape(*(self._less(shape) for shape in self._shapes))

    async def _sleep(self) -> None:
        async with self._lock:
            inner, self._inner = self._inner, None
            self._opened.clear()
            self._is_reduced = False
            if self._policy.new_keys:
                self._keys = self._make_keys()
            if inner is not None:
                await inner.close()

    async def _keep(self) -> None:
        times = [s for s in (self._policy.reduce_after_s, self._policy.close_after_s) if s]
        while times:
            await asyncio.sleep(max(0.05, min(times) / 20))
            await self.check()

    async def _awake(self) -> I2pSession:
        self._check_open()
        self.touch()
        async with self._lock:
            if self._inner is None:
                inner = await self._open_inner(self._keys)
                if self._is_closed:
                    await inner.close()
                    self._check_open()
                self._inner = inner
                self._opened.set()
            return self._inner

    async def _open_quietly(self) -> None:
        try:
            await self._awake()
        except (I2PError, OSError) as error:
            _log.debug("a resting session does not open: %s", error)

    async def _next_inner(self) -> I2pSession:
        while self._inner is None:
            self._check_open()
            await self._opened.wait()
        return self._inner

    def _hold(self, stream: I2pStream) -> I2pStream:
        self.touch()
        held = _RestingStream(stream, self)
        self._streams.add(held)
        return held

    def _reshape(self, inbound: TunnelShape, outbound: TunnelShape) -> None:
        if self._inner is not None:
            cast(_Reshapable, self._inner).reshape(inbound, outbound)

    def _less(self, shape: TunnelShape) -> TunnelShape:
        quantity = min(shape.quantity, self._policy.reduce_to)
        return replace(shape, quantity=quantity, backup_quantity=0)

    def _check_open(self) -> None:
        if self._is_closed:
            raise Unavailable("the session is closed", "closed")


class _RestingStream:
    """A stream that keeps its session awake while it is open, and notes when it is used."""

    __slots__ = ("_has_ended_reading", "_has_ended_writing", "_inner", "_session")

    def __init__(self, inner: I2pStream, session: RestingSession) -> None:
        self._inner = inner
        self._session = session
        self._has_ended_reading = False
        self._has_ended_writing = False

    @property
    def remote(self) -> Destination:
        return self._inner.remote

    @property
    def local_port(self) -> int:
        return self._inner.local_port

    @property
    def bytes_sent(self) -> int:
        return self._inner.bytes_sent

    @property
    def has_arrived(self) -> bool:
        return self._inner.has_arrived

    @property
    def is_reset_by_peer(self) -> bool:
        return self._inner.is_reset_by_peer

    async def probe(self) -> bool:
        return await self._inner.probe()

    async def wait_reset(self) -> None:
        await self._inner.wait_reset()

    async def read(self, limit: int = READ_BYTES) -> bytes:
        try:
            data = await self._inner.read(limit)
        except Unavailable:
            self._session.forget(self)
            raise
        if data:
            self._session.touch()
        else:
            self._has_ended_reading = True
            self._end_if_both()
        return data

    async def write(self, data: bytes) -> None:
        self._session.touch()
        try:
            await self._inner.write(data)
        except Unavailable:
            self._session.forget(self)
            raise

    async def close_write(self) -> None:
        await self._inner.close_write()
        self._has_ended_writing = True
        self._end_if_both()

    async def close(self) -> None:
        self._session.forget(self)
        await self._inner.close()

    def reset(self) -> None:
        self._session.forget(self)
        self._inner.reset()

    def _end_if_both(self) -> None:
        if self._has_ended_reading and self._has_ended_writing:
            self._session.forget(self)
