"""Client sessions for asyncio programs: thin handles on the engine's objects.

A handle never keeps data: reads and writes go straight to the stream's own bounded buffers, and
waiting is one future for each direction. After each use the router gets a turn in the same loop
iteration, so what many handles did is sent in one go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, TypeVar

from core.base.errors import Retry, Unavailable
from core.client import events as client_events
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.identity import Destination
from core.data.lease_set_layers import ClientAuthorisation
from core.data.lease_set_variants import ClearLeaseSet
from core.io.backlog import Backlog
from core.io.datagrams import Datagram, DatagramInbox, DatagramReceiver
from core.io.lookup_failures import not_found
from core.io.session_ports import NamingEngine, SessionEngine
from core.io.stages import begin_stage, end_stage
from core.io.stream import Stream, StreamReset
from core.io.tracing import RouterLog
from core.streaming import events as stream_events
from core.streaming.connection import Stream as StreamEngine
from core.tunnel.shape import TunnelShape

MACHINE_TIMEOUT_S = 8.0
"""How long one of several machines with the same address may take to answer."""
Found = ClearLeaseSet | client_events.FoundDestination


EngineT = TypeVar("EngineT", bound=SessionEngine)
HostedT = TypeVar("HostedT", bound=SessionEngine, contravariant=True)


class SessionHost(Protocol[HostedT]):
    """What a session asks of the router it belongs to."""

    def now(self) -> float:
        """The clock that every engine call takes."""

    def touch(self, engine: HostedT) -> None:
        """Give the session's engine a turn in this loop iteration."""

    def reshape_session(self, engine: HostedT, inbound: TunnelShape, outbound: TunnelShape) -> None:
        """Change length or number of its tunnels."""

    def close_session(self, session: ClientSession, engine: HostedT) -> None:
        """Its tunnels and its lease set are given up."""

    @property
    def log(self) -> RouterLog:
        """Is told what happens to streams."""


class ClientSession:
    """One local destination with its tunnels. Made by ``Router.open_session``."""

    def __init__(self, router: SessionHost[EngineT], engine: EngineT) -> None:
        self._engine: SessionEngine = engine
        self._log: Callable[[], RouterLog] = lambda: router.log
        self._now = router.now
        self._touch = partial(router.touch, engine)
        self._reshape = partial(router.reshape_session, engine)
        self._give_up = partial(router.close_session, self, engine)
        self._backlog: Backlog[Stream] = Backlog()
        self._lookups: dict[bytes | BlindedTarget | str, list[asyncio.Future[Found]]] = {}
        self._readiness = asyncio.Event()
        self._pings: dict[tuple[bytes, bytes], asyncio.Future[float]] = {}
        self._pings_sent = 0
        self._inbox: DatagramInbox | None = None
        self._is_closed = False
        # Nobody may ever accept: streams of peers would only pile up.
        engine.streams.is_listening = False

    @property
    def destination(self) -> Destination:
        """Our own destination."""
        return self._engine.destination

    @property
    def blinded_address(self) -> BlindedAddress | None:
        """Our b33 address, if our lease set is published encrypted."""
        own, options = self._engine.own, self._engine.config.encrypted
        if options is None or not own.is_encrypted:
            return None
        return BlindedAddress.of(
            self.destination,
            needs_secret=bool(options.secret),
            needs_client_key=own.authorisation is not None,
        )

    @property
    def machines_up(self) -> tuple[int, int] | None:
        """Of the machines that have one address with this one: how many were up, and all of them.

        None if it is the only one.
        """
        options = self._engine.config.meta
        if options is None:
            return None
        meta = self._engine.meta
        return 0 if meta is None else meta.up, len(options.machines)

    @property
    def common_address(self) -> Destination | None:
        """The address that several machines have together, if there is one."""
        options = self._engine.config.meta
        return None if options is None else options.keys.destination

    def authorise(self, authorisation: ClientAuthorisation | None) -> None:
        """Change who may read our encrypted lease set; None: everybody with the address.

        Who was revoked is out for good when the leases it knows have ended, after 10 minutes at
        most. LocalError if the lease set is not encrypted.
        """
        self._engine.authorise(authorisation, self._now())
        self._touch()

    def set_serving(self, is_serving: bool) -> None:
        """Whether the service behind this session answers; see ``is_multihomed`` and ``meta`` of
        its configuration. While it does not, only others with the same address are found."""
        if not self._is_closed:
            self._engine.set_serving(is_serving, self._now())
            self._touch()

    def reshape(self, inbound: TunnelShape, outbound: TunnelShape) -> None:
        """Keep other numbers and lengths of tunnels from now on, without touching any stream."""
        if not self._is_closed:
            self._reshape(inbound, outbound)

    @property
    def name(self) -> str:
        """As in its configuration."""
        return self._engine.config.name

    @property
    def is_ready(self) -> bool:
        """True while there are tunnels both ways and, for servers, a published lease set."""
        return self._engine.is_ready and not self._is_closed

    @property
    def why_not_ready(self) -> str:
        """What keeps it from carrying traffic, for the user."""
        return self._engine.why_not_ready

    async def wait_ready(self, timeout_s: float | None = None) -> None:
        """Wait until :attr:`is_ready`. Raises Unavailable ("tunnels_not_ready", "closed")."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self.is_ready:
                    self._check_open()
                    await self._readiness.wait()
        except TimeoutError:
            why = self._engine.why_not_ready
            raise Unavailable(f"no tunnels yet: {why}", "tunnels_not_ready") from None

    async def lookup(self, target: bytes | BlindedTarget, timeout_s: float = 20.0) -> Destination:
        """Find who is behind a hash or a b33 address.

        Raises Unavailable ("lease_set_not_found", "encryption_unsupported", for a b33 address also
        "secret_required", "client_key_required", "client_key_refused").
        """
        return (await self._find(target, timeout_s)).destination

    async def lookup_options(
        self, target: bytes | BlindedTarget, timeout_s: float = 20.0
    ) -> tuple[Destination, Mapping[str, str]]:
        """Like :meth:`lookup`, with the options of its lease set (service records and others)."""
        lease_set = await self._find(target, timeout_s)
        return lease_set.destination, lease_set.options

    async def lookup_name(self, name: str, timeout_s: float = 20.0) -> Destination:
        """Who has a host name in the address book of a router that is reached by I2CP.

        Raises Unavailable ("unknown_name", "tunnels_not_ready"). A router of ours has no address
        book: its application has.
        """
        await self.wait_ready(timeout_s)
        return (await self._find(name, timeout_s)).destination

    async def connect(
        self,
        target: bytes | BlindedTarget,
        *,
        port: int = 0,
        from_port: int = 0,
        timeout_s: float = 60.0,
        initial: bytes = b"",
    ) -> Stream:
        """Open a stream; returns when the destination has answered.

        ``target`` is a destination hash, or a b33 address with its keys. ``initial`` travels with
        the first packet. Where several machines have the address (a meta lease set), they are tried
        one after the other, and again while there is time and one of them was silent; ``initial``
        follows then when one has answered, so that it is acted upon once. Raises Unavailable
        ("tunnels_not_ready", "connect_timeout", "stream_reset", and what :meth:`lookup` raises).
        """
        deadline = self._now() + timeout_s
        begin_stage("tunnels")
        await self.wait_ready(timeout_s)
        failure: StreamReset | None = None
        was_silent = False
        while True:
            begin_stage("lease_set")
            try:
                found = await self._find(target, max(0.1, deadline - self._now()))
            except Unavailable as error:
                if was_silent and self._now() < deadline:
                    was_silent = False
                    continue
                raise failure or error from None
            begin_stage("stream")
            destination = found.destination
            if not isinstance(target, bytes) or destination.hash == target:
                stream = await self._open(destination, port, from_port, deadline, initial)
                end_stage()
                return stream
            try:
                until = min(deadline, self._now() + MACHINE_TIMEOUT_S)
                stream = await self._open(destination, port, from_port, until, b"")
            except StreamReset as error:
                self._engine.note_unreachable(destination.hash, self._now())
                failure = error
                was_silent |= error.code == "connect_timeout"
                if self._now() >= deadline:
                    raise
                continue
            if initial:
                await stream.write(initial)
            end_stage()
            return stream

    async def _open(
        self, destination: Destination, port: int, from_port: int, deadline: float, initial: bytes
    ) -> Stream:
        """A stream that the destination has answered; StreamReset at ``deadline``."""
        engine_stream = self._engine.streams.connect(
            destination, to_port=port, from_port=from_port, now=self._now(), initial=initial
        )
        stream = self._wrap(engine_stream)
        self._touch()
        try:
            async with asyncio.timeout(max(0.1, deadline - self._now())):
                await stream._connected()
        except TimeoutError:
            stream.reset()
            raise StreamReset("connect_timeout") from None
        except asyncio.CancelledError:
            stream.reset()
            raise
        return stream

    async def ping(
        self, target: bytes | BlindedTarget, *, port: int = 0, timeout_s: float = 30.0
    ) -> float:
        """Seconds until a destination has answered an echo request: there, through it, and back.

        ``target`` as for :meth:`connect`. Destinations may choose not to answer. Raises Unavailable
        ("tunnels_not_ready", "ping_timeout", and what :meth:`lookup` raises).
        """
        deadline = self._now() + timeout_s
        await self.wait_ready(timeout_s)
        found = await self._find(target, max(0.1, deadline - self._now()))
        remote_hash = found.destination.hash
        self._pings_sent += 1
        payload = self._pings_sent.to_bytes(8, "big")
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._pings[remote_hash, payload] = answer
        try:
            now = self._now()
            self._engine.ping(remote_hash, payload, port, now)
            self._touch()
            async with asyncio.timeout(max(0.1, deadline - now)):
                return await answer
        except TimeoutError:
            raise Unavailable("no answer to the ping", "ping_timeout", Retry.NOW) from None
        finally:
            del self._pings[remote_hash, payload]

    async def accept(self, port: int | None = None) -> Stream:
        """The next stream that a peer opened to us. Raises Unavailable ("closed").

        ``port``: only streams to this I2P port; None: to all ports that no other call has asked
        for. From the first call on streams to a port wait here; before it they are refused.
        """
        self.listen(port)
        return await self._backlog.take(port, self._check_open)

    def listen(self, port: int | None = None) -> None:
        """Let streams to ``port`` wait for :meth:`accept` from now on, as its first call does."""
        self._engine.streams.is_listening = self._engine.config.streaming.accepts_streams
        self._backlog.listen(port)

    def stop_accepting(self, port: int | None = None) -> None:
        """Refuse streams to ``port`` (None: to ports not asked for) from now on.

        What waits there is reset; who waits for it gets Unavailable ("closed").
        """
        for stream in self._backlog.stop(port):
            stream.reset()

    def send_datagram(
        self,
        destination_hash: bytes,
        payload: bytes,
        *,
        version: int = 1,
        from_port: int = 0,
        to_port: int = 0,
        options: Mapping[str, str] | None = None,
        protocol: int | None = None,
    ) -> bool:
        """Send a datagram (``version`` 0 raw, 1, 2 or 3); it may get lost on the way.

        ``protocol``: the I2CP protocol number of a raw one, 0 to 255, instead of 18; not one that
        has a format of its own. False: dropped here, too many wait. Raises Unavailable ("closed",
        "bad_datagram").
        """
        self._check_open()
        inbox = self._datagrams()
        inbox.listen()
        sent = inbox.send(destination_hash, payload, version, from_port, to_port, options, protocol)
        self._touch()
        return sent

    def bind_datagrams(
        self, protocol: int = 0, port: int = 0, *, is_raw: bool = False
    ) -> DatagramReceiver:
        """Receive the datagrams of one I2CP protocol to one I2P port; 0: of any.

        ``is_raw``: as they came, also those that have a format.

        The most specific receiver gets a datagram. Once there is one, :meth:`receive_datagram`
        gets only what was asked for before. Raises Unavailable ("closed"; "in_use": another one
        has exactly these, or there are too many).
        """
        self._check_open()
        return self._datagrams().bind(protocol, port, is_raw=is_raw)

    async def receive_datagram(self, port: int | None = None) -> Datagram:
        """The next datagram for us, of any version. Raises Unavailable ("closed", "in_use").

        ``port``: only those to this I2P port, from the first call on; None: those to all ports that
        no other call has asked for.
        """
        self._check_open()
        inbox = self._datagrams()
        inbox.listen()
        return await inbox.receive(port)

    def _datagrams(self) -> DatagramInbox:
        if self._inbox is None:
            self._inbox = DatagramInbox(self._engine.datagrams)
        return self._inbox

    async def close(self) -> None:
        """End the session and its tunnels; streams that are open are reset."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._inbox is not None:
            self._inbox.close()
        now = self._now()
        self._engine.streams.shutdown(now)
        self._engine.run(now)
        self._give_up()
        self._drain()
        self._readiness.set()
        closed = Unavailable("the session is closed", "closed", Retry.NEVER)
        self._backlog.wake()
        for waiters in self._lookups.values():
            for lookup in waiters:
                if not lookup.done():
                    lookup.set_exception(closed)

    # Inside

    def _check_open(self) -> None:
        if self._is_closed:
            raise Unavailable("the session is closed", "closed", Retry.NEVER)

    def _wrap(self, engine_stream: StreamEngine) -> Stream:
        self._log().on_stream(engine_stream, self.name, self._now())
        return Stream(engine_stream, self._now, self._touch)

    async def _find(self, target: bytes | BlindedTarget | str, timeout_s: float) -> Found:
        self._check_open()
        if isinstance(target, BlindedTarget):
            if target.address.needs_secret and not target.secret:
                raise not_found("secret_required")
            if target.address.needs_client_key and target.client_key is None:
                raise not_found("client_key_required")
        waiter: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        waiters = self._lookups.setdefault(target, [])
        waiters.append(waiter)
        try:
            self._ask(target)
            async with asyncio.timeout(timeout_s):
                return await waiter
        except TimeoutError:
            raise not_found() from None
        finally:
            if waiter in waiters:
                waiters.remove(waiter)
            if not waiters and self._lookups.get(target) is waiters:
                del self._lookups[target]

    def _ask(self, target: bytes | BlindedTarget | str) -> None:
        engine, now = self._engine, self._now()
        if not isinstance(target, str):
            engine.lookup(target, now)
        elif isinstance(engine, NamingEngine):
            engine.lookup_name(target, now)
        else:
            raise not_found("unknown_name")
        self._touch()

    def _drain(self) -> None:
        """Carry the engine's events to whoever waits; called by the router after each run."""
        while (event := self._engine.next_event()) is not None:
            match event:
                case stream_events.StreamOpened(engine_stream):
                    self._on_opened(engine_stream)
                case client_events.LeaseSetFound():
                    self._on_found(event)
                case client_events.ReadyChanged(is_ready):
                    if is_ready:
                        self._readiness.set()
                    else:
                        self._readiness.clear()
                case client_events.DatagramsArrived(mailbox):
                    if self._inbox is not None:
                        self._inbox.wake(mailbox)
                case stream_events.Pong(remote_hash, payload, rtt_s):
                    answer = self._pings.get((remote_hash, payload))
                    if answer is not None and not answer.done():
                        answer.set_result(rtt_s)
                case _:
                    self._log().on_stream_event(event, self._now())
                    handle = event.stream.handle
                    if isinstance(handle, Stream):
                        handle._on_event(event)

    def _on_opened(self, engine_stream: StreamEngine) -> None:
        stream = self._wrap(engine_stream)
        if self._is_closed or not self._backlog.put(stream.local_port, stream):
            engine_stream.reset(self._now())

    def _on_found(self, event: client_events.LeaseSetFound) -> None:
        for waiter in self._lookups.pop(event.target, ()):
            if waiter.done():
                continue
            if isinstance(event.lease_set, Found):
                waiter.set_result(event.lease_set)
            else:
                waiter.set_exception(not_found(event.why))
