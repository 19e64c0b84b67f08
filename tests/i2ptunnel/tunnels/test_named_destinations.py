"""Tunnels and address books: names that come while they run, names with several destinations."""

from __future__ import annotations

import asyncio
from pathlib import Path

from core.data.private_keys import PrivateKeys
from i2ptunnel.config.client_models import ClientTunnelSection
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.server_models import ServerTunnelSection
from i2ptunnel.naming.books import AddressBooks
from i2ptunnel.naming.resolver import BookResolver, FileResolver
from i2ptunnel.naming.store import Book
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.loopback_session import LoopbackNetwork
from tests.support.tunnel_bench import ANY_PORT, port_of, running

NOBODY = PrivateKeys.generate_destination(SeededEntropy("nobody")).destination


def test_a_name_added_while_the_tunnel_runs(tmp_path: Path) -> None:
    asyncio.run(_browse(tmp_path))


async def _browse(tmp_path: Path) -> None:
    network = LoopbackNetwork()
    books = AddressBooks(tmp_path / "addresses.sqlite", FakeWallClock().now)
    resolver = BookResolver(books, FileResolver(tmp_path / "hosts.txt"))

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    service = await asyncio.start_server(greet, "127.0.0.1", 0)
    target = Endpoint("127.0.0.1", service.sockets[0].getsockname()[1])
    client = ClientTunnelSection(
        listen=ANY_PORT, destination=(DestinationName("friend.i2p", 0),), connect_timeout=2.0
    )
    async with (
        running("far", ServerTunnelSection(target=target), network, resolver) as far,
        running("near", client, network, resolver) as near,
    ):

        async def said() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(near))
            try:
                return await reader.read()
            except ConnectionError:
                return b""
            finally:
                writer.close()

        assert await said() == b""
        assert near.last_error == "the name is in no address book"
        assert far.session is not None
        books.add(Book.LOCAL, "friend.i2p", far.session.destination.b64)
        assert await said() == b"hello"
        # the preferred destination is not there: the other one is used
        books.add(Book.LOCAL, "friend.i2p", NOBODY.b64, is_further=True)
        assert books.lookup("friend.i2p")[0].hash == NOBODY.hash
        assert await said() == b"hello"
        network.failures[NOBODY.hash] = "encryption_unsupported"
        assert await said() == b"hello"
        books.remove("friend.i2p")
        assert await said() == b""
    service.close()
    books.close()
