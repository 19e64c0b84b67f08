"""A hostile router: our own codecs and transport, used against the rules.

Everything runs on real sockets in one event loop. The victim bans and counts by source address, so
every attack calls from addresses of its own in 127.66.0.0/16.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core.crypto.aes import cbc_encrypt
from core.crypto.noise import begin_xk
from core.crypto.x25519 import X25519Key
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.data.transport_address import RouterAddress
from core.i2np.message import make_short
from core.io.system import SystemEntropy, SystemWallClock
from core.io.tcp import TcpTransport
from core.io.wakeup import Wakeup
from core.transport.links import Links
from core.transport.ntcp2 import handshake
from core.transport.ntcp2.variants import PLAIN
from core.tunnel.records import SHORT, BuildRequest, write_records
from tests.support.i2pd_net import NETWORK_ID
from tests.support.link_nodes import Node

ENTROPY = SystemEntropy()
_addresses = itertools.count(1)


def fresh_address() -> str:
    """A loopback address nobody called from so far."""
    number = next(_addresses)
    return f"127.66.{number >> 8}.{number & 255}"


@dataclass(frozen=True)
class Victim:
    """Where the router under attack listens, and what it publishes."""

    info: RouterInfo

    @property
    def hash(self) -> bytes:
        return self.info.hash

    @property
    def endpoint(self) -> tuple[str, int]:
        address = self.info.ntcp2_addresses()[0]
        return address.host, address.port

    def request(
        self,
        *,
        network_id: int = NETWORK_ID,
        padding: int = 0,
        announced: int | None = None,
        part2: int = 800,
        version: int = 2,
        clock_error_s: float = 0.0,
    ) -> bytes:
        """Message 1 of a handshake, wrong as wanted."""
        address = self.info.ntcp2_addresses()[0]
        assert address.iv is not None
        state = begin_xk(PLAIN.protocol_name, address.static_key)
        ephemeral = X25519Key.generate(ENTROPY)
        state.mix_hash(ephemeral.public)
        state.mix_key(ephemeral.exchange(address.static_key))
        options = handshake._REQUEST_OPTIONS.pack(
            network_id,
            version,
            padding if announced is None else announced,
            part2,
            0,
            int(SystemWallClock().now() + clock_error_s),
            0,
        )
        hidden = cbc_encrypt(self.hash, address.iv, ephemeral.public)
        return hidden + state.encrypt_and_hash(options) + os.urandom(padding)


class Caller:
    """Many raw connections to one endpoint, each from an address of its own unless told else."""

    def __init__(self, endpoint: tuple[str, int] | str) -> None:
        self.endpoint = endpoint
        self.answered = 0
        self.ended = 0

    async def open(
        self, source: str | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection, or None if it is refused."""
        try:
            if isinstance(self.endpoint, str):
                return await asyncio.open_unix_connection(self.endpoint)
            local = (source or fresh_address(), 0)
            return await asyncio.open_connection(*self.endpoint, local_addr=local)
        except OSError:
            return None

    async def say(self, *pieces: bytes, source: str | None = None, wait_s: float = 0.3) -> bytes:
        """Send the pieces one after the other, read what comes in ``wait_s``, and hang up."""
        channel = await self.open(source)
        if channel is None:
            return b""
        reader, writer = channel
        answer = b""
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            async with asyncio.timeout(wait_s):
                while data := await reader.read(65536):
                    answer += data
                self.ended += 1
        except (OSError, TimeoutError):
            pass
        finally:
            writer.close()
        self.answered += bool(answer)
        return answer

    async def say_all(
        self, inputs: Sequence[Sequence[bytes]], at_once: int = 40, **options: Any
    ) -> None:
        """Say every input over a connection of its own."""
        gate = asyncio.Semaphore(at_once)

        async def one(pieces: Sequence[bytes]) -> None:
            async with gate:
                await self.say(*pieces, **options)

        await asyncio.gather(*(one(pieces) for pieces in inputs))

    async def hold(self, count: int, data: Sequence[bytes], seconds: float) -> int:
        """Keep ``count`` connections open that said a little; how many were left at the end."""
        channels = [
            channel
            for channel in await asyncio.gather(*(self.open() for _ in range(count)))
            if channel is not None
        ]
        for index, (_, writer) in enumerate(channels):
            with contextlib.suppress(OSError):
                writer.write(data[index % len(data)])
        await asyncio.sleep(seconds)
        alive = sum(not reader.at_eof() and not reader.exception() for reader, _ in channels)
        for _, writer in channels:
            with contextlib.suppress(OSError):
                writer.transport.abort()
        return alive


class HostileRouter:
    """A router with a genuine session to the victim, which may send anything over it."""

    def __init__(self, victim: Victim, address: str | None = None, **node: Any) -> None:
        """``address``: where it calls from; by default from where nobody called before."""
        self.victim = victim
        address = address or fresh_address()
        self.node = Node(os.urandom(8).hex(), address, SystemWallClock(), **node)
        self.node.known[victim.hash] = victim.info
        self.events: list[Any] = []
        self.tcp = TcpTransport(self.node.ntcp2, Wakeup(self._take_events), source_hosts=(address,))

    @property
    def links(self) -> Links:
        return self.node.links

    def _take_events(self) -> None:
        self.links.handle_timer(asyncio.get_running_loop().time())
        self.events += self.node.take_events()
        del self.events[:-1000]

    def send(self, messages: list[bytes]) -> None:
        """Queue short-form messages, dialling if need be."""
        self.links.send(self.victim.hash, messages, asyncio.get_running_loop().time())
        self.tcp.schedule()

    async def connect(self, timeout_s: float = 5.0) -> bool:
        """True once the victim has accepted the handshake and said so with a frame."""
        self.send([])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not self.is_connected:
                    if any(type(event).__name__ == "PeerFailed" for event in self.events):
                        return False
                    await asyncio.sleep(0.01)
        return self.is_connected

    @property
    def is_connected(self) -> bool:
        peer = self.links._peers.get(self.victim.hash)
        return peer is not None and peer.link is not None and peer.link.is_proven

    def frame(self, payload: bytes) -> None:
        """An authentic frame with any content."""
        self.raw(lambda sealer: sealer.seal(payload))

    def raw(self, make: Callable[[Any], bytes]) -> None:
        """Any bytes in the data phase; ``make`` gets the frame sealer."""
        session = self.node.session_with(self.victim.hash)
        connection = None if session is None else session.connection
        if session is not None and connection is not None and connection._sealer is not None:
            connection.output.append(make(connection._sealer))
            session.wake()
            self.tcp.schedule()

    async def flood(self, messages: list[bytes], per_second: float) -> int:
        """Send at a steady rate; how many left before the victim hung up."""
        loop = asyncio.get_running_loop()
        began, sent = loop.time(), 0
        while sent < len(messages) and self.is_connected:
            due = min(len(messages), int((loop.time() - began) * per_second) + 1)
            if due > sent:
                self.send(messages[sent:due])
                sent = due
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        return sent

    async def stop(self) -> None:
        await self.tcp.stop(0.2)


async def with_routers(
    victim: Victim, count: int, attack: Callable[[list[HostileRouter]], Awaitable[None]]
) -> None:
    """Run an attack with routers that all have a session."""
    routers = [HostileRouter(victim) for _ in range(count)]
    try:
        connected = await asyncio.gather(*(router.connect() for router in routers))
        assert all(connected), f"{connected.count(False)} of {count} were not let in"
        await attack(routers)
    finally:
        for router in routers:
            await router.stop()


def short(kind: int, body: bytes, *, life_s: float = 20.0) -> bytes:
    """A message with a fresh id."""
    number = int.from_bytes(os.urandom(4), "big")
    return make_short(kind, number, int((SystemWallClock().now() + life_s) * 1000), body)


def build_request(victim: Victim, **changes: Any) -> bytes:
    """A sound request to take part in a tunnel that leads nowhere."""
    fields: dict[str, Any] = {
        "receive_tunnel_id": int.from_bytes(os.urandom(4), "big") | 1,
        "next_tunnel_id": 5,
        "next_hash": os.urandom(32),
        "is_gateway": False,
        "is_endpoint": False,
        "request_minutes": int(SystemWallClock().now()) // 60,
        "send_message_id": 6,
        **changes,
    }
    key = victim.info.identity.crypto_key
    record, _ = SHORT.seal_request(victim.hash, key[:32], BuildRequest(**fields), ENTROPY)
    records = [os.urandom(SHORT.record_bytes) for _ in range(4)]
    records[1] = record
    return short(25, write_records(records))


def router_info(
    *,
    age_s: float = 0.0,
    network_id: int = NETWORK_ID,
    caps: str = "LR",
    host: str | None = None,
    keys: PrivateKeys | None = None,
) -> RouterInfo:
    """A well-signed RouterInfo of a router that does not exist."""
    options = {
        "host": host or f"127.67.{os.urandom(1)[0]}.{os.urandom(1)[0]}",
        "port": "4567",
        "s": "A" * 42 + "E=",
        "i": "A" * 22 + "==",
        "v": "2",
    }
    return RouterInfo.build(
        keys or PrivateKeys.generate_router(ENTROPY),
        int((SystemWallClock().now() - age_s) * 1000),
        [RouterAddress(3, 0, "NTCP2", options)],
        {"netId": str(network_id), "router.version": "0.9.67", "caps": caps},
    )
