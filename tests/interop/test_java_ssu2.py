"""Java I2P over SSU2 alone and over both transports: our router starts anew, and nobody bans it.

Three Java routers and two of ours; pages are in test_matrix.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.data.encoding import b64encode
from core.data.router_info import RouterInfo
from tests.support.i2pd_net import wait_until
from tests.support.matrix import JAVA, Cell, Routers, fetch, network_of

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(600)]


#: a dial of Java's that gets no answer for so long is a ban; it repeats it within that time
JAVA_PATIENCE_S = 14.0


@pytest.fixture(params=["ssu2", "both"])
def java_network(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Routers]:
    with network_of(Cell(request.param, "ipv4", JAVA), tmp_path) as routers:
        yield routers


def wait_linked(routers: Routers) -> None:
    """Until our router has a link with at least one Java router, besides our other one."""

    def is_linked() -> bool:
        links = routers.links()
        return links["inbound"] + links["outbound"] >= 2

    wait_until("a link with Java", is_linked, 60, 0.5)


def test_restart_is_no_reason_for_a_ban(java_network: Routers) -> None:
    """A Java client keeps our old lease set until its leases end, so it is not asked here."""
    ours = java_network.ours
    own_hash = b64encode(RouterInfo.parse(ours.router_info).hash)
    longest_s = 0.0
    for _ in range(2):
        wait_linked(java_network)
        began = time.monotonic()
        ours.stop()
        ours.start()
        ours.wait_up()
        longest_s = max(longest_s, time.monotonic() - began)
        ours.wait_ready("web", "site", timeout_s=30)
    fetch(*java_network.clients[0], within_s=150)
    for java in java_network.javas:
        bans = [line for line in java.router_log.splitlines() if f"Banlist {own_hash}" in line]
        assert not bans or longest_s > JAVA_PATIENCE_S, (longest_s, bans)
