"""A thousand genuine routers call from one address, and floods at every local listener.

The victim may have 1,024 descriptors, as a shell gives. Honest traffic goes on meanwhile, the
proxies and the command line answer, and a page loads within seconds after the attackers have left.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.data.router_info import RouterInfo
from i2ptunnel.control import ask
from tests.interop.conftest import own_tunnels, site_name
from tests.support import curl
from tests.support.appliance import Appliance
from tests.support.attacker import HostileRouter, Victim
from tests.support.i2pd_net import wait_until
from tests.support.machine import slowdown
from tests.support.origin import Origin

pytestmark = [pytest.mark.interop, pytest.mark.alone, pytest.mark.timeout(280)]

DESCRIPTORS = 1024
CALLERS = 1000
ONE_HOP: dict[str, Any] = {
    "inbound": {"length": 1, "quantity": 2},
    "outbound": {"length": 1, "quantity": 2},
}


@dataclass
class Scene:
    """Three relays, the victim, and a site that it visits."""

    routers: list[Appliance]
    page: str
    #: and how busy the machine was with the attack
    pages: list[tuple[curl.Fetched, float]] = field(default_factory=list)

    @property
    def program(self) -> Appliance:
        return self.routers[3]

    @property
    def victim(self) -> Victim:
        return Victim(RouterInfo.parse(self.program.router_info))

    def load(self, timeout_s: float = 20) -> curl.Fetched:
        proxy = f"http://{self.program.address}:4444"
        return curl.fetch(self.page, proxy=proxy, timeout_s=timeout_s)

    def figures(self) -> dict[str, Any]:
        router: dict[str, Any] = ask(self.program.data_dir / "control.sock", "status")["router"]
        return router

    async def keep_loading(self) -> None:
        """Load the page and ask for the status, again and again, until cancelled."""
        while True:
            page = await asyncio.to_thread(self.load)
            self.pages.append((page, await asyncio.to_thread(slowdown)))
            await asyncio.to_thread(self.figures)
            await asyncio.sleep(0.5)

    @contextlib.asynccontextmanager
    async def loading(self) -> AsyncIterator[None]:
        self.pages.clear()
        task = asyncio.create_task(self.keep_loading())
        try:
            yield
            await asyncio.sleep(0)
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def check(self) -> None:
        """What must hold after an attack has ended."""
        began = time.monotonic()
        got = self.load(5)
        while got.status != 200 and time.monotonic() - began < 5 * slowdown():
            got = self.load(5)
        took_s = time.monotonic() - began
        print(f"page {took_s:.2f} s after the attack;", self.figures())
        told = [f"{page.status} {page.seconds:.2f} at {busy:.1f}" for page, busy in self.pages]
        print("during it:", told)
        assert got.status == 200 and took_s < 5 * slowdown(), got
        bad = [page for page, busy in self.pages if page.status != 200 or page.seconds > 8 * busy]
        assert not bad, bad
        assert "Traceback" not in self.program.log, self.program.log[-3000:]
        assert "internal error" not in self.program.log, self.program.log[-3000:]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    root: Path = tmp_path_factory.mktemp("floods")
    with Origin() as origin:
        routers = []
        for index in range(5):
            address = f"127.{121 + index}.0.1"
            tunnels = own_tunnels(address, origin.port) if index > 2 else {}
            for tunnel in tunnels.values():
                tunnel |= ONE_HOP
            routers.append(
                Appliance(
                    root / f"r{index}",
                    address,
                    20121 + index,
                    tunnels,
                    floodfill=index < 3,
                    transit={"enabled": index < 4},
                    exploratory=ONE_HOP,
                )
            )
        victim = routers[3]
        victim.descriptors = DESCRIPTORS
        victim.config["control"]["metrics"] = {"listen": f"{victim.address}:9100"}
        try:
            infos = [router.write_router_info_once() for router in routers]
            for router in routers:
                router.import_router_infos(infos)
                router.start()
            for router in routers[3:]:
                router.wait_ready("web", "socks", "site")
            page = f"http://{site_name(routers[4])}/bytes/20000"
            proxy = f"http://{victim.address}:4444"
            assert curl.fetch_with_retry(page, proxy=proxy).status == 200
            yield Scene(routers, page)
        finally:
            for router in routers:
                router.stop(kill=True)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.asynccontextmanager
async def crowd() -> AsyncIterator[list[HostileRouter]]:
    """Routers to be added to; they are stopped at the end."""
    routers: list[HostileRouter] = []
    try:
        yield routers
    finally:
        for router in routers:
            await router.stop()


async def _call(routers: list[HostileRouter], victim: Victim, address: str, count: int) -> None:
    """So many more routers connect from one address, as fast as it goes."""
    new = [HostileRouter(victim, address) for _ in range(count)]
    routers += new
    gate = asyncio.Semaphore(100)

    async def connect(router: HostileRouter) -> bool:
        async with gate:
            return await router.connect(3.0)

    began = time.monotonic()
    let_in = await asyncio.gather(*(connect(router) for router in new))
    print(f"{sum(let_in)} of {count} let in, {time.monotonic() - began:.1f} s")


def test_a_thousand_genuine_links_from_one_address(scene: Scene) -> None:
    async def attack() -> None:
        async with crowd() as routers, scene.loading():
            await _call(routers, scene.victim, "127.66.200.1", CALLERS)
            await asyncio.sleep(3)
            figures = scene.figures()
        assert figures["links_inbound"] <= 64 + len(scene.routers) + 2, figures
        assert sum(figures["links_refused"].values()) > CALLERS / 2, figures

    asyncio.run(attack())
    scene.check()


def test_neighbours_restart_while_many_addresses_hold_links(scene: Scene) -> None:
    async def attack() -> None:
        async with crowd() as routers:
            async with scene.loading():
                for number in range(10):
                    await _call(routers, scene.victim, f"127.66.{number}.9", 60)
            for relay in scene.routers[:3]:
                await asyncio.to_thread(relay.stop)
                relay.start()
            began = time.monotonic()
            while (await asyncio.to_thread(scene.load, 10)).status != 200:
                waited_s = time.monotonic() - began
                # Each try takes up to ten: 10 s alone, more behind the floods before.
                assert waited_s < 60 or waited_s < 60 * slowdown(), "no page, neighbours are back"
            print(f"page {time.monotonic() - began:.1f} s after all neighbours restarted")

    asyncio.run(attack())
    scene.check()


def test_connection_floods_at_every_local_listener(scene: Scene) -> None:
    address = scene.program.address
    web = b"GET http://proxy.i2p/ HTTP/1.1\r\nHost: proxy.i2p\r\n\r\n"
    figures = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    questions: list[tuple[Any, bytes, bytes]] = [
        ((address, 4444), web, b"HTTP/1.1 200 "),
        ((address, 4447), b"\x05\x01\x00", b"\x05\x00"),
        ((address, 9100), figures, b"HTTP/1.1 200 "),
        (str(scene.program.data_dir / "control.sock"), b'{"command": "status"}\n', b'{"ok": true'),
    ]

    def open_one(endpoint: Any) -> socket.socket | None:
        family = socket.AF_UNIX if isinstance(endpoint, str) else socket.AF_INET
        sock = socket.socket(family)
        sock.settimeout(5)
        try:
            sock.connect(endpoint)
        except OSError:
            sock.close()
            return None
        return sock

    def answers(endpoint: Any, question: bytes, beginning: bytes) -> bool:
        began = time.monotonic()
        while (waited_s := time.monotonic() - began) < 5 or waited_s < 5 * slowdown():
            sock = open_one(endpoint)
            if sock is not None:
                with sock, contextlib.suppress(OSError):
                    sock.sendall(question)
                    if sock.recv(100).startswith(beginning):
                        return True
        return False

    scene.pages.clear()
    held: list[socket.socket] = []
    for endpoint, _, _ in questions:
        held += [sock for _ in range(600) if (sock := open_one(endpoint)) is not None]
    print(len(held), "connections held open;", scene.figures())
    for question in questions:
        assert answers(*question), question[0]
    scene.pages.append((scene.load(), slowdown()))
    for sock in held:
        sock.close()
    for question in questions:
        assert answers(*question), question[0]
    scene.check()
    wait_until("descriptors are free", lambda: scene.figures()["descriptors"] < 150, 20)
