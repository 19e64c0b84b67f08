"""The same traffic over a network of our routers only: six processes, three of them floodfills."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.conftest import own_tunnels, site_name
from tests.support import curl
from tests.support.appliance import FAST, Appliance, run_command
from tests.support.origin import Origin, body_of, digest_of

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

LARGE = 20_000_000


@dataclass
class OwnNetwork:
    routers: list[Appliance]
    site: str

    @property
    def proxy(self) -> str:
        return f"http://{self.routers[-1].address}:4444"


@pytest.fixture(scope="module")
def own_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnNetwork]:
    root: Path = tmp_path_factory.mktemp("own")
    with Origin() as origin:
        routers = [
            Appliance(
                root / f"r{index}",
                f"127.{101 + index}.0.1",
                20101 + index,
                own_tunnels(f"127.{101 + index}.0.1", origin.port) if index > 3 else {},
                floodfill=index < 3,
                transit={"enabled": index < 4},
                **FAST,
            )
            for index in range(6)
        ]
        try:
            infos = [router.write_router_info_once() for router in routers]
            for router in routers:
                router.import_router_infos(infos)
                router.start()
            routers[4].wait_ready("web", "socks", "site")
            routers[5].wait_ready("web", "socks", "site")
            yield OwnNetwork(routers, site_name(routers[4]))
        finally:
            for router in routers:
                router.stop(kill=True)


def test_20_mb_down_and_up(own_network: OwnNetwork, tmp_path: Path) -> None:
    site, proxy = own_network.site, own_network.proxy
    assert curl.fetch_with_retry(f"http://{site}/", proxy=proxy).status == 200
    got = curl.fetch(f"http://{site}/bytes/{LARGE}", proxy=proxy)
    assert (got.exit_code, got.status) == (0, 200), got.error
    assert got.digest == digest_of(LARGE)
    upload = tmp_path / "upload"
    upload.write_bytes(body_of(LARGE))
    sent = curl.fetch(f"http://{site}/", proxy=proxy, upload=upload)
    assert (sent.exit_code, sent.status) == (0, 200), sent.error
    assert sent.body.decode() == hashlib.sha256(body_of(LARGE)).hexdigest()


def test_50_concurrent_fetches(own_network: OwnNetwork) -> None:
    site, proxy = own_network.site, own_network.proxy
    assert curl.fetch_with_retry(f"http://{site}/", proxy=proxy).status == 200
    sizes = [1_000 + index * 499_000 // 49 for index in range(50)]
    running = [curl.start(f"http://{site}/bytes/{size}", proxy=proxy) for size in sizes]
    got = [curl.finish(process) for process in running]
    assert [(one.exit_code, one.status) for one in got] == [(0, 200)] * 50
    assert [one.digest for one in got] == [digest_of(size) for size in sizes]


def test_ping(own_network: OwnNetwork) -> None:
    asking = ("-c", str(own_network.routers[5].config_file), "-t", "60s")
    answered = run_command("ping", own_network.site, "-n", "2", *asking)
    lines = answered.stdout.splitlines()
    assert answered.returncode == 0 and len(lines) == 2, answered
    assert all("answered after " in line for line in lines), answered
    nobody = run_command("ping", f"{'a' * 52}.b32.i2p", *asking)
    assert nobody.returncode == 1 and "no lease set" in nobody.stderr, nobody


def test_a_restarted_network_still_works(own_network: OwnNetwork) -> None:
    """All floodfills go and come back with what they had on disk."""
    for router in own_network.routers[:3]:
        router.stop(kill=True)
        router.start()
    got = curl.fetch_with_retry(
        f"http://{own_network.site}/bytes/100000", proxy=own_network.proxy, within_s=60
    )
    assert got.status == 200, got
    assert got.digest == digest_of(100_000)


def test_logs_show_no_traceback(own_network: OwnNetwork) -> None:
    for router in own_network.routers:
        assert "Traceback" not in router.log, router.log[-2000:]
