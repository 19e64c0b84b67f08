"""Client sessions and streams joined in memory: the methods of core.api, without a router.

A :class:`LoopbackNetwork` knows its sessions by destination hash. Streams have bounded buffers, so
back-pressure is real; half-close, reset and close behave as core.api says.
"""

from __future__ import annotations

import asyncio
from collections import deque

from core.api import begin_stage, end_stage
from core.base.errors import Retry, Unavailable
from core.data.blinded_address import BlindedTarget
from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from i2ptunnel.tunnels.base import SessionRequest
from tests.support.deterministic import SeededEntropy

BUFFER_BYTES_MAX = 131_072


class _Pipe:
    """One direction of a stream."""

    def __init__(self) -> None:
        self.pieces: deque[bytes] = deque()
        self.size = 0
        self.is_closed = False
        self.is_discarding = False
        self.error: Unavailable | None = None
        self._changed: list[asyncio.Future[None]] = []

    def change(self) -> None:
        waiting, self._changed = self._changed, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._changed.append(waiter)
        await waiter

    def fail(self, error: Unavailable) -> None:
        self.error = self.error or error
        self.change()


class LoopbackStream:
    """One end of a stream."""

    def __init__(
        self, remote: Destination, local_port: int, remote_port: int, inward: _Pipe, outward: _Pipe
    ) -> None:
        self.remote = remote
        self.local_port = local_port
        self.remote_port = remote_port
        self._in = inward
        self._out = outward
        self.is_reset = False
        self._written_bytes = 0
        #: False: the other side acknowledges nothing, as if it did not know the stream
        self.has_arrived = True
        self.probes = 0
        #: the most bytes that were ever under way to us
        self.peak_bytes = 0

    @property
    def bytes_sent(self) -> int:
        return self._written_bytes - self._out.size

    @property
    def is_reset_by_peer(self) -> bool:
        return self._in.error is not None and not self.is_reset

    async def probe(self) -> bool:
        self.probes += 1
        await asyncio.sleep(0)
        return self.has_arrived

    async def wait_reset(self) -> None:
        while self._in.error is None and not self.is_reset:
            await self._in.wait()

    async def read(self, limit: int = 65536) -> bytes:
        pipe = self._in
        while not pipe.pieces:
            if pipe.error is not None:
                raise pipe.error
            if pipe.is_closed:
                return b""
            await pipe.wait()
        self.peak_bytes = max(self.peak_bytes, pipe.size)
        joined = [pipe.pieces.popleft()]
        size = len(joined[0])
        while size < limit and pipe.pieces:
            joined.append(pipe.pieces.popleft())
            size += len(joined[-1])
        piece = b"".join(joined)
        if size > limit:
            pipe.pieces.appendleft(piece[limit:])
            piece = piece[:limit]
        pipe.size -= len(piece)
        pipe.change()
        return piece

    async def write(self, data: bytes) -> None:
        pipe = self._out
        for start in range(0, len(data), BUFFER_BYTES_MAX):
            piece = data[start : start + BUFFER_BYTES_MAX]
            while pipe.error is None and pipe.size >= BUFFER_BYTES_MAX:
                await pipe.wait()
            if pipe.error is not None:
                raise pipe.error
            if pipe.is_closed:
                raise Unavailable("the stream was closed here", "stream_reset", Retry.NOW)
            self._written_bytes += len(piece)
            if pipe.is_discarding:
                continue
            pipe.pieces.append(piece)
            pipe.size += len(piece)
            pipe.change()

    async def close_write(self) -> None:
        self._out.is_closed = True
        self._out.change()

    async def close(self) -> None:
        await self.close_write()
        self._in.is_discarding = True
        self._in.pieces.clear()
        self._in.size = 0
        self._in.change()

    def reset(self) -> None:
        if self.is_reset:
            return
        self.is_reset = True
        if self._in.is_closed and not self._in.pieces and self._out.is_closed:
            return
        error = Unavailable("the other side reset the stream", "stream_reset", Retry.NOW)
        for pipe in (self._in, self._out):
            pipe.pieces.clear()
            pipe.size = 0
            pipe.fail(error)


class LoopbackSession:
    """One destination in a :class:`LoopbackNetwork`."""

    def __init__(self, network: LoopbackNetwork, keys: PrivateKeys) -> None:
        self._network = network
        self.destination = keys.destination
        self.is_ready = network.starts_ready
        self.is_closed = False
        self._readiness = asyncio.Event()
        self._accepted: deque[LoopbackStream] = deque()
        self._arrived = asyncio.Event()
        #: (hash, port) of each connect
        self.connects: list[tuple[bytes, int]] = []
        #: what each of them sent along
        self.initials: list[bytes] = []
        self.streams: list[LoopbackStream] = []
        #: what was told of the service behind it
        self.serving: list[bool] = []

    def set_serving(self, is_serving: bool) -> None:
        self.serving.append(is_serving)

    def become_ready(self) -> None:
        self.is_ready = True
        self._readiness.set()

    async def wait_ready(self, timeout_s: float | None = None) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while not self.is_ready:
                    self._check_open()
                    await self._readiness.wait()
        except TimeoutError:
            raise Unavailable("no tunnels yet", "tunnels_not_ready") from None

    async def connect(
        self,
        target: bytes | BlindedTarget,
        *,
        port: int = 0,
        from_port: int = 0,
        timeout_s: float = 60.0,
        initial: bytes = b"",
    ) -> LoopbackStream:
        if isinstance(target, BlindedTarget):
            destination_hash = self._network.open_blinded(target)
        else:
            destination_hash = target
        self.connects.append((destination_hash, port))
        self.initials.append(initial)
        self._check_open()
        begin_stage("tunnels")
        await self.wait_ready(timeout_s)
        begin_stage("lease_set")
        failure = self._network.failures.get(destination_hash)
        if failure is not None:
            raise Unavailable(f"made to fail: {failure}", failure)
        other = self._network.sessions.get(destination_hash)
        if other is None or other.is_closed:
            raise Unavailable("no lease set found", "lease_set_not_found")
        begin_stage("stream")
        await asyncio.sleep(0)
        there, back = _Pipe(), _Pipe()
        mine = LoopbackStream(other.destination, from_port, port, back, there)
        theirs = LoopbackStream(self.destination, port, from_port, there, back)
        self.streams.append(mine)
        other.streams.append(theirs)
        other._accepted.append(theirs)
        other._arrived.set()
        if initial:
            await mine.write(initial)
        end_stage()
        return mine

    async def lookup(self, target: bytes | BlindedTarget, timeout_s: float = 20.0) -> Destination:
        if isinstance(target, BlindedTarget):
            target = self._network.open_blinded(target)
        if target not in self._network.sessions:
            raise Unavailable("no lease set found", "lease_set_not_found")
        return self._network.sessions[target].destination

    async def accept(self) -> LoopbackStream:
        while not self._accepted:
            self._check_open()
            self._arrived.clear()
            await self._arrived.wait()
        return self._accepted.popleft()

    async def close(self) -> None:
        self.is_closed = True
        self.is_ready = False
        self._readiness.set()
        self._arrived.set()
        for stream in self.streams:
            stream.reset()

    def _check_open(self) -> None:
        if self.is_closed:
            raise Unavailable("the session is closed", "closed", Retry.NEVER)


class LoopbackNetwork:
    """All destinations there are; also hands out sessions to tunnels."""

    def __init__(self) -> None:
        self.sessions: dict[bytes, LoopbackSession] = {}
        #: destination hash -> code that connecting to it fails with
        self.failures: dict[bytes, str] = {}
        #: destination hash -> what opens its encrypted lease set
        self.blinded: dict[bytes, BlindedTarget] = {}
        self.starts_ready = True
        self.requests: list[SessionRequest] = []
        self._seed = 0

    def session(self, name: str | None = None) -> LoopbackSession:
        """A session with keys drawn from its name."""
        self._seed += 1
        keys = PrivateKeys.generate_destination(SeededEntropy(name or f"loopback {self._seed}"))
        session = LoopbackSession(self, keys)
        self.sessions[session.destination.hash] = session
        return session

    def open_blinded(self, target: BlindedTarget) -> bytes:
        """The destination behind a blinded address, if the credentials are those it wants."""
        for destination_hash, session in self.sessions.items():
            if target.address.is_of(session.destination):
                if target == self.blinded.get(destination_hash):
                    return destination_hash
                raise Unavailable("the credentials are wrong", "client_key_refused")
        raise Unavailable("no lease set found", "lease_set_not_found")

    async def open(self, request: SessionRequest) -> LoopbackSession:
        """What a tunnel's context does; no session is shared."""
        self.requests.append(request)
        return self.session(request.name)
