"""``router.bandwidth`` on real sockets, over NTCP2 and SSU2, with more demand than there is room.

What the sockets carry is sampled all the time: over any seconds it stays below the limit and what
may be saved up, and over all it uses the limit up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import own_tunnels, site_name
from tests.support import curl
from tests.support.appliance import FAST, Appliance, run_command
from tests.support.machine import slowdown
from tests.support.origin import Origin

pytestmark = [pytest.mark.interop, pytest.mark.alone, pytest.mark.timeout(280)]

ONE_HOP: dict[str, Any] = {
    "inbound": {"length": 1, "quantity": 2},
    "outbound": {"length": 1, "quantity": 2},
}
TRANSPORTS = ("ntcp2", "ssu2")
#: bytes per second
LIMITS = (64_000, 256_000, 1_000_000)
WINDOW_S = 5.0
BURST_S = 0.4
MARGIN = 0.05
#: so busy a machine may not be able to use a limit up
BUSY = 1.5
SAMPLE_S = 0.05


@dataclass
class Scene:
    """Relays and a site without limits, and for each transport a visitor with one."""

    relays: list[Appliance]
    site: Appliance
    visitors: dict[str, Appliance]

    def page(self, size: int) -> str:
        return f"http://{site_name(self.site)}/bytes/{size}"


def router(root: Path, index: int, *transports: str, tunnels: Any = None, **more: Any) -> Appliance:
    """One that speaks these transports."""
    options = {
        **FAST,
        "exploratory": ONE_HOP,
        **{one: {"enabled": one in transports} for one in TRANSPORTS},
        **more,
    }
    address = f"127.{151 + index}.0.1"
    return Appliance(root / f"r{index}", address, 20151 + index, tunnels or {}, **options)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    root: Path = tmp_path_factory.mktemp("bandwidth")
    ends: dict[str, Any] = {"transit": {"enabled": False}}
    with Origin() as origin:

        def tunnels(index: int) -> dict[str, Any]:
            made = own_tunnels(f"127.{151 + index}.0.1", origin.port)
            for one in made.values():
                one |= ONE_HOP
            return made

        relays = [
            router(root, index, *TRANSPORTS, tunnels={"web": tunnels(index)["web"]}, floodfill=True)
            for index in range(2)
        ]
        site = router(root, 2, *TRANSPORTS, tunnels=tunnels(2), **ends)
        visitors = {
            one: router(root, 3 + index, one, tunnels=tunnels(3 + index), **ends)
            for index, one in enumerate(TRANSPORTS)
        }
        routers = [*relays, site, *visitors.values()]
        try:
            infos = [one.write_router_info_once() for one in routers]
            for one in routers:
                one.import_router_infos(infos)
                one.start()
            for one in routers:
                one.wait_ready("web")
            for one in routers[2:]:
                one.wait_ready("site")
            scene = Scene(relays, site, visitors)
            for one in visitors.values():
                proxy = f"http://{one.address}:4444"
                assert curl.fetch_with_retry(scene.page(1000), proxy=proxy).status == 200
            yield scene
        finally:
            for one in routers:
                one.stop(kill=True)


@dataclass
class Meter:
    """What the sockets of a router carried, from when to when."""

    appliance: Appliance
    samples: list[tuple[float, int, int]] = field(default_factory=list)

    def run(self, until: float) -> None:
        while time.monotonic() < until:
            status = self.appliance.status()
            assert status is not None
            now = time.monotonic()
            figures = status["router"]
            self.samples.append((now, figures["bytes_received"], figures["bytes_sent"]))
            time.sleep(SAMPLE_S)

    def rate(self, which: int) -> float:
        first, last = self.samples[0], self.samples[-1]
        return (last[which] - first[which]) / (last[0] - first[0])

    def ahead_s(self, which: int, limit: float) -> float:
        """The most that came in any time beyond the limit, in seconds of it."""
        least, most = 0.0, 0.0
        began = self.samples[0]
        for at in self.samples:
            ahead = (at[which] - began[which]) / limit - (at[0] - began[0])
            least = min(least, ahead)
            most = max(most, ahead - least)
        return most


def demand(scene: Scene, visitor: Appliance, direction: str, upload: Path) -> list[curl.Running]:
    """More than any limit allows, in one direction."""
    proxy = f"http://{visitor.address}:4444"
    if direction == "inbound":
        page = scene.page(60_000_000)
        return [curl.start(page, proxy=proxy, timeout_s=60) for _ in range(2)]
    page = scene.page(1)
    return [curl.start(page, proxy=proxy, upload=upload, timeout_s=60) for _ in range(2)]


def stop(running: list[curl.Running]) -> None:
    """Whatever they have."""
    for one in running:
        one.process.kill()
        one.process.wait()
        one.out.close()
        one.err.close()


def limit(visitor: Appliance, **limits: int) -> None:
    """Have it take up other limits while it runs; what is not named has none."""
    rates = {name: f"{rate}B/s" for name, rate in limits.items()}
    visitor.config["router"]["bandwidth"] = {**FAST["bandwidth"], **rates}
    visitor.write_config()
    done = run_command("reload", "-c", str(visitor.config_file))
    assert done.returncode == 0, done


@pytest.mark.parametrize("rate", LIMITS)
def test_limits_hold_and_are_used_up(scene: Scene, tmp_path: Path, rate: int) -> None:
    """One transport for each direction at a time, and then the other way round."""
    upload = tmp_path / "upload"
    upload.write_bytes(bytes(60_000_000))
    for directions in (("inbound", "outbound"), ("outbound", "inbound")):
        running: list[curl.Running] = []
        meters = []
        try:
            for visitor, direction in zip(scene.visitors.values(), directions, strict=True):
                limit(visitor, **{direction: rate})
                running += demand(scene, visitor, direction, upload)
                meters.append(Meter(visitor))
            # What the old limit left, and the streams' slow start, are over.
            time.sleep(2)
            until = time.monotonic() + WINDOW_S
            threads = [threading.Thread(target=one.run, args=(until,)) for one in meters]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            stop(running)
        for transport, direction, meter in zip(TRANSPORTS, directions, meters, strict=True):
            which = 1 if direction == "inbound" else 2
            used, ahead_s = meter.rate(which) / rate, meter.ahead_s(which, rate)
            print(f"{transport} {direction}: {used:.1%} of {rate} B/s, {ahead_s:.2f} s ahead")
            assert ahead_s <= BURST_S
            assert used >= 1 - MARGIN or slowdown() > BUSY
