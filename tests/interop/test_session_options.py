"""Sessions that rest and lease sets that are encrypted, from tunnel options over real routers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from core.crypto.x25519 import X25519Key
from i2ptunnel.config.client_models import ClientTunnelSection
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.server_models import ServerTunnelSection
from i2ptunnel.config.tunnel_parts import EncryptedSection, LeaseSetClientSection
from i2ptunnel.manager import Manager
from tests.support.deterministic import SeededEntropy
from tests.support.own_network import TWO_HOPS, OwnNetwork, b32_of, own_network
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

CLIENT_KEY = X25519Key.generate(SeededEntropy("visitor"))
LISTEN = "127.78.50.1"


async def serve_echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data.upper())
        await writer.drain()
    writer.close()


async def talk(port: int, data: bytes) -> bytes:
    """What comes back; empty when the connection was reset."""
    reader, writer = await asyncio.open_connection(LISTEN, port)
    try:
        writer.write(data)
        writer.write_eof()
        async with asyncio.timeout(90):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def inbound_of(network: OwnNetwork, index: int, name: str) -> int:
    """Inbound router tunnels of a session that are offered to others."""
    paths = network.routers[index].tunnel_paths()
    return sum(path.session == name and path.is_inbound for path in paths)


def status_of(manager: Manager, name: str) -> dict[str, Any]:
    return next(one for one in manager.status() if one["name"] == name)


def test_encrypted_and_resting(tmp_path: Path) -> None:
    async def main() -> None:
        server = await asyncio.start_server(serve_echo, "127.0.0.1", 0)
        target = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
        visitor = LeaseSetClientSection(name="visitor", public_key=CLIENT_KEY.public)
        hidden = ServerTunnelSection(
            target=target,
            encrypted=EncryptedSection(enabled=True, secret="word", clients=(visitor,)),
            reduce_after=4.0,
            **TWO_HOPS,
        )
        async with own_network(tmp_path, 6, ends=2) as network:
            site = await network.run(network.routers[-1], {"site": hidden})
            await network.until_ready(site)
            address = b32_of(site, "site")
            assert len(address) > 60, "the long form"
            own: dict[str, Any] = {"shared": False, "connect_timeout": 40.0, **TWO_HOPS}
            right = DestinationName(address, 0, "word", CLIENT_KEY.private)
            near = ClientTunnelSection(
                listen=Endpoint(LISTEN, 4001),
                destination=(right,),
                delay_open=True,
                close_after=3.0,
                new_keys=True,
                **own,
            )
            wrong = ClientTunnelSection(
                listen=Endpoint(LISTEN, 4002),
                destination=(DestinationName(address, 0, "word", bytes(range(32))),),
                **own,
            )
            clients = await network.run(network.routers[-2], {"near": near, "wrong": wrong})
            await network.until_ready(clients)

            assert inbound_of(network, -2, "near") == 0, "nothing is built before the first use"
            assert await talk(4001, b"hello") == b"HELLO"
            assert await talk(4002, b"hello") == b""
            assert "client key" in status_of(clients, "wrong")["last_error"]
            first = b32_of(clients, "near")
            await until("it closes", lambda: inbound_of(network, -2, "near") == 0, 60)
            assert status_of(clients, "near")["ready"]

            await until("it reduces", lambda: inbound_of(network, -1, "site") == 1, 60)
            assert await talk(4001, b"again") == b"AGAIN", "with fewer tunnels it works too"
            assert b32_of(clients, "near") != first
            await until("it recovers", lambda: inbound_of(network, -1, "site") == 2, 60)
        server.close()

    asyncio.run(main())
