"""What belongs apart leaves from different destinations, and nobody gets in under another's."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from core.base.errors import Unavailable
from core.data.identity import hash_to_b32
from i2ptunnel.config.client_models import AuthSection, HttpClientSection, SocksSection
from i2ptunnel.config.proxy_parts import read_outproxy
from i2ptunnel.relay.channel_pool import ChannelPool
from i2ptunnel.tunnels import isolation
from i2ptunnel.tunnels.httpclient import HttpProxy
from tests.support.loopback_session import LoopbackNetwork, LoopbackSession
from tests.support.tunnel_bench import ANY_PORT, OK, TableResolver, port_of, running
from tests.support.waiting import until


class Sites:
    """``a.i2p`` and ``b.i2p``, which keep who visits them, and a proxy."""

    def __init__(self, network: LoopbackNetwork, proxy: Any) -> None:
        self.network = network
        self.proxy = proxy
        self.visitors: dict[str, list[bytes]] = {}

    async def serve(self, name: str, session: LoopbackSession) -> None:
        visitors = self.visitors.setdefault(name, [])
        while True:
            stream = await session.accept()
            visitors.append(stream.remote.hash)
            await stream.read()
            await stream.write(OK)
            await stream.close()

    async def ask(self, host: str, user: str = "", password: str = "p") -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(self.proxy))
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        login = f"Proxy-Authorization: Basic {token}\r\n" if user else ""
        raw = f"GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n{login}Connection: close\r\n\r\n"
        writer.write(raw.encode())
        try:
            async with asyncio.timeout(5):
                return await reader.read()
        finally:
            writer.close()


def run(case: Callable[[Sites], Awaitable[Any]], **options: Any) -> Any:
    async def main() -> Any:
        network = LoopbackNetwork()
        names = ("a", "b", "c", "exit")
        sessions = {name: network.session(name) for name in names}
        resolver = TableResolver({f"{n}.i2p": s.destination.hash for n, s in sessions.items()})
        model = HttpClientSection(listen=ANY_PORT, **options)
        async with running("proxy", model, network, resolver) as proxy:
            sites = Sites(network, proxy)
            serving = [asyncio.create_task(sites.serve(n, s)) for n, s in sessions.items()]
            try:
                return await case(sites)
            finally:
                for task in serving:
                    task.cancel()
                await asyncio.gather(*serving, return_exceptions=True)

    return asyncio.run(main())


def test_without_isolation_all_leave_from_one() -> None:
    async def case(sites: Sites) -> None:
        for host in ("a.i2p", "b.i2p", "a.i2p"):
            assert (await sites.ask(host)).endswith(b"ok")
        assert len({*sites.visitors["a"], *sites.visitors["b"]}) == 1

    run(case)


def test_each_site_sees_another_visitor_and_always_the_same() -> None:
    async def case(sites: Sites) -> None:
        for host in ("a.i2p", "b.i2p", "a.i2p", "b.i2p"):
            assert (await sites.ask(host)).endswith(b"ok")
        assert len(set(sites.visitors["a"])) == 1
        assert len(set(sites.visitors["b"])) == 1
        assert sites.visitors["a"][0] != sites.visitors["b"][0]
        # the same site under its other name is the same site
        known = sites.proxy.context.resolver.hosts["a.i2p"]
        assert (await sites.ask(hash_to_b32(known))).endswith(b"ok")
        assert len(set(sites.visitors["a"])) == 1
        assert sites.proxy.counters()["identities"] == 2
        assert all(r.keys_file is None and not r.is_shared for r in sites.network.requests[1:])

    run(case, isolate="site")


def test_what_is_below_a_name_belongs_to_its_site() -> None:
    async def case(sites: Sites) -> None:
        hosts = sites.proxy.context.resolver.hosts
        hosts["forum.a.i2p"] = hosts["x.forum.a.i2p"] = hosts["b.i2p"]
        hosts["one.unknown.i2p"] = hosts["two.unknown.i2p"] = hosts["c.i2p"]
        below = ("forum.a.i2p", "x.forum.a.i2p", "one.unknown.i2p", "two.unknown.i2p", "c.i2p")
        for host in ("a.i2p", *below, hash_to_b32(hosts["a.i2p"]), hash_to_b32(hosts["b.i2p"])):
            assert (await sites.ask(host)).endswith(b"ok")
        first, again = sites.visitors["a"]
        forum, deeper, by_address = sites.visitors["b"]
        assert first == again == forum == deeper
        # an address says of itself only that it is this one
        assert by_address != forum
        one, two, other = sites.visitors["c"]
        assert one == two != other
        assert len({first, by_address, one, other}) == 4

    run(case, isolate="site")


def test_each_user_is_another_visitor() -> None:
    async def case(sites: Sites) -> None:
        for user in ("ann", "bob", "ann"):
            for host in ("a.i2p", "b.i2p"):
                assert (await sites.ask(host, user)).endswith(b"ok")
        seen = sites.visitors["a"]
        assert seen[0] == seen[2] != seen[1]
        assert set(sites.visitors["b"]) == set(seen)

    users = tuple(AuthSection(username=name, password="p") for name in ("ann", "bob"))
    run(case, isolate="credential", auth=users)


def test_credentials_isolate_also_where_nobody_checks_them() -> None:
    async def case(sites: Sites) -> None:
        assert (await sites.ask("a.i2p")).endswith(b"ok")
        for user, password in (("x", "1"), ("x", "2"), ("x", "1")):
            assert (await sites.ask("a.i2p", user, password)).endswith(b"ok")
        nobody, one, two, again = sites.visitors["a"]
        assert one == again
        assert len({nobody, one, two}) == 3

    run(case, isolate="credential")


def test_sites_outside_reach_the_outproxy_under_different_addresses() -> None:
    async def case(sites: Sites) -> None:
        for host in ("www.example.com", "example.com", "example.org"):
            assert (await sites.ask(host)).endswith(b"ok")
        first, second, third = sites.visitors["exit"]
        assert first == second != third

    run(case, isolate="site", outproxies=(read_outproxy("http://exit.i2p"),))


def test_spares_are_ready_before_they_are_needed() -> None:
    async def case(sites: Sites) -> None:
        identities = sites.proxy.identities
        async with asyncio.timeout(5):
            while identities.spares < 2:
                await asyncio.sleep(0)
            opened = len(sites.network.requests)
            assert (await sites.ask("a.i2p")).endswith(b"ok")
            while identities.spares < 2:
                await asyncio.sleep(0)
        assert len(sites.network.requests) == opened + 1

    run(case, isolate="site", spare_identities=2)


def test_the_limit_gives_up_the_one_unused_for_longest() -> None:
    async def case(sites: Sites) -> None:
        for host in ("a.i2p", "b.i2p", "c.i2p", "a.i2p"):
            assert (await sites.ask(host)).endswith(b"ok")
        assert sites.proxy.counters()["identities"] == 2
        assert len(set(sites.visitors["a"])) == 2

    run(case, isolate="site", max_identities=2, spare_identities=0)


def test_with_all_in_use_nobody_is_let_in_under_another() -> None:
    async def case(sites: Sites) -> None:
        identities = sites.proxy.identities
        for key in ("one", "two"):
            await identities.obtain(key)
        answer = await sites.ask("a.i2p")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: " in answer
        assert sites.visitors.get("a", []) == []

    run(case, isolate="site", max_identities=2)


def test_identities_end_when_nobody_uses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "IDLE_S", 0.0)
    monkeypatch.setattr(isolation, "_TIDY_EVERY_S", 0.01)

    async def case(sites: Sites) -> None:
        assert (await sites.ask("a.i2p")).endswith(b"ok")
        await until("no identity", lambda: not len(sites.proxy.identities), 5)

    run(case, isolate="site", spare_identities=0)


def test_an_identity_whose_session_ended_is_replaced() -> None:
    async def case(sites: Sites) -> None:
        assert (await sites.ask("a.i2p")).endswith(b"ok")
        visitor = sites.visitors["a"][0]
        await sites.network.sessions[visitor].close()
        assert (await sites.ask("a.i2p")).startswith(b"HTTP/1.1 503 ")
        assert (await sites.ask("a.i2p")).endswith(b"ok")
        assert not sites.proxy.failed.is_set()

    run(case, isolate="site")


def test_stop_closes_every_session() -> None:
    async def case(sites: Sites) -> None:
        for host in ("a.i2p", "b.i2p"):
            await sites.ask(host)
        before = dict(sites.network.sessions)
        await sites.proxy.stop()
        own = [s for s in before.values() if s.destination.hash not in _site_hashes(sites)]
        assert all(session.is_closed for session in own)

    run(case, isolate="site")


def _site_hashes(sites: Sites) -> set[bytes]:
    return set(sites.proxy.context.resolver.hosts.values())


def test_a_session_that_cannot_be_opened_is_said() -> None:
    async def case(sites: Sites) -> None:
        async def refuse(_: object) -> Any:
            raise Unavailable("no router", "closed")

        sites.proxy.identities._open_session = refuse
        assert (await sites.ask("a.i2p")).startswith(b"HTTP/1.1 503 ")

    run(case, isolate="site", spare_identities=0)


def test_socks_isolates_too() -> None:
    async def main() -> None:
        network = LoopbackNetwork()
        site = network.session("site")
        resolver = TableResolver({"site.i2p": site.destination.hash})
        model = SocksSection(listen=ANY_PORT, isolate="credential")
        visitors = []
        async with running("socks", model, network, resolver) as proxy:
            for name in (b"one", b"two", b"one"):
                reader, writer = await asyncio.open_connection("127.0.0.1", port_of(proxy))
                login = b"\x01" + bytes((len(name),)) + name + b"\x01x"
                host = b"site.i2p"
                ask = b"\x05\x01\x00\x03" + bytes((len(host),)) + host + b"\x00\x50"
                writer.write(b"\x05\x01\x02" + login + ask)
                stream = await site.accept()
                visitors.append(stream.remote.hash)
                await stream.close()
                await reader.read()
                writer.close()
        assert visitors[0] == visitors[2] != visitors[1]

    asyncio.run(main())


def test_a_kept_stream_of_an_identity_does_not_hold_it() -> None:
    async def main() -> None:
        network = LoopbackNetwork()
        sites = [network.session(name) for name in ("a", "b")]
        resolver = TableResolver(
            {f"{name}.i2p": s.destination.hash for name, s in zip("ab", sites, strict=True)}
        )
        model = HttpClientSection(
            listen=ANY_PORT, isolate="site", max_identities=1, spare_identities=0
        )
        keeping = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        async with running("proxy", model, network, resolver) as proxy:
            assert isinstance(proxy, HttpProxy)
            for name, session in zip("abab", sites * 2, strict=True):
                reader, writer = await asyncio.open_connection("127.0.0.1", port_of(proxy))
                writer.write(f"GET http://{name}.i2p/ HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                async with asyncio.timeout(5):
                    stream = await session.accept()
                    await stream.read()
                    await stream.write(keeping)
                    assert await reader.readuntil(b"ok")
                writer.close()
            assert isinstance(proxy._pool, ChannelPool)

    asyncio.run(main())


def test_before_there_are_identities_nothing_goes_out() -> None:
    async def case(sites: Sites) -> None:
        identities, sites.proxy.identities = sites.proxy.identities, None
        assert (await sites.ask("a.i2p")).startswith(b"HTTP/1.1 503 ")
        assert sites.visitors.get("a", []) == []
        sites.proxy.identities = identities
        assert (await sites.ask("a.i2p")).endswith(b"ok")

    run(case, isolate="site")
