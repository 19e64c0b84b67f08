"""Routers with public addresses, and routers at home behind NAT boxes, all real processes.

Those outside know each other from the start, and those at home know some of them. Nobody knows
those at home. All addresses are ones that every router takes for public.

A peer test proves nothing if Charlie is no stranger to Alice, and i2pd then takes no part in it. So
there have to be more routers outside than one at home has links with.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.appliance import Appliance
from tests.support.fetch_i2pd import I2pdProgram
from tests.support.firewall_box import FirewallBox
from tests.support.i2pd_net import I2pdRouter, install_router_info, wait_until
from tests.support.nat_box import INSIDE_PORT, MACHINE, NatBox, PublicNetwork
from tests.support.world.nat import NatKind

OUTSIDE_PORT = 20100
#: of an i2pd at home: it finds out its address, as it does by default
_AT_HOME = {"host": "", "nat": "true", "reservedrange": "true"}
_PUBLIC = {"reservedrange": "true"}
#: with such tunnels routers call each other directly
NO_HOPS: dict[str, Any] = {
    "inbound": {"length": 0, "quantity": 1},
    "outbound": {"length": 0, "quantity": 1},
}


def tunnels(origin_port: int, shape: dict[str, Any], proxy_port: int = 4444) -> dict[str, Any]:
    """An HTTP proxy and an eepsite."""
    return {
        "web": {"type": "httpclient", "listen": f"127.0.0.1:{proxy_port}", **shape},
        "site": {
            "type": "httpserver",
            "target": f"127.0.0.1:{origin_port}",
            "keys": "site.dat",
            **shape,
        },
    }


def traversal_steps(router: Appliance) -> Counter[tuple[str, str]]:
    """How often its trace has each step of peer tests and introductions, by name and direction."""
    assert router.trace is not None
    whole = router.trace.read_text().rpartition("\n")[0].splitlines()
    lines = [json.loads(line) for line in whole[1:]]
    return Counter(
        (line["name"].removeprefix("ssu2:"), line["data"]["direction"])
        for line in lines
        if line["name"].startswith("ssu2:")
    )


@dataclass
class I2pdHome:
    """An i2pd behind a box."""

    router: I2pdRouter
    box: NatBox


@dataclass
class OurHome:
    """One of ours behind a box."""

    router: Appliance
    box: NatBox | FirewallBox


@dataclass
class NatNet:
    """See the module. Whatever is started or asked has to be within its namespace."""

    root: Path
    public: PublicNetwork
    i2pd: list[I2pdRouter] = field(default_factory=list)
    ours: list[Appliance] = field(default_factory=list)
    homes: list[I2pdHome | OurHome] = field(default_factory=list)
    known: Sequence[I2pdRouter | Appliance] = ()
    """Whom those at home know; empty: everybody outside."""
    _count: int = 0

    def traversal_steps_outside(self) -> Counter[tuple[str, str]]:
        """What ours outside did, all together."""
        return sum(map(traversal_steps, self.ours), Counter())

    def _next_address(self) -> str:
        self._count += 1
        return self.public.add_address(f"11.{self._count}.0.1")

    def add_i2pd(self, program: I2pdProgram, **options: Any) -> I2pdRouter:
        """A public i2pd; the first three are floodfills unless ``options`` say otherwise."""
        router = I2pdRouter(
            program,
            self.root / f"i2pd{len(self.i2pd)}",
            self._next_address(),
            OUTSIDE_PORT,
            options=dict(_PUBLIC),
            **{"floodfill": len(self.i2pd) < 3, **options},
        )
        self.i2pd.append(router)
        return router

    def add_ours(self, **router: Any) -> Appliance:
        """A public one of ours."""
        address = self._next_address()
        made = Appliance(
            self.root / f"ours{len(self.ours)}",
            address,
            OUTSIDE_PORT,
            **{"allow_private_addresses": False, "ssu2": {"enabled": True}, **router},
        )
        self.ours.append(made)
        return made

    def _box(self, kind: NatKind, **options: Any) -> NatBox:
        return NatBox(self.public, kind, f"11.{101 + len(self.homes)}.0.1", **options)

    def add_i2pd_home(self, program: I2pdProgram, kind: NatKind, **options: Any) -> I2pdHome:
        """An i2pd with no more configuration than a user has. Its box keeps its port.

        i2pd 2.59 takes every box that does not for a symmetric one.
        """
        root = self.root / f"home{len(self.homes)}"
        router = I2pdRouter(program, root, MACHINE, INSIDE_PORT, options=dict(_AT_HOME), **options)
        home = I2pdHome(router, self._box(kind, outside_port=INSIDE_PORT))
        self.homes.append(home)
        return home

    def add_our_home(
        self, behind: NatKind | FirewallBox, *, is_plugged_in: bool = True, **router: Any
    ) -> OurHome:
        """One of ours with no more configuration than a user has."""
        made = Appliance(
            self.root / f"home{len(self.homes)}",
            MACHINE,
            INSIDE_PORT,
            **{
                "allow_private_addresses": False,
                "ssu2": {"enabled": True},
                "port_mapping": "off",
                **router,
            },
        )
        for name in {"host", "bind"} - router.keys():
            del made.config["router"][name]
        box = (
            self._box(behind, is_plugged_in=is_plugged_in)
            if isinstance(behind, NatKind)
            else behind
        )
        home = OurHome(made, box)
        self.homes.append(home)
        return home

    def start(self) -> None:
        """Everything outside, and then what is at home, which knows :attr:`known`."""
        outside: list[I2pdRouter | Appliance] = [*self.i2pd, *self.ours]
        with self.public.namespace.entered():
            for router in outside:
                router.start()
            for router in outside:
                wait_until(f"identity of {router.address}", _has_identity(router), 30)
            for router in outside:
                router.stop(kill=isinstance(router, I2pdRouter))
            infos = [router.router_info for router in outside]
            known = [router.router_info for router in self.known or outside]
            for router in outside:
                _introduce(router, infos)
                router.start()
            for one in self.i2pd:
                wait_until(f"console of {one.address}", one.is_listening, 20)
        for home in self.homes:
            _introduce(home.router, known)
            with home.box.machine.entered():
                home.router.start()
        for home in self.homes:
            wait_until(f"identity of {home.box.address}", _has_identity(home.router), 30)

    def stop(self) -> None:
        for router in (*self.i2pd, *self.ours, *(home.router for home in self.homes)):
            router.stop(kill=True)
        for home in self.homes:
            home.box.close()


def _has_identity(router: I2pdRouter | Appliance) -> Callable[[], bool]:
    return (router.data_dir / "router.info").exists


def _introduce(router: I2pdRouter | Appliance, infos: Sequence[bytes]) -> None:
    """Let a router that does not run know others."""
    if isinstance(router, I2pdRouter):
        own = router.router_info if _has_identity(router)() else b""
        for raw in infos:
            if raw != own:
                install_router_info(router.data_dir / "netDb", raw)
        return
    folder = router.root / "known"
    folder.mkdir(parents=True, exist_ok=True)
    for index, raw in enumerate(infos):
        (folder / f"routerInfo-{index}.dat").write_bytes(raw)
    router.config["router"]["reseed"] = {"enabled": False, "files": [str(folder)]}


@contextmanager
def nat_net(root: Path) -> Iterator[NatNet]:
    """An empty network that ends with the test."""
    with ExitStack() as stack:
        public = PublicNetwork()
        stack.callback(public.close)
        net = NatNet(root, public)
        stack.callback(net.stop)
        yield net
