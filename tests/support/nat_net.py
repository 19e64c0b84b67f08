"""Routers with public addresses, and routers at home behind NAT boxes, all real processes.

Those outside know each other from the start, and those at home know them; nobody knows those at
home. All addresses are ones that every router takes for public.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.appliance import Appliance
from tests.support.fetch_i2pd import I2pdProgram
from tests.support.i2pd_net import I2pdRouter, install_router_info, wait_until
from tests.support.nat_box import INSIDE_PORT, MACHINE, NatBox, PublicNetwork
from tests.support.world.nat import NatKind

OUTSIDE_PORT = 20100
#: of an i2pd at home: it finds out its address, as it does by default
_AT_HOME = {"host": "", "nat": "true", "reservedrange": "true"}
_PUBLIC = {"reservedrange": "true"}


@dataclass
class I2pdHome:
    """An i2pd behind a box."""

    router: I2pdRouter
    box: NatBox


@dataclass
class OurHome:
    """One of ours behind a box."""

    router: Appliance
    box: NatBox


@dataclass
class NatNet:
    """See the module. Whatever is started or asked has to be within its namespace."""

    root: Path
    public: PublicNetwork
    i2pd: list[I2pdRouter] = field(default_factory=list)
    ours: list[Appliance] = field(default_factory=list)
    homes: list[I2pdHome | OurHome] = field(default_factory=list)
    _count: int = 0

    def _next_address(self) -> str:
        self._count += 1
        return self.public.add_address(f"11.{self._count}.0.1")

    def add_i2pd(self, program: I2pdProgram, **options: Any) -> I2pdRouter:
        """A public i2pd; the first three are floodfills."""
        router = I2pdRouter(
            program,
            self.root / f"i2pd{len(self.i2pd)}",
            self._next_address(),
            OUTSIDE_PORT,
            floodfill=len(self.i2pd) < 3,
            options=dict(_PUBLIC),
            **options,
        )
        self.i2pd.append(router)
        return router

    def add_ours(self, tunnels: dict[str, Any] | None = None, **router: Any) -> Appliance:
        """A public one of ours."""
        address = self._next_address()
        made = Appliance(
            self.root / f"ours{len(self.ours)}",
            address,
            OUTSIDE_PORT,
            tunnels,
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
        self, kind: NatKind, tunnels: dict[str, Any] | None = None, **router: Any
    ) -> OurHome:
        """One of ours with no more configuration than a user has."""
        made = Appliance(
            self.root / f"home{len(self.homes)}",
            MACHINE,
            INSIDE_PORT,
            tunnels,
            **{
                "allow_private_addresses": False,
                "ssu2": {"enabled": True},
                "port_mapping": "off",
                **router,
            },
        )
        for name in {"host", "bind"} - router.keys():
            del made.config["router"][name]
        home = OurHome(made, self._box(kind))
        self.homes.append(home)
        return home

    def start(self) -> None:
        """Everything outside, and then what is at home."""
        with self.public.namespace.entered():
            infos = [router.write_router_info_once() for router in self.i2pd]
            infos += [router.write_router_info_once() for router in self.ours]
            for router in self.i2pd:
                _introduce(router, infos)
            for ours in self.ours:
                ours.import_router_infos(infos)
            for one in (*self.i2pd, *self.ours):
                one.start()
            for router in self.i2pd:
                wait_until(f"console of {router.address}", router.is_listening, 20)
        for home in self.homes:
            if isinstance(home, I2pdHome):
                _introduce(home.router, infos)
            else:
                home.router.import_router_infos(infos)
            with home.box.machine.entered():
                home.router.start()

    def stop(self) -> None:
        for router in (*self.i2pd, *self.ours, *(home.router for home in self.homes)):
            router.stop(kill=True)
        for home in self.homes:
            home.box.close()


def _introduce(router: I2pdRouter, infos: Sequence[bytes]) -> None:
    for raw in infos:
        if not (router.data_dir / "router.info").exists() or raw != router.router_info:
            install_router_info(router.data_dir / "netDb", raw)


@contextmanager
def nat_net(root: Path) -> Iterator[NatNet]:
    """An empty network that ends with the test."""
    with ExitStack() as stack:
        public = PublicNetwork()
        stack.callback(public.close)
        net = NatNet(root, public)
        stack.callback(net.stop)
        yield net
