"""The I2CP interface over real sockets, on a router without others: our own client is its guest."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from core.api import ForeignRouter, I2cpAddress, Router, RouterConfig, SessionConfig, TunnelShape
from core.base.errors import Unavailable
from core.client.hosted import HostedEngine
from core.client.session import ClientEngine
from core.crypto.elgamal import ElGamalKey
from core.data.lease_set import Lease
from core.data.private_keys import PrivateKeys
from core.i2cp.data_messages import FLAG_NO_LEASE_SET, SendMessageExpires
from core.i2cp.frames import FrameReader
from core.i2cp.lease_messages import CreateLeaseSet, RequestVariableLeaseSet
from core.i2cp.messages import Message, parse_message, write_message
from core.i2cp.session_config import SessionConfigStructure
from core.i2cp.session_messages import (
    BandwidthLimits,
    CreateSession,
    DestroySession,
    Disconnect,
    GetBandwidthLimits,
    GetDate,
    SessionState,
    SessionStatus,
    SetDate,
)
from i2ptunnel.config.interfaces_model import I2cpSection, Users
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.i2cp_service import CERTIFICATE, I2cpContext, I2cpService
from i2ptunnel.naming_service import NamingService
from i2ptunnel.relay.budget import ConnectionBudget
from i2ptunnel.relay.tls import client_context
from tests.support.deterministic import SeededEntropy
from tests.support.original_lease_set import original_lease_set
from tests.support.twin_client import twin_of
from tests.support.waiting import eventually

ADDRESS = "127.79.0.1"
KEYS = PrivateKeys.generate_destination(SeededEntropy("guest"))
NO_HOPS = TunnelShape(length=0, quantity=1)
GUEST = SessionConfig("guest", keys=KEYS, inbound=NO_HOPS, outbound=NO_HOPS)
USERS = Users(None, (("me", "secret"),))
WAIT_S = 20.0


def _free_port() -> int:
    """For TCP and UDP: several processes may run these tests at the same time."""
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind((ADDRESS, 0))
        port = int(tcp.getsockname()[1])
        udp.bind((ADDRESS, port))
    return port


@asynccontextmanager
async def service(root: Path, **options: Any) -> AsyncIterator[I2cpService]:
    router = Router(
        RouterConfig(
            data_dir=root / "host",
            network_id=79,
            host=(ADDRESS,),
            bind=(ADDRESS,),
            port=_free_port(),
            allow_private_addresses=True,
        )
    )
    await router.start()
    naming = cast(NamingService, None)  # no name is asked for here
    context = I2cpContext(root / "host", router, naming, ConnectionBudget())
    one = I2cpService(I2cpSection(listen=Endpoint(ADDRESS, 0), **options), context)
    try:
        await one.start()
        yield one
    finally:
        await one.stop()
        await router.stop()


@asynccontextmanager
async def guest(root: Path, address: I2cpAddress) -> AsyncIterator[ForeignRouter]:
    router = ForeignRouter(RouterConfig(data_dir=root / "guest"), address)
    await router.start()
    try:
        yield router
    finally:
        await router.stop()


class _RawClient:
    """Says and hears messages one by one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        writer.write(b"\x2a")

    def say(self, message: Message) -> None:
        self._writer.write(write_message(message))

    def say_bytes(self, kind: int, body: bytes) -> None:
        self._writer.write(len(body).to_bytes(4, "big") + bytes((kind,)) + body)

    def close(self) -> None:
        self._writer.close()

    async def hear(self) -> Message:
        async with asyncio.timeout(WAIT_S):
            head = await self._reader.readexactly(5)
            body = await self._reader.readexactly(int.from_bytes(head[:4], "big"))
        message = parse_message(head[4], body)
        assert message is not None
        return message


def test_a_router_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    async def main() -> None:
        port = _free_port()
        async with guest(tmp_path, I2cpAddress(ADDRESS, port)) as router:
            await router.open_session(GUEST)
            await eventually(lambda: router.i2cp_status().last_error)
            told = f"no I2CP at {ADDRESS}:{port}: connection refused"
            assert router.i2cp_status().last_error == told

    asyncio.run(main())


def test_a_session_over_tls_with_a_user(tmp_path: Path) -> None:
    async def main() -> None:
        async with service(tmp_path, tls=True, users=USERS) as one:
            context = client_context(tmp_path / "host" / CERTIFICATE)
            address = I2cpAddress(ADDRESS, one.port, context, "me", "secret")
            async with guest(tmp_path, address) as router:
                session = await router.open_session(GUEST)
                await session.wait_ready(WAIT_S)
                assert one.status()["sessions"] == 1
                status = router.i2cp_status()
                assert (status.connected, status.ready, status.last_error) == (1, 1, None)
                await session.close()
                await eventually(lambda: one.status()["sessions"] == 0)

    asyncio.run(main())


def test_a_wrong_password_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with service(tmp_path, users=USERS) as one:
            address = I2cpAddress(ADDRESS, one.port, None, "me", "wrong")
            async with guest(tmp_path, address) as router:
                session = await router.open_session(GUEST)
                await eventually(lambda: router.i2cp_status().last_error)
                assert "authorization failed" in str(router.i2cp_status().last_error)
                with pytest.raises(Unavailable, match="authorization failed"):
                    await session.wait_ready(0.01)

    asyncio.run(main())


def test_a_destination_lives_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with service(tmp_path) as one:
            address = I2cpAddress(ADDRESS, one.port)
            async with guest(tmp_path / "a", address) as first:
                session = await first.open_session(GUEST)
                await session.wait_ready(WAIT_S)
                async with guest(tmp_path / "b", address) as second:
                    await second.open_session(GUEST)
                    await eventually(lambda: second.i2cp_status().last_error)
                    assert "in use there" in str(second.i2cp_status().last_error)
                assert session.is_ready and one.status()["sessions"] == 1

    asyncio.run(main())


def test_a_client_comes_back_when_its_connection_breaks(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            service(tmp_path) as one,
            guest(tmp_path, I2cpAddress(ADDRESS, one.port)) as router,
        ):
            session = await router.open_session(GUEST)
            await session.wait_ready(WAIT_S)
            (link,) = router._sessions._links.values()
            assert link._socket is not None and link._socket.transport is not None
            link._socket.transport.abort()
            await eventually(lambda: not session.is_ready)
            await session.wait_ready(WAIT_S)
            assert session.destination == KEYS.destination

    asyncio.run(main())


def test_who_speaks_something_else_is_cut_off_and_limits_need_no_session(tmp_path: Path) -> None:
    async def main() -> None:
        async with service(tmp_path) as one:
            reader, writer = await asyncio.open_connection(ADDRESS, one.port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert await reader.read() == b""
            writer.close()
            reader, writer = await asyncio.open_connection(ADDRESS, one.port)
            writer.write(b"\x2a" + write_message(GetDate("0.9.66")))
            writer.write(write_message(GetBandwidthLimits()) + b"\xff" * 5)
            frames, heard = FrameReader(), []
            frames.feed(await reader.read())
            while (frame := frames.next()) is not None:
                heard.append(parse_message(*frame))
            writer.close()
            assert isinstance(heard[1], BandwidthLimits)
            assert isinstance(heard[2], Disconnect) and "malformed" in heard[2].reason
            await eventually(lambda: one.status()["last_disconnect"])

    asyncio.run(main())


def test_whom_a_lease_set_of_type_1_belongs_to_is_found(tmp_path: Path) -> None:
    """Java's library signs one for a session that asks for ElGamal alone."""

    async def main() -> None:
        async with service(tmp_path) as one:
            router = cast(Router, one._context.router)
            session = await router.open_session(GUEST)
            other = PrivateKeys.generate_destination(SeededEntropy("other"))
            public = ElGamalKey.generate(SeededEntropy("elgamal")).public
            leases = [Lease(b"g" * 32, 1, int(time.time() * 1000) + 300_000)]
            lease_set = original_lease_set(other, public, leases)
            engine = cast(ClientEngine, session._engine)
            engine._remotes.receive_lease_set(lease_set, router.now())
            target = other.destination.hash
            found, options = await session.lookup_options(target, WAIT_S)
            assert (found, options) == (other.destination, {})

    asyncio.run(main())


@pytest.mark.parametrize("options", [{"i2cp.leaseSetEncType": "0"}, {}])
@pytest.mark.parametrize("is_right", [True, False])
def test_a_client_with_elgamal_only_signs_a_lease_set_of_type_1(
    tmp_path: Path, options: dict[str, str], is_right: bool
) -> None:
    """Java's library means it without the option, too."""

    async def main() -> None:
        async with service(tmp_path) as one:
            reader, writer = await asyncio.open_connection(ADDRESS, one.port)
            client = _RawClient(reader, writer)
            client.say(GetDate("0.9.66"))
            assert isinstance(await client.hear(), SetDate)
            shape = {"inbound.length": "0", "outbound.length": "0"}
            now_ms = int(time.time() * 1000)
            config = SessionConfigStructure.build(KEYS, {**shape, **options}, now_ms)
            client.say(CreateSession(config))
            created = await client.hear()
            assert isinstance(created, SessionStatus)
            wanted = await client.hear()
            assert isinstance(wanted, RequestVariableLeaseSet)
            key = ElGamalKey.generate(SeededEntropy("elgamal"))
            lease_set = original_lease_set(KEYS, key.public, wanted.leases)
            private = key.private if is_right else bytes(256)
            client.say(CreateLeaseSet(created.session_id, private, lease_set))
            if is_right:
                client.say(GetBandwidthLimits())
                assert isinstance(await client.hear(), BandwidthLimits)
                assert not one.status()["last_disconnect"]
            else:
                told = await client.hear()
                assert isinstance(told, Disconnect) and "ElGamal private key" in told.reason
            writer.close()

    asyncio.run(main())


def test_the_session_learns_which_messages_go_without_the_lease_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[bytes, bool]] = []
    send = HostedEngine.send

    def note(engine: HostedEngine, to: bytes, payload: bytes, *rest: Any, **options: Any) -> Any:
        sent.append((payload, options["with_lease_set"]))
        return send(engine, to, payload, *rest, **options)

    monkeypatch.setattr(HostedEngine, "send", note)

    async def main() -> None:
        async with service(tmp_path) as one:
            client = _RawClient(*await asyncio.open_connection(ADDRESS, one.port))
            client.say(GetDate("0.9.66"))
            assert isinstance(await client.hear(), SetDate)
            now_ms = int(time.time() * 1000)
            shape = {"inbound.length": "0", "outbound.length": "0"}
            client.say(CreateSession(SessionConfigStructure.build(KEYS, shape, now_ms)))
            assert isinstance(await client.hear(), SessionStatus)
            other = PrivateKeys.generate_destination(SeededEntropy("other")).destination
            # The numbers of tags, which are no flag, change nothing.
            for payload, flags in ((b"quiet", FLAG_NO_LEASE_SET | 0x45), (b"usual", 0x45)):
                client.say(SendMessageExpires(1, other, payload, 0, flags, now_ms + 60_000))
            await eventually(lambda: len(sent) == 2)
            client.close()

    asyncio.run(main())
    assert sent == [(b"quiet", False), (b"usual", True)]


def test_refused_lookups_are_shown(tmp_path: Path) -> None:
    async def main() -> None:
        async with service(tmp_path) as one:
            assert one.status()["lookups_refused"] == 0
            one._lookups.refused = 3
            assert one.status()["lookups_refused"] == 3

    asyncio.run(main())


def _twin_of(keys: PrivateKeys, seed: str, *, same_key: bool = True) -> PrivateKeys:
    """Other signing keys; with the unused public key of ``keys``, they are a subsession's."""
    other = PrivateKeys.generate_destination(SeededEntropy(seed))
    return twin_of(keys, other) if same_key else other


@pytest.mark.parametrize("same_key", [True, False])
def test_a_subsession_shares_the_tunnels_if_its_keys_say_so(tmp_path: Path, same_key: bool) -> None:
    async def main() -> None:
        async with service(tmp_path) as one:
            router = one._context.router
            client = _RawClient(*await asyncio.open_connection(ADDRESS, one.port))
            client.say(GetDate("0.9.66"))
            assert isinstance(await client.hear(), SetDate)
            twin = _twin_of(KEYS, "twin", same_key=same_key)
            shape = {"inbound.length": "0", "outbound.length": "0", "inbound.nickname": "pair"}
            gateways = []
            for number, keys in enumerate((KEYS, twin), 1):
                now_ms = int(time.time() * 1000)
                client.say(CreateSession(SessionConfigStructure.build(keys, shape, now_ms)))
                created = await client.hear()
                assert created == SessionStatus(number, SessionState.CREATED)
                wanted = await client.hear()
                assert isinstance(wanted, RequestVariableLeaseSet) and wanted.session_id == number
                gateways.append({lease.tunnel_id for lease in wanted.leases})
            assert (gateways[0] == gateways[1]) == same_key
            paths = [path for path in router.tunnel_paths() if path.session == "pair"]
            inbound = sum(path.is_inbound for path in paths)
            assert inbound == len(gateways[0] | gateways[1])
            assert one.status()["sessions"] == 2
            client.say(DestroySession(2))
            await eventually(lambda: one.status()["sessions"] == 1)
            client.say(DestroySession(1))
            assert await client.hear() == SessionStatus(1, SessionState.DESTROYED)
            await eventually(lambda: one.status()["sessions"] == 0)
            assert not [path for path in router.tunnel_paths() if path.session == "pair"]
            client.close()

    asyncio.run(main())


def test_an_old_lease_set_of_a_subsession_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Java 2.7: its subsessions sign type 1 with the short key of another type, over a socket."""

    async def main() -> None:
        async with service(tmp_path) as one:
            client = _RawClient(*await asyncio.open_connection(ADDRESS, one.port))
            client.say(GetDate("0.9.66"))
            assert isinstance(await client.hear(), SetDate)
            shape = {"inbound.length": "0", "outbound.length": "0", "i2cp.leaseSetEncType": "4"}
            for keys in (KEYS, _twin_of(KEYS, "twin")):
                now_ms = int(time.time() * 1000)
                client.say(CreateSession(SessionConfigStructure.build(keys, shape, now_ms)))
                created, wanted = await client.hear(), await client.hear()
                assert isinstance(created, SessionStatus)
                assert isinstance(wanted, RequestVariableLeaseSet)
            for _ in range(2):
                client.say_bytes(CreateLeaseSet.kind, bytes((0, created.session_id)) + bytes(600))
            client.say(GetBandwidthLimits())
            assert isinstance(await client.hear(), BandwidthLimits)
            engines = list(one._context.router._sessions)
            waiting = [engine.own.asked_at is not None for engine in engines]  # type: ignore[attr-defined]
            assert waiting == [True, False]  # or the connection would end in a minute
            assert one.status()["sessions"] == 2
            client.close()

    with caplog.at_level("WARNING"):
        asyncio.run(main())
    assert caplog.text.count("lease set of type 1") == 1
