"""A site on three machines under one address, by a meta lease set: any two of them are killed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from i2ptunnel.keyfiles import read_keys
from tests.interop.conftest import TWO_HOPS
from tests.support import curl
from tests.support.appliance import Appliance, run_command
from tests.support.i2pd_net import wait_until

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(400)]

CARRIERS = 4
MACHINES = (4, 5, 6)
VISITOR = 7
#: 8 s for each machine that does not answer, and a second round; the rest is for a loaded machine
FOUND_WITHIN_S = 60


@dataclass
class Site:
    routers: list[Appliance]
    name: str

    def visit(self) -> int:
        """Fetch a page; which machine served it."""
        proxy = f"http://{self.routers[VISITOR].address}:4444"
        got = curl.fetch_with_retry(f"http://{self.name}/", proxy=proxy, within_s=FOUND_WITHIN_S)
        assert (got.exit_code, got.status) == (0, 200), got
        return int(got.body)

    def meta(self, machine: int) -> dict[str, Any]:
        """What a machine tells of the common address."""
        status = self.routers[machine].status()
        (tunnel,) = [] if status is None else status["tunnels"]
        return dict(tunnel["meta"])


def b32_of(path: Path) -> str:
    keys = read_keys(path)
    assert keys is not None
    return keys.destination.b32


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    common = tmp_path / "common.dat"
    assert run_command("keys", "generate", str(common)).returncode == 0
    own = {machine: tmp_path / f"machine-{machine}.dat" for machine in MACHINES}
    for path in own.values():
        assert run_command("keys", "generate", str(path)).returncode == 0
    machines = {b32_of(path): 0 for path in own.values()}
    tunnels: dict[int, dict[str, Any]] = {}
    for machine in MACHINES:
        pages = tmp_path / f"pages-{machine}"
        pages.mkdir()
        (pages / "index.html").write_text(str(machine))
        served = {"type": "httpserver", "docroot": str(pages), "keys": "machine.dat", **TWO_HOPS}
        tunnels[machine] = {"site": {**served, "meta": {"keys": "site.dat", "machines": machines}}}
    listen = {"listen": f"127.{161 + VISITOR}.0.1:4444", "allow": ["127.0.0.0/8"]}
    tunnels[VISITOR] = {"web": {"type": "httpclient", **listen, **TWO_HOPS}}
    routers = [
        Appliance(
            tmp_path / f"r{index}",
            f"127.{161 + index}.0.1",
            20161 + index,
            tunnels.get(index, {}),
            floodfill=index < 3,
            transit={"enabled": index < CARRIERS},
        )
        for index in range(VISITOR + 1)
    ]
    try:
        for machine in MACHINES:
            directory = routers[machine].data_dir
            directory.mkdir(mode=0o700, parents=True)
            shutil.copy(own[machine], directory / "machine.dat")
            # The key of the common address stays where it was made.
            transient = run_command("keys", "transient", str(common), str(directory / "site.dat"))
            assert transient.returncode == 0, transient.stderr
        infos = [router.write_router_info_once() for router in routers]
        for router in routers:
            router.import_router_infos(infos)
            router.start()
        for machine in MACHINES:
            routers[machine].wait_ready("site")
        routers[VISITOR].wait_ready("web")
        yield Site(routers, b32_of(common))
    finally:
        for router in routers:
            router.stop(kill=True)


def test_a_site_on_three_machines_survives_the_kill_of_any_two(site: Site) -> None:
    up = set(MACHINES)
    wait_until(
        "three machines", lambda: any(site.meta(one)["machines_up"] == 3 for one in MACHINES), 180
    )
    assert {site.meta(one)["b32"] for one in MACHINES} == {site.name}
    for _ in range(2):
        served = site.visit()
        assert served in up
        # A visitor stays with the machine that it has.
        assert site.visit() == served
        site.routers[served].stop(kill=True)
        up.discard(served)
    assert site.visit() in up
    for router in site.routers:
        assert "Traceback" not in router.log, router.log[-2000:]
