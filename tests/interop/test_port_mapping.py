"""miniupnpd, which is in most home routers: our port is mapped by each protocol, and kept so."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest

from tests.support.home_network import (
    EXTERNAL,
    LATER_6,
    MACHINE,
    MACHINE_6,
    HomeNetwork,
    is_possible,
)
from tests.support.i2pd_net import wait_until

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not is_possible(), reason="network namespaces need root"),
]

PORT = 23456


class Mapped:
    """A router on the machine, and what it says of its mapping."""

    def __init__(
        self, home: HomeNetwork, directory: Path, *methods: str, bind: str = MACHINE
    ) -> None:
        module = [sys.executable, "-m", "tests.support.mapped_router"]
        self.process = subprocess.Popen(
            home.machine.command(*module, str(directory), bind, str(PORT), *methods),
            stdout=subprocess.PIPE,
        )
        self.said: list[dict[str, Any]] = [{"mapped": [], "reason": None}]
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    def is_mapped(self, by: str, *addresses: str) -> bool:
        mapped = self.said[-1]["mapped"]
        found = {(one["protocol"], one["address"], one["port"], one["by"]) for one in mapped}
        return found == {
            (protocol, address, PORT, by)
            for protocol in ("tcp", "udp")
            for address in addresses or (EXTERNAL,)
        }

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0
        self._reader.join(10)
        assert not self._reader.is_alive()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[HomeNetwork]:
    network = HomeNetwork(tmp_path)
    yield network
    network.close()


@pytest.mark.parametrize(
    ("by", "methods"),
    [
        ("pcp", ("pcp", "nat-pmp", "upnp")),
        ("nat-pmp", ("nat-pmp",)),
        ("upnp", ("upnp",)),
    ],
)
def test_the_port_is_mapped_kept_and_given_back(
    home: HomeNetwork, tmp_path: Path, by: str, methods: tuple[str, ...]
) -> None:
    home.start_gateway()
    router = Mapped(home, tmp_path / "ours", *methods)
    try:
        wait_until(f"mapped by {by}", lambda: router.is_mapped(by), 60)
        assert home.can_connect(PORT)
        assert not home.can_connect(PORT + 1)
        assert home.forwarded.count(str(PORT)) >= 2
        home.stop_gateway()
        assert not home.can_connect(PORT)
        home.start_gateway()
        wait_until("mapped again", lambda: home.can_connect(PORT), 60)
        wait_until("told again", lambda: router.is_mapped(by), 20)
    finally:
        router.stop()
    wait_until("unmapped", lambda: str(PORT) not in home.forwarded, 20)


def test_without_a_gateway_that_maps_it_is_told_why(home: HomeNetwork, tmp_path: Path) -> None:
    router = Mapped(home, tmp_path / "ours", "pcp", "nat-pmp", "upnp")
    try:
        words = "PCP: no answer; NAT-PMP: no answer; UPnP: the gateway does not answer"
        wait_until("told", lambda: router.said[-1]["reason"] == words, 90)
        home.start_gateway()
        # Tried again after a minute.
        wait_until("mapped", lambda: router.is_mapped("pcp"), 80)
    finally:
        router.stop()


def test_upnp_is_asked_where_the_other_protocols_are_off(home: HomeNetwork, tmp_path: Path) -> None:
    home.start_gateway(pmp=False)
    router = Mapped(home, tmp_path / "ours", "pcp", "nat-pmp", "upnp")
    try:
        wait_until("mapped by upnp", lambda: router.is_mapped("upnp"), 60)
    finally:
        router.stop()


def test_pcp_opens_the_firewall_for_our_ipv6_address(home: HomeNetwork, tmp_path: Path) -> None:
    home.add_ipv6()
    router = Mapped(home, tmp_path / "ours", "pcp", bind="")
    try:
        wait_until("started", lambda: len(router.said) > 1, 30)
        wait_until("listens", lambda: home.machine_listens(PORT), 10)
        assert not home.can_connect(PORT, MACHINE_6)
        home.start_gateway()
        wait_until("mapped", lambda: router.is_mapped("pcp", EXTERNAL, MACHINE_6), 30)
        assert router.said[-1]["reason"] is None
        assert home.can_connect(PORT, MACHINE_6)
        assert not home.can_connect(PORT + 1, MACHINE_6)
        assert home.can_send(PORT, MACHINE_6)
        assert not home.can_send(PORT + 1, MACHINE_6)
        assert home.let_through.count(nft_hex(MACHINE_6)) == 2

        home.stop_gateway()
        assert not home.can_connect(PORT, MACHINE_6)
        home.start_gateway()
        wait_until("mapped again", lambda: home.can_connect(PORT, MACHINE_6), 60)

        home.move_ipv6()
        wait_until("another", lambda: router.is_mapped("pcp", EXTERNAL, LATER_6), 60)
        assert home.can_connect(PORT, LATER_6)
        assert not home.can_connect(PORT, MACHINE_6)
    finally:
        router.stop()
    wait_until("unmapped", lambda: str(PORT) not in home.let_through, 20)


def nft_hex(address: str) -> str:
    """How nft shows an address in miniupnpd's rules."""
    return f"0x{IPv6Address(address).packed.hex()}"
