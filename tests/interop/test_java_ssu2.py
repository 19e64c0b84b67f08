"""Java I2P over SSU2: whole routers that have nothing else, and routers with both transports.

Three Java routers and two of ours on loopback; tunnels of one hop.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.data.encoding import b64encode
from core.data.router_info import RouterInfo
from tests.interop.conftest import site_name
from tests.support import curl
from tests.support.appliance import FAST, Appliance
from tests.support.i2pd_net import wait_until
from tests.support.java_net import ADDRESS, JavaRouter
from tests.support.namespace import add_outside_address
from tests.support.origin import Origin, digest_of

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(600)]

ONE_HOP: dict[str, Any] = {
    "inbound": {"length": 1, "quantity": 2},
    "outbound": {"length": 1, "quantity": 2},
}
OURS = "127.43.0.1"
JAVA_PROXY_PORT = 4472
SIZE = 5_000_000
#: Java accepts no tunnels in its first half minute, and then slowly
READY_TIMEOUT_S = 180


@dataclass
class JavaNetwork:
    styles: set[str]
    javas: list[JavaRouter]
    appliances: list[Appliance]
    java_site: str
    our_site: str

    @property
    def ours(self) -> Appliance:
        return self.appliances[0]

    def wait_linked(self) -> None:
        """Until our router has a link with each of the others."""

        def is_linked() -> bool:
            status = self.ours.status()
            links = {} if status is None else status["router"]["links"]
            return bool(links) and links["inbound"] + links["outbound"] == 4

        wait_until("links with all", is_linked, 60, 0.5)

    @property
    def our_client(self) -> tuple[str, str]:
        """Our proxy, and the site of Java's that it fetches from."""
        return f"http://{OURS}:4444", self.java_site

    @property
    def java_client(self) -> tuple[str, str]:
        """Java's proxy, and our site."""
        return f"http://{ADDRESS}:{JAVA_PROXY_PORT}", self.our_site


def fetch(proxy: str, site: str, within_s: float = 120) -> None:
    """A page and a file."""
    first = curl.fetch_with_retry(f"http://{site}/", proxy=proxy, within_s=within_s)
    assert first.status == 200, first
    got = curl.fetch(f"http://{site}/bytes/{SIZE}", proxy=proxy, timeout_s=120)
    assert (got.exit_code, got.status) == (0, 200), got.error
    assert got.digest == digest_of(SIZE)


@pytest.fixture(scope="module", params=["SSU2", "NTCP2 SSU2"])
def java_network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JavaNetwork]:
    add_outside_address()
    styles = set(request.param.split())
    has_ntcp2 = "NTCP2" in styles
    root: Path = tmp_path_factory.mktemp("java")
    with ExitStack() as stack:
        origin = stack.enter_context(Origin())
        javas = [
            # Over SSU2, Java dials no floodfill that it never heard from, and bans it instead:
            # without NTCP2, the only one is ours, which dials them.
            JavaRouter(root / f"java{n}", 20160 + n, has_ntcp2 and n < 2, has_ntcp2, ssu2=True)
            for n in range(3)
        ]
        tunnels: dict[str, Any] = {
            "web": {"type": "httpclient", "listen": f"{OURS}:4444", "allow": ["127.0.0.0/8"]},
            "site": {
                "type": "httpserver",
                "target": f"127.0.0.1:{origin.port}",
                "keys": "site.dat",
            },
        }
        for tunnel in tunnels.values():
            tunnel.update(ONE_HOP)
        transports = {"ntcp2": {"enabled": has_ntcp2}, "ssu2": {"enabled": True}, **FAST}
        appliances = [
            Appliance(root / "ours", OURS, 20171, tunnels, **transports),
            Appliance(root / "relay", "127.44.0.1", 20172, floodfill=True, **transports),
        ]
        infos = [one.write_router_info_once() for one in appliances]
        infos += [java.write_router_info_once() for java in javas]
        for raw in infos:
            assert {one.style for one in RouterInfo.parse(raw).addresses} == styles
        javas[0].destinations = [f"server:site:{origin.port}", f"proxy:web:{JAVA_PROXY_PORT}"]
        for appliance in appliances:
            appliance.import_router_infos(infos)
        try:
            # Java bans for minutes whom it cannot reach when it starts.
            for appliance in appliances:
                appliance.start()
            for java in javas:
                java.start()
            for java, own in zip(javas, infos[2:], strict=True):
                known = infos if has_ntcp2 else [infos[0], *infos[2:]]
                java.learn([raw for raw in known if raw != own])
            appliances[0].wait_ready("web", "site", timeout_s=READY_TIMEOUT_S)
            java_site, _ = (javas[0].b32_of(name) for name in ("site", "web"))
            yield JavaNetwork(styles, javas, appliances, java_site, site_name(appliances[0]))
        finally:
            for java in javas:
                java.stop()
            for appliance in appliances:
                appliance.stop(kill=True)


def test_pages_both_ways(java_network: JavaNetwork) -> None:
    fetch(*java_network.our_client)
    fetch(*java_network.java_client)
    java_network.wait_linked()
    status = java_network.ours.status()
    assert status is not None
    links = status["router"]["links"]
    assert links["ntcp2"] + links["ssu2"] == links["inbound"] + links["outbound"] == 4
    assert links["ntcp2"] == 0 or "NTCP2" in java_network.styles


def test_restart_is_no_reason_for_a_ban(java_network: JavaNetwork) -> None:
    """A Java client keeps our old lease set until its leases end, so it is not asked here."""
    own_hash = b64encode(RouterInfo.parse(java_network.ours.router_info).hash)
    for _ in range(2):
        # A dial of Java's that gets no answer for 15 s is a ban: it repeats it within that time.
        java_network.wait_linked()
        java_network.ours.stop()
        java_network.ours.start()
        java_network.ours.wait_ready("web", "site", timeout_s=30)
    fetch(*java_network.our_client, within_s=150)
    for java in java_network.javas:
        bans = [line for line in java.router_log.splitlines() if f"Banlist {own_hash}" in line]
        assert not bans, bans
