"""``client`` and ``server``: bytes as they are, from socket to socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from i2ptunnel.config.client_models import ClientTunnelSection
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.server_models import ServerTunnelSection
from i2ptunnel.tunnels.base import Tunnel
from tests.support.loopback_session import LoopbackNetwork
from tests.support.origin import body_of
from tests.support.tunnel_bench import ANY_PORT, TableResolver, port_of, running
from tests.support.waiting import until


class Echo:
    """Sends everything back, in upper case; then its own last word."""

    def __init__(self) -> None:
        self.server: asyncio.Server | None = None
        self.errors: list[Exception] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data.upper())
                await writer.drain()
            writer.write(b"|end")
        except OSError as error:
            self.errors.append(error)
        finally:
            writer.close()


@asynccontextmanager
async def pair(
    *, client: dict[str, Any] | None = None, target: Endpoint | None = None, **server: Any
) -> AsyncIterator[tuple[Tunnel[Any], Tunnel[Any], LoopbackNetwork]]:
    """A client tunnel, a server tunnel, and an echo service behind it."""
    network = LoopbackNetwork()
    resolver = TableResolver({})
    echo = Echo()
    if target is not None and target.is_unix:
        listening = await asyncio.start_unix_server(echo.serve, target.path)
    else:
        listening = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
        target = target or Endpoint("127.0.0.1", listening.sockets[0].getsockname()[1])
    options = {"destination": (DestinationName("echo.i2p", 22),), **(client or {})}
    options.setdefault("listen", ANY_PORT)
    try:
        async with (
            running("echo", ServerTunnelSection(target=target, **server), network, resolver) as far,
            running("mine", ClientTunnelSection(**options), network, resolver) as near,
        ):
            assert far.session is not None
            resolver.hosts["echo.i2p"] = far.session.destination.hash
            yield near, far, network
    finally:
        listening.close()


async def talk(tunnel: Tunnel[Any], data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(tunnel))
    try:
        writer.write(data)
        writer.write_eof()
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


def test_bytes_go_both_ways_and_each_end_is_passed_on() -> None:
    async def main() -> None:
        async with pair() as (near, far, _):
            assert await talk(near, b"hello") == b"HELLO|end"
            assert near.session.connects == [(far.session.destination.hash, 22)]  # type: ignore[union-attr]
            assert near.counters()["bytes_to_i2p"] == far.counters()["bytes_from_i2p"] == 5
            assert near.counters()["bytes_from_i2p"] == far.counters()["bytes_to_i2p"] == 9

    asyncio.run(main())


def test_first_words_travel_with_the_first_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("i2ptunnel.tunnels.client._FIRST_WORDS_WAIT_S", 0.5)

    async def main() -> None:
        async with pair() as (near, _, _):
            assert await talk(near, b"hello") == b"HELLO|end"
            session = near.session
            assert session is not None and session.initials == [b"hello"]  # type: ignore[attr-defined]
            assert near.counters()["bytes_to_i2p"] == 5
        # Of several destinations only one may get to hear them.
        both = (DestinationName("nobody.i2p"), DestinationName("echo.i2p"))
        async with pair(client={"destination": both}) as (near, _, _):
            assert await talk(near, b"hello") == b"HELLO|end"
            assert near.session.initials == [b""]  # type: ignore[union-attr]

    asyncio.run(main())


def test_who_waits_for_the_other_side_hears_it() -> None:
    async def main() -> None:
        network = LoopbackNetwork()
        server = network.session("server")
        resolver = TableResolver({"mail.i2p": server.destination.hash})
        model = ClientTunnelSection(listen=ANY_PORT, destination=(DestinationName("mail.i2p"),))
        async with running("mail", model, network, resolver) as tunnel, asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(tunnel))
            stream = await server.accept()
            await stream.write(b"220 hello\r\n")
            assert await reader.readline() == b"220 hello\r\n"
            writer.write(b"QUIT\r\n")
            assert await stream.read() == b"QUIT\r\n"
            writer.close()

    asyncio.run(main())


def test_large_data_arrives_whole() -> None:
    data = body_of(3_000_000)

    async def main() -> None:
        async with pair() as (near, _, _):
            got = await asyncio.gather(*(talk(near, data) for _ in range(3)))
            assert got == [data.upper() + b"|end"] * 3

    asyncio.run(main())


def test_unix_sockets_on_both_sides(tmp_path: Path) -> None:
    listen = Endpoint(path=str(tmp_path / "in.sock"))

    async def main() -> None:
        target = Endpoint(path=str(tmp_path / "out.sock"))
        async with pair(client={"listen": listen}, target=target):
            reader, writer = await asyncio.open_unix_connection(listen.path)
            writer.write(b"hello")
            writer.write_eof()
            assert await reader.read() == b"HELLO|end"
            writer.close()
        assert not Path(listen.path).exists()

    asyncio.run(main())


def test_the_next_destination_is_tried() -> None:
    names = (DestinationName("unknown.i2p"), DestinationName("a" * 52 + ".b32.i2p", 1))

    async def main() -> None:
        destinations = (*names, DestinationName("echo.i2p", 5))
        async with pair(client={"destination": destinations}) as (near, far, _):
            assert await talk(near, b"x") == b"X|end"
            assert near.session.connects[-1] == (far.session.destination.hash, 5)  # type: ignore[union-attr]
            assert near.counters()["connections_failed"] == 2

    asyncio.run(main())


def test_nobody_there_resets_the_connection() -> None:
    async def main() -> None:
        async with pair(client={"destination": (DestinationName("unknown.i2p"),)}) as (near, _, _):
            with pytest.raises(ConnectionResetError):
                await talk(near, b"x")
            assert near.last_error == "the name is in no address book"

    asyncio.run(main())


def test_a_target_that_is_down_resets_the_stream() -> None:
    async def main() -> None:
        async with pair(target=Endpoint("127.0.0.1", 1)) as (near, far, _):
            with pytest.raises(ConnectionResetError):
                await talk(near, b"x")
            assert far.last_error == "the target cannot be reached: connection refused"

    asyncio.run(main())


def test_idle_connections_end_where_the_user_wants_it() -> None:
    async def main() -> None:
        async with pair(client={"idle_timeout": 0.05}) as (near, _, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(near))
            writer.write(b"a")
            with pytest.raises(ConnectionResetError):
                async with asyncio.timeout(5):
                    await reader.read()
            writer.close()

    asyncio.run(main())


def test_a_server_without_room_resets() -> None:
    async def main() -> None:
        async with pair(max_connections=1) as (near, far, _):
            _, first = await asyncio.open_connection("127.0.0.1", port_of(near))
            await until("the first is there", lambda: far.connections_open)
            with pytest.raises(ConnectionResetError):
                await talk(near, b"x")
            first.close()
            await until("the first is gone", lambda: not far.connections_open)
            assert await talk(near, b"x") == b"X|end"

    asyncio.run(main())


def test_a_client_shares_its_session_unless_it_has_keys() -> None:
    async def main() -> None:
        async with pair() as (_, _, network):
            assert [r.is_shared for r in network.requests] == [False, True]
        async with pair(client={"keys": "me.dat"}) as (_, _, network):
            assert [r.keys_file for r in network.requests] == ["echo.dat", "me.dat"]
            assert [r.is_shared for r in network.requests] == [False, False]
            assert [r.publish for r in network.requests] == [True, False]
        async with pair(client={"shared": False}) as (_, _, network):
            assert not network.requests[1].is_shared

    asyncio.run(main())
