"""A router of ours that downloads while somebody floods it: what the flood costs the download.

All routers share one core, and who floods has another to himself. What counts is the time that this
core had for them, worked or idle, and not what other programs took of it.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.interop.conftest import own_tunnels, site_name
from tests.support import curl
from tests.support.appliance import FAST, Appliance
from tests.support.i2pd_net import wait_until
from tests.support.origin import Origin, digest_of

ONE_HOP: dict[str, Any] = {
    "inbound": {"length": 1, "quantity": 2},
    "outbound": {"length": 1, "quantity": 2},
}
BYTES = 8_000_000
RATE_KEPT = 0.8
#: a single download is soon over, and may be slow for other reasons: the middle one of all counts
ROUNDS_MAX = 5
GROWTH_MB_MAX = 40


class Flooding(Protocol):
    """A flood that is under way."""

    def stop(self) -> float:
        """End it; how many a second there were."""
        ...


@dataclass
class FloodedDownload:
    """Two relays, a visitor that is flooded, and a site."""

    routers: list[Appliance]
    #: where who floods runs; None: on the only core
    flood_core: int | None

    @property
    def victim(self) -> Appliance:
        return self.routers[2]

    @property
    def page(self) -> str:
        return f"http://{site_name(self.routers[3])}/bytes/{BYTES}"

    def counters(self) -> dict[str, Any]:
        """What the victim counts, by room."""
        status = self.victim.status()
        assert status is not None
        counters: dict[str, Any] = status["router"]["counters"]
        return counters

    def clock(self) -> float:
        """What the routers and nobody have had of their core, in seconds."""
        if self.flood_core is None:
            return time.monotonic()
        (line,) = (
            line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("cpu0 ")
        )
        idle = sum(map(int, line.split()[4:6])) / os.sysconf("SC_CLK_TCK")
        return idle + sum(router.cpu_seconds() for router in self.routers)

    def download(self) -> float:
        """Bytes per second of such time."""
        began = self.clock()
        got = curl.fetch(self.page, proxy=f"http://{self.victim.address}:4444", timeout_s=60)
        took_s = self.clock() - began
        assert got.status == 200 and got.digest == digest_of(BYTES), got
        return BYTES / took_s

    def endure(
        self,
        name: str,
        flood: Callable[[], AbstractContextManager[Flooding]],
        is_noticed: Callable[[], int],
    ) -> None:
        """Download with and without a flood: it keeps most of its rate, and memory is bounded.

        ``is_noticed``: a counter that the flood turns.
        """
        memory_mb = self.victim.memory_mb()
        idle, flooded, kept, sent = [self.download()], [], 0.0, 0.0
        for _ in range(ROUNDS_MAX):
            before = is_noticed()
            with flood() as flooding:
                wait_until("the flood is noticed", lambda was=before: is_noticed() > was, 10)
                # What was in the queue, and what every host may begin, is soon over.
                began = time.monotonic()
                wait_until("a second is over", lambda was=began: time.monotonic() > was + 1, 10)
                flooded.append(self.download())
                sent = flooding.stop()
            idle.append(self.download())
            kept = statistics.median(flooded) / statistics.median(idle)
            if kept >= RATE_KEPT:
                break
        grown = self.victim.memory_mb() - memory_mb
        rate = statistics.median(idle) / 1e6
        print(f"{name}: {sent:.0f} a second; {kept:.0%} of {rate:.1f} MB/s kept; {grown:+.1f} MB")
        assert kept >= RATE_KEPT, (idle, flooded)
        assert grown <= GROWTH_MB_MAX
        for router in self.routers:
            assert "Traceback" not in router.log, router.log[-3000:]
            assert "internal error" not in router.log, router.log[-3000:]


@contextlib.contextmanager
def flooded_download(
    root: Path, network: int, victim: dict[str, Any] | None = None, **options: Any
) -> Iterator[FloodedDownload]:
    """Four routers at 127.<network>.0.1 and the next ones; ``victim``: options of its alone."""
    cores = sorted(os.sched_getaffinity(0))
    cores = cores if cores[0] == 0 else cores[:1]  # /proc/stat counts them all
    with Origin() as origin:
        routers = []
        for index in range(4):
            address = f"127.{network + index}.0.1"
            tunnels = own_tunnels(address, origin.port) if index > 1 else {}
            for tunnel in tunnels.values():
                tunnel |= ONE_HOP
            made = {
                **FAST,
                "floodfill": index < 2,
                "transit": {"enabled": index < 2},
                "exploratory": ONE_HOP,
                **options,
                **(victim or {} if index == 2 else {}),
            }
            port = 20000 + network + index
            routers.append(Appliance(root / f"r{index}", address, port, tunnels, **made))
        try:
            infos = [router.write_router_info_once() for router in routers]
            for router in routers:
                router.import_router_infos(infos)
                router.start()
                assert router.process is not None
                if cores[1:]:
                    os.sched_setaffinity(router.process.pid, {0})
            for router in routers[2:]:
                router.wait_ready("web", "socks", "site")
            scene = FloodedDownload(routers, cores[1] if cores[1:] else None)
            proxy = f"http://{scene.victim.address}:4444"
            assert curl.fetch_with_retry(scene.page, proxy=proxy).status == 200
            yield scene
        finally:
            for router in routers:
                router.stop(kill=True)
