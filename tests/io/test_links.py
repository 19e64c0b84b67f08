"""The sockets of both transports: opened and closed together, and what is published for them."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Awaitable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from core.io.router import Router
from core.router.config import RouterConfig
from core.transport.addresses import source_key
from tests.support.namespace import separate_network
from tests.support.waiting import until

HOST = "127.92.9.1"


def free_port() -> int:
    """A port that neither TCP nor UDP uses on ``HOST``."""
    with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        udp.bind((HOST, 0))
        port: int = udp.getsockname()[1]
        tcp.bind((HOST, port))
        return port


def config(path: Path, **changes: object) -> RouterConfig:
    return RouterConfig(
        path, network_id=77, host=HOST, bind=HOST, port=free_port(), **changes  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(("ntcp2", "ssu2", "styles"), [
    (True, True, ["NTCP2", "SSU2"]), (False, True, ["SSU2"]), (True, False, ["NTCP2"]),
])  # fmt: skip
def test_what_is_on_is_open_and_published(
    tmp_path: Path, ntcp2: bool, ssu2: bool, styles: list[str]
) -> None:
    async def main() -> None:
        router = Router(config(tmp_path, ntcp2=ntcp2, ssu2=ssu2, allow_private_addresses=True))
        await router.start()
        try:
            addresses = router.router_info.addresses
            assert [address.style for address in addresses] == styles
            assert all(address.options["port"] == str(router.port) for address in addresses)
            for kind, is_on in ((socket.SOCK_STREAM, ntcp2), (socket.SOCK_DGRAM, ssu2)):
                with socket.socket(type=kind) as other:
                    if is_on:
                        with pytest.raises(OSError, match="in use"):
                            other.bind((HOST, router.port))
                    else:
                        other.bind((HOST, router.port))
        finally:
            await router.stop()
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(type=kind) as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                other.bind((HOST, router.port))

    asyncio.run(main())


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_in_use_leaves_nothing_open(tmp_path: Path, kind: socket.SocketKind) -> None:
    async def main() -> None:
        wanted = config(tmp_path)
        with socket.socket(type=kind) as taken:
            taken.bind((HOST, wanted.port))
            if kind is socket.SOCK_STREAM:
                taken.listen()
            with pytest.raises(OSError, match="in use"):
                await Router(wanted).start()
            other_kind = ({socket.SOCK_STREAM, socket.SOCK_DGRAM} - {kind}).pop()
            with socket.socket(type=other_kind) as other:
                other.bind((HOST, wanted.port))

    asyncio.run(main())


def linked(one: Router, two: Router) -> Awaitable[None]:
    """``one`` dials ``two``."""

    async def wait() -> None:
        one.import_routers([two.router_info])
        one._engine.links.send(two.hash, (), one.now())
        one._drivers.schedule()
        await until("a link", lambda: one.status().links.total and two.status().links.total, 5)
        assert two._engine.links.is_connected(one.hash)

    return wait()


@pytest.mark.parametrize(
    ("transport", "family"),
    [
        ("ntcp2", "ipv4"),
        ("ntcp2", "ipv6"),
        ("ntcp2", "yggdrasil"),
        ("ssu2", "ipv4"),
        ("ssu2", "ipv6"),
    ],
)
def test_two_routers_link_in_each_family(tmp_path: Path, transport: str, family: str) -> None:
    """Each has all families, and the one that is dialled publishes one of them."""
    hosts = {"ipv4": "127.92.9.{}", "ipv6": "fd92::{}", "yggdrasil": "201:92::{}"}

    def router(number: int, *published: str) -> Router:
        transports = {"ntcp2": False, "ssu2": False, transport: True}
        return Router(
            RouterConfig(
                tmp_path / str(number),
                network_id=77,
                host=tuple(hosts[name].format(number) for name in published),
                bind=tuple(hosts[name].format(number) for name in ("ipv4", "ipv6")),
                port=9111,
                allow_private_addresses=True,
                **transports,  # type: ignore[arg-type]
            )
        )

    async def main() -> None:
        one, two = router(1, *hosts), router(2, family)
        await one.start()
        await two.start()
        try:
            await linked(one, two)
            (session,) = two._engine.links.connected_sessions()
            # i2pd and Java: who calls must call from where it says that it is.
            assert session.host_key == source_key(hosts[family].format(1))  # type: ignore[attr-defined]
            expected = {"ipv4": 1, "ipv6": 1, "yggdrasil": int(transport == "ntcp2")}
            assert len(one.router_info.addresses) == sum(expected.values())
        finally:
            await one.stop()
            await two.stop()

    with separate_network():
        for host in ("fd92::1", "fd92::2", "201:92::1", "201:92::2"):
            subprocess.run(["ip", "address", "add", host, "dev", "lo"], check=True)
        asyncio.run(main())


def test_a_family_that_cannot_be_bound_leaves_nothing_open(tmp_path: Path) -> None:
    async def main() -> None:
        wanted = replace(config(tmp_path), bind=(HOST, "fd92::dead"))
        with pytest.raises(OSError, match="assign"):
            await Router(wanted).start()
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind((HOST, wanted.port))
            udp.bind((HOST, wanted.port))

    asyncio.run(main())


@pytest.mark.parametrize("transport", ["ntcp2", "ssu2"])
def test_two_routers_link_over_one_transport_and_status_tells_which(
    tmp_path: Path, transport: str
) -> None:
    async def main() -> None:
        transports = {"ntcp2": False, "ssu2": False, transport: True}
        routers = [
            Router(
                config(
                    tmp_path / name,
                    allow_private_addresses=True,
                    ntcp2_pq=4,
                    ssu2_pq=4,
                    **transports,
                )
            )
            for name in ("one", "two")
        ]
        for router in routers:
            await router.start()
        try:
            one, two = routers
            await linked(one, two)
            counts = {"ntcp2": 0, "ssu2": 0, transport: 1, "hybrid": 1}
            assert asdict(one.status().links) == {**counts, "inbound": 0, "outbound": 1}
            assert asdict(two.status().links) == {**counts, "inbound": 1, "outbound": 0}
            status = one.status()
            assert status.published == (f"{transport} {HOST}:{one.config.port}",)
            assert status.bandwidth.limit_inbound_bytes_s == one.config.inbound_bytes_s
            assert not status.floodfill
        finally:
            for router in routers:
                await router.stop()

    asyncio.run(main())


class Store:
    """A service manager that keeps copies of sockets."""

    def __init__(self) -> None:
        self.kept: list[socket.socket] = []

    async def take(
        self, hosts: Sequence[str], port: int, kind: socket.SocketKind = socket.SOCK_STREAM
    ) -> dict[str, socket.socket]:
        return {
            sock.getsockname()[0]: sock.dup()
            for sock in self.kept
            if sock.type == kind and sock.getsockname() in [(host, port) for host in hosts]
        }

    def keep(self, sockets: Sequence[socket.socket]) -> None:
        for sock in sockets:
            if all(sock.type != one.type for one in self.kept):
                self.kept.append(sock.dup())

    def close(self) -> None:
        for sock in self.kept:
            sock.close()


@pytest.mark.parametrize("transport", ["ntcp2", "ssu2"])
def test_who_calls_while_the_router_restarts_waits_for_it(tmp_path: Path, transport: str) -> None:
    async def main() -> None:
        transports = {"ntcp2": False, "ssu2": False, transport: True}
        settings = [
            config(tmp_path / name, allow_private_addresses=True, **transports)
            for name in ("one", "two")
        ]
        store = Store()
        two = Router(settings[1], store)
        await two.start()
        await two.stop()
        one = Router(settings[0])
        await one.start()
        one.import_routers([two.router_info])
        one._engine.links.send(two.hash, (), one.now())
        one._drivers.schedule()
        (kept,) = store.kept
        called = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(kept.fileno(), called.set)
        async with asyncio.timeout(5):
            await called.wait()
        loop.remove_reader(kept.fileno())
        two = Router(settings[1], store)
        await two.start()
        try:
            await until("the call", lambda: two.status().links.inbound, 10)
            stats = one._engine.links.stats
            assert not stats.datagrams_failed and not one._engine.links.bans.reason(
                two.hash, one.now()
            )
        finally:
            await one.stop()
            await two.stop()
            store.close()

    asyncio.run(main())
