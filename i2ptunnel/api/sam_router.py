"""A router that is reached by SAM: a control socket for each session, a connection for each stream.

Sessions have one style each, STREAM, DATAGRAM or RAW: i2pd has no others below a primary session.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from functools import partial

from core.api import Backlog
from core.base.errors import DecodeError
from core.data.identity import Destination
from i2ptunnel.api.address import (
    Address,
    address_of,
    read_target,
    split_port,
    whole_destination,
)
from i2ptunnel.api.base import BaseRouter, claim_port, split_target
from i2ptunnel.api.errors import (
    Closed,
    Error,
    NotFound,
    RouterError,
    StreamReset,
    Unreachable,
    UsageError,
)
from i2ptunnel.api.interface import (
    Datagram,
    DatagramSession,
    Listener,
    Session,
    SessionOptions,
    Stream,
    Target,
)
from i2ptunnel.api.opening import CONNECT_TIMEOUT_S, RESOLVE_TIMEOUT_S, Opening, limited
from i2ptunnel.api.sam_client import Reply, SamAddress, SamConnection
from i2ptunnel.keyfiles import load_or_create_keys
from i2ptunnel.sam.protocol.requests import DATAGRAM_BYTES_MAX, RAW_BYTES_MAX

#: datagrams that wait for ``receive``; what comes then is dropped
DATAGRAMS_MAX = 256
#: between two ACCEPTs that the bridge did not take
_ACCEPT_PAUSE_S = 0.5


class SamRouter(BaseRouter):
    """See :class:`~i2ptunnel.api.interface.Router`."""

    def __init__(self, address: SamAddress) -> None:
        super().__init__()
        self._address = address

    async def connection(self) -> SamConnection:
        """A new connection to the bridge."""
        return await SamConnection.open(self._address)

    async def _find(self, name: str) -> Address:
        found = read_target(name)
        whole = "" if isinstance(found, str) else whole_destination(name)
        if not isinstance(found, str):
            return Address(found.host, whole)
        return address_of(await self._look_up(found))

    async def _look_up(self, name: str) -> Destination:
        asking = await self.connection()
        try:
            reply = await asking.ask("NAMING LOOKUP", {"NAME": name})
        except UsageError:  # i2pd: INVALID_KEY for a name that it does not know
            why = "the router's address book does not have this name"
            raise NotFound(why, "key_not_found") from None
        finally:
            asking.abort()
        return _destination(reply.values.get("VALUE", ""))

    async def destination(self, target: str | Address) -> str:
        """A whole destination in base 64, which i2pd wants for datagrams."""
        name = target if isinstance(target, str) else target.base64 or target.host
        found = read_target(name)
        if isinstance(found, str):
            return (await self._look_up(found)).b64
        try:
            return whole_destination(name) or (await self._look_up(found.host)).b64
        except NotFound as error:
            why = "the destination is not in the network"
            raise Unreachable(why, "lease_set_not_found") from error

    async def _make_session(self, options: SessionOptions) -> Session:
        control, name, own = await self._create("STREAM", options)
        return SamSession(self, control, name, own, options.publish)

    async def _make_datagrams(self, options: SessionOptions, *, raw: bool) -> DatagramSession:
        style = "RAW" if raw else "DATAGRAM"
        control, name, own = await self._create(style, options)
        return SamDatagrams(self, control, name, own, style)

    async def _create(
        self, style: str, options: SessionOptions
    ) -> tuple[SamConnection, str, Address]:
        """A session that the bridge says is ready: its control socket, ID and address."""
        name = f"api-{os.urandom(8).hex()}"
        values = {"STYLE": style, "ID": name, "DESTINATION": "TRANSIENT"}
        if options.keys is None:
            values["SIGNATURE_TYPE"] = "7"
        else:
            keys = await asyncio.to_thread(load_or_create_keys, options.keys)
            values["DESTINATION"] = keys.to_base64()
        control = await self.connection()
        try:
            await control.ask("SESSION CREATE", values | _options(options))
            own = await control.ask("NAMING LOOKUP", {"NAME": "ME"})
        except BaseException:
            control.abort()
            raise
        return control, name, address_of(_destination(own.values.get("VALUE", "")))


def _options(options: SessionOptions) -> dict[str, str]:
    hops, tunnels = str(options.hops), str(options.tunnels)
    # i2pd: with the option at all, "false" included, it does not publish (2.59).
    publishing = {} if options.publish else {"i2cp.dontPublishLeaseSet": "true"}
    return {
        "inbound.length": hops,
        "outbound.length": hops,
        "inbound.quantity": tunnels,
        "outbound.quantity": tunnels,
        "i2cp.leaseSetEncType": "4",
        **publishing,
    }


def _destination(text: str) -> Destination:
    try:
        return Destination.from_base64(text)
    except DecodeError:
        raise RouterError("the SAM bridge names no destination", "no_sam") from None


class SamSession(Session):
    """See :class:`Session`."""

    def __init__(
        self,
        router: SamRouter,
        control: SamConnection,
        name: str,
        address: Address,
        is_published: bool,
    ) -> None:
        self.address = address
        self.backlog: Backlog[Stream] = Backlog()
        self._router = router
        self._control = control
        self._name = name
        self._is_published = is_published
        self._ports: set[int | None] = set()
        self._accepting: asyncio.Task[None] | None = None
        self._is_closed = False
        self._watching = asyncio.create_task(self._watch())

    def connect(
        self, target: Target, port: int | None = None, *, timeout: float | None = CONNECT_TIMEOUT_S
    ) -> Opening[Stream]:
        """See :class:`Session`."""
        return Opening(partial(self._connect, target, port, timeout))

    async def _connect(self, target: Target, port: int | None, timeout: float | None) -> Stream:
        whom, to_port = split_target(target, port)
        async with limited(timeout, "connecting"):
            self.check_open()
            destination = await self._router.destination(whom)
            values = {"ID": self._name, "DESTINATION": destination, "SILENT": "false"}
            if to_port:
                values["TO_PORT"] = str(to_port)
            made = await self._ask("STREAM CONNECT", values)
            remote = address_of(Destination.from_base64(destination), to_port)
            return _Stream(made, remote, 0, to_port)

    async def _ask(self, command: str, values: Mapping[str, str]) -> SamConnection:
        made = await self._router.connection()
        try:
            await made.ask(command, values)
        except BaseException:
            made.abort()
            raise
        return made

    def listen(self, port: int | None = None) -> Listener:
        """See :class:`Session`."""
        self.check_open()
        if not self._is_published:
            raise UsageError("open the session with publish=True: nobody finds it", "not_published")
        claim_port(self._ports, port)
        self.backlog.listen(port)
        if self._accepting is None:
            self._accepting = asyncio.create_task(self._accept())
        return _Listener(self, port)

    def stop_listening(self, port: int | None) -> None:
        """Called by a listener that closes."""
        for stream in self.backlog.stop(port):
            stream.reset()
        self._ports.discard(port)
        if not self._ports and self._accepting is not None:
            self._accepting.cancel()
            self._accepting = None

    def check_open(self) -> None:
        """Raise Closed if the session has ended."""
        if self._is_closed:
            raise Closed("the session has ended", "closed")

    async def close(self) -> None:
        """See :class:`Session`."""
        self._end()
        self._watching.cancel()

    def _end(self) -> None:
        self._router.forget(self)
        if not self._is_closed:
            self._is_closed = True
            self._control.abort()
            if self._accepting is not None:
                self._accepting.cancel()
            self.backlog.wake()

    async def _watch(self) -> None:
        """The session lives as long as its control socket."""
        with contextlib.suppress(Error):
            while True:
                await self._control.reply()
        self._end()

    async def _accept(self) -> None:
        """One ACCEPT after the other; each carries one stream."""
        while True:
            try:
                made = await self._ask("STREAM ACCEPT", {"ID": self._name, "SILENT": "false"})
            except Closed:
                return self._end()
            except Error:
                await asyncio.sleep(_ACCEPT_PAUSE_S)
                continue
            try:
                stream = await self._accepted(made)
            except Error:
                made.abort()
            except BaseException:
                made.abort()
                raise
            else:
                if not self.backlog.put(stream.local_port, stream):
                    stream.reset()

    async def _accepted(self, made: SamConnection) -> Stream:
        """The stream on a connection whose ACCEPT waits: the peer, then its ports (SAM 3.2)."""
        words = (await made.line()).decode("ascii", "replace").split(" ")
        ports = dict(word.partition("=")[::2] for word in words[1:])
        _, from_port = split_port(f":{ports.get('FROM_PORT', '0')}", None)
        _, to_port = split_port(f":{ports.get('TO_PORT', '0')}", None)
        if "TO_PORT" not in ports and len(self._ports) == 1:
            # i2pd tells no ports; the only listener is meant.
            to_port = next(iter(self._ports)) or 0
        return _Stream(made, address_of(_destination(words[0]), from_port), to_port, from_port)


class _Listener(Listener):
    def __init__(self, session: SamSession, port: int | None) -> None:
        own = session.address
        self.address = Address(own.host, own.base64, port or 0)
        self._session = session
        self._port = port
        self._is_closed = False

    async def accept(self, *, timeout: float | None = None) -> Stream:
        if self._is_closed:
            raise Closed("the listener is closed", "closed")
        async with limited(timeout, "waiting for a stream"):
            session = self._session
            return await session.backlog.take(self._port, session.check_open)

    async def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._session.stop_listening(self._port)


class _Stream(Stream):
    """SAM tells an end from a reset by TCP's own means, as far as the bridge does."""

    def __init__(
        self, made: SamConnection, remote: Address, local_port: int, remote_port: int
    ) -> None:
        self.remote = remote
        self.local_port = local_port
        self.remote_port = remote_port
        self._reader, self._writer = made.reader, made.writer
        self._is_closed = False

    async def read(self, limit: int = 65536, *, timeout: float | None = None) -> bytes:
        async with limited(timeout, "reading"):
            try:
                return await self._reader.read(limit)
            except OSError as error:
                raise StreamReset("the other side reset the stream", "stream_reset") from error

    async def write(self, data: bytes, *, timeout: float | None = None) -> None:
        async with limited(timeout, "writing"):
            if self._is_closed or self._writer.is_closing():
                raise StreamReset("the stream is closed", "stream_reset")
            try:
                self._writer.write(data)
                await self._writer.drain()
            except OSError as error:
                raise StreamReset("the other side reset the stream", "stream_reset") from error

    async def close_write(self) -> None:
        with contextlib.suppress(OSError):
            self._is_closed = True
            self._writer.write_eof()

    async def close(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        self._writer.transport.abort()


class SamDatagrams(DatagramSession):
    """Datagrams over the control socket, which both i2pd and Java I2P offer."""

    def __init__(
        self, router: SamRouter, control: SamConnection, name: str, address: Address, style: str
    ) -> None:
        self.address = address
        self._router = router
        self._control = control
        self._style = style
        self._size_max = RAW_BYTES_MAX if style == "RAW" else DATAGRAM_BYTES_MAX
        self._inbox: asyncio.Queue[Datagram | None] = asyncio.Queue(DATAGRAMS_MAX + 1)
        self._is_closed = False
        self._reading = asyncio.create_task(self._read())

    async def send(
        self,
        payload: bytes,
        target: Target,
        port: int | None = None,
        *,
        timeout: float | None = RESOLVE_TIMEOUT_S,
    ) -> None:
        """See :class:`DatagramSession`. i2pd's bridge sends all to port 0."""
        if not 0 < len(payload) <= self._size_max:
            raise UsageError(f"a datagram has 1 to {self._size_max} bytes", "bad_datagram")
        whom, to_port = split_target(target, port)
        async with limited(timeout, "sending"):
            if self._is_closed:
                raise Closed("the session has ended", "closed")
            values = {"DESTINATION": await self._router.destination(whom)}
            values["SIZE"] = str(len(payload))
            if to_port:
                values["TO_PORT"] = str(to_port)
            await self._control.send(f"{self._style} SEND", values, payload)

    async def receive(self, *, timeout: float | None = None) -> Datagram:
        """See :class:`DatagramSession`."""
        async with limited(timeout, "waiting for a datagram"):
            came = None if self._is_closed and self._inbox.empty() else await self._inbox.get()
        if came is None:
            self._end()
            raise Closed("the session has ended", "closed")
        return came

    async def close(self) -> None:
        """See :class:`DatagramSession`."""
        self._end()
        self._reading.cancel()

    def _end(self) -> None:
        self._router.forget(self)
        self._is_closed = True
        self._control.abort()
        with contextlib.suppress(asyncio.QueueFull):
            self._inbox.put_nowait(None)

    async def _read(self) -> None:
        with contextlib.suppress(Error, ValueError):
            while True:
                reply = await self._control.reply()
                if reply.head == f"{self._style} RECEIVED":
                    came = await self._received(reply)
                    if self._inbox.qsize() < DATAGRAMS_MAX:
                        self._inbox.put_nowait(came)
        self._end()

    async def _received(self, reply: Reply) -> Datagram:
        size = int(reply.values.get("SIZE", ""))
        if not 0 <= size <= RAW_BYTES_MAX:
            raise ValueError("no datagram is so large")
        payload = await self._control.payload(size)
        text, port = reply.values.get("DESTINATION"), int(reply.values.get("FROM_PORT", "0"))
        source = None if text is None else address_of(_destination(text), port)
        return Datagram(payload, source, int(reply.values.get("TO_PORT", "0")))
