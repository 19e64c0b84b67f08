"""A private network of our own routers in one process, with real sockets and tunnels on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from core.api import Router, RouterConfig, TunnelShape
from i2ptunnel.config.router_model import ShapeSection
from i2ptunnel.config.tunnel_parts import TunnelSection
from i2ptunnel.manager import Manager
from i2ptunnel.naming.resolver import FileResolver
from i2ptunnel.sessions import SessionPool
from i2ptunnel.tunnels.table import TUNNEL_CLASSES
from tests.support.waiting import until

NETWORK_ID = 77
READY_TIMEOUT_S = 90.0
#: what the tunnels of tests on this network should have
TWO_HOPS: dict[str, Any] = {
    "inbound": ShapeSection(length=2, quantity=2),
    "outbound": ShapeSection(length=2, quantity=2),
}


class OwnNetwork:
    """``routers`` that know each other; the last ``ends`` of them carry nothing for others."""

    def __init__(self, routers: list[Router], stack: AsyncExitStack) -> None:
        self.routers = routers
        self._stack = stack

    async def run(self, router: Router, tunnels: dict[str, TunnelSection]) -> Manager:
        """Run tunnels on one of the routers until the network ends."""
        data_dir = router.config.data_dir
        sessions = SessionPool(router.open_session, data_dir)
        resolver = FileResolver(data_dir / "hosts.txt")
        manager = Manager(TUNNEL_CLASSES, sessions, resolver, data_dir)
        await self._stack.enter_async_context(manager)
        await manager.apply(tunnels)
        return manager

    async def until_ready(self, *managers: Manager) -> None:
        """TimeoutError with what the tunnels and the routers say."""
        await until(
            "ready",
            lambda: all(manager.is_ready for manager in managers),
            READY_TIMEOUT_S,
            every_s=0.05,
            tell=lambda: (
                [manager.status() for manager in managers],
                [router.status() for router in self.routers],
            ),
        )


def b32_of(manager: Manager, name: str) -> str:
    """The I2P address of a running tunnel, empty while it has none."""
    (status,) = [tunnel for tunnel in manager.status() if tunnel["name"] == name]
    return str(status.get("b32") or "")


@asynccontextmanager
async def own_network(
    root: Path,
    count: int = 7,
    *,
    ends: int = 3,
    network_id: int = NETWORK_ID,
    special: Mapping[int, Mapping[str, Any]] = MappingProxyType({}),
) -> AsyncIterator[OwnNetwork]:
    """Start ``count`` routers below ``root``; the first three are floodfills.

    ``special``: for routers by their number, from 1 on, what differs in their configuration.
    """
    shape = TunnelShape(2, 2)
    async with AsyncExitStack() as stack:
        routers = []
        for number in range(1, count + 1):
            address = f"127.78.{number}.1"
            config = RouterConfig(
                data_dir=root / f"r{number}",
                network_id=network_id,
                host=address,
                port=20078,
                bind=address,
                allow_private_addresses=True,
                inbound_bytes_s=1_000_000_000,
                outbound_bytes_s=1_000_000_000,
                floodfill=number <= 3,
                transit=number <= count - ends,
                exploratory_inbound=shape,
                exploratory_outbound=shape,
            )
            router = Router(replace(config, **special.get(number, {})))
            await router.start()
            stack.push_async_callback(router.stop)
            routers.append(router)
        infos = [router.router_info for router in routers]
        for router in routers:
            router.import_routers(info for info in infos if info.hash != router.hash)
        async with AsyncExitStack() as tunnels:
            yield OwnNetwork(routers, tunnels)
