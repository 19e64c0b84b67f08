"""``connectclient`` and ``httpbidirserver``."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from i2ptunnel.config.client_models import AuthSection, ConnectClientSection
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.proxy_parts import read_outproxy
from i2ptunnel.config.server_models import (
    HttpBidirServerSection,
    HttpServerSection,
    ServerTunnelSection,
)
from i2ptunnel.tunnels.httpbidirserver import HttpBidirServer
from tests.support.loopback_session import LoopbackNetwork
from tests.support.tunnel_bench import (
    ANY_PORT,
    RecordingOrigin,
    TableResolver,
    port_of,
    running,
)


async def ask(port: int, request: bytes, *, ends: bool = False) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        if ends:
            writer.write_eof()
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


def test_connect_works_and_nothing_else() -> None:
    async def main() -> None:
        network, resolver = LoopbackNetwork(), TableResolver({})
        section = ConnectClientSection(listen=ANY_PORT, connect_ports=(443,))
        async with (
            RecordingOrigin() as origin,
            running(
                "site",
                ServerTunnelSection(target=Endpoint("127.0.0.1", origin.port)),
                network,
                resolver,
            ) as site,
            running("proxy", section, network, resolver) as proxy,
        ):
            assert site.session is not None
            assert proxy.type == "connectclient"
            resolver.hosts["site.i2p"] = site.session.destination.hash
            port = port_of(proxy)
            request = b"CONNECT site.i2p:443 HTTP/1.1\r\nHost: x\r\nUser-Agent: me\r\n\r\n"
            answer = await ask(port, request + b"early data\r\n\r\n", ends=True)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert answer.endswith(b"ok")
            assert origin.everything == b"early data\r\n\r\n"
            assert b"405" in await ask(port, b"GET http://site.i2p/ HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 403 " in await ask(port, b"CONNECT site.i2p:22 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 503 " in await ask(
                port, b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n"
            )
            assert b" 403 " in await ask(port, b"CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: x\r\n\r\n")

    asyncio.run(main())


def test_connectclient_asks_for_the_password_and_keeps_local_addresses_from_outproxies() -> None:
    async def main() -> None:
        async with RecordingOrigin() as local:
            # An outproxy on this machine: what reaches it is seen at once.
            outproxies = (read_outproxy(f"http://127.0.0.1:{local.port}"),)
            users = (AuthSection(username="a", password="b"),)
            network, resolver = LoopbackNetwork(), TableResolver({})
            section = ConnectClientSection(listen=ANY_PORT, outproxies=outproxies)
            asking = b"CONNECT %b:443 HTTP/1.1\r\nHost: x\r\n\r\n"
            async with running("proxy", replace(section, auth=users), network, resolver) as proxy:
                for host in (b"site.i2p", b"example.com", b"127.0.0.1"):
                    assert b" 407 " in await ask(port_of(proxy), asking % host)
            async with running("proxy", section, network, resolver) as proxy:
                for host in (b"127.0.0.1", b"192.168.1.1", b"[::1]", b"a.localhost", b"2130706433"):
                    assert b" 403 " in await ask(port_of(proxy), asking % host)
                assert local.received == []
                assert b" 200 " in await ask(port_of(proxy), asking % b"example.com", ends=True)
                assert local.heads == [
                    ["CONNECT example.com:443 HTTP/1.1", "Host: example.com:443"]
                ]

    asyncio.run(main())


def test_site_and_proxy_share_one_destination() -> None:
    async def main() -> None:
        network, resolver = LoopbackNetwork(), TableResolver({})
        async with RecordingOrigin() as mine, RecordingOrigin() as theirs:
            far_section = HttpServerSection(target=Endpoint("127.0.0.1", theirs.port))
            own_section = HttpBidirServerSection(
                target=Endpoint("127.0.0.1", mine.port), listen=ANY_PORT, hostname="me.i2p"
            )
            async with (
                running("far", far_section, network, resolver) as far,
                running("me", own_section, network, resolver) as me,
            ):
                assert isinstance(me, HttpBidirServer)
                assert far.session is not None and me.session is not None
                assert me.is_ready
                request = network.requests[-1]
                assert (request.keys_file, request.publish, request.is_shared) == (
                    "me.dat",
                    True,
                    False,
                )
                assert len(network.requests) == 2
                resolver.hosts["far.i2p"] = far.session.destination.hash
                answer = await ask(
                    port_of(me.proxy),
                    b"GET http://far.i2p/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                )
                assert answer.endswith(b"ok")
                own = f"X-I2P-DestB32: {me.session.destination.b32}"
                assert own in theirs.heads[0]
                stream = await network.session("visitor").connect(me.session.destination.hash)
                await stream.write(b"GET / HTTP/1.1\r\nHost: me.i2p\r\nConnection: close\r\n\r\n")
                assert (await stream.read()).startswith(b"HTTP/1.1 200")
                assert "Host: me.i2p" in mine.heads[0]
                counters = me.counters()
                assert counters["connections"] == counters["requests"] == 2
                assert counters["bytes_to_i2p"] > 0
                assert me.status()["b32"] == me.session.destination.b32
                session = me.session
                assert not session.is_closed  # type: ignore[attr-defined]
            assert session.is_closed  # type: ignore[attr-defined]

    asyncio.run(main())
