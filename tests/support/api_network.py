"""A private network that programs reach in every way: embedded, by SAM and by I2CP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.api import Router, SystemEntropy
from i2ptunnel import api
from i2ptunnel.config.interfaces_model import I2cpSection, SamSection
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.own_doors import OwnDoors
from i2ptunnel.i2cp_service import I2cpContext, I2cpService
from i2ptunnel.naming_service import NamingService
from i2ptunnel.relay.budget import ConnectionBudget
from i2ptunnel.sam.bridge import SamBridge
from i2ptunnel.sam.context import SamContext
from i2ptunnel.sessions import SessionPool
from tests.support.own_network import NETWORK_ID, OwnNetwork, own_network


@dataclass
class ApiNetwork:
    """``sam`` and ``i2cp``: ports of 127.0.0.1; ``known``: RouterInfo files of all routers."""

    own: OwnNetwork
    sam: int
    i2cp: int
    known: Path
    naming: NamingService

    def embedded(self, root: Path, number: int = 21) -> Any:
        """A router of its own in this process."""
        return api.open_router(embedded_config(number, self.known), data_dir=root)

    def router(self, kind: str, root: Path) -> Any:
        """A way into the network."""
        if kind == "embedded":
            return self.embedded(root)
        return api.attach_sam(port=self.sam) if kind == "sam" else api.attach_i2cp(port=self.i2cp)


def embedded_config(number: int, known: Path, network_id: int = NETWORK_ID) -> dict[str, Any]:
    address = f"127.78.{number}.1"
    shape = {"length": 1, "quantity": 2}
    return {
        "router": {
            "network_id": network_id,
            "host": address,
            "port": 20078,
            "bind": address,
            "allow_private_addresses": True,
            "time": {"ntp": False},
            "reseed": {"files": [known]},
            "exploratory": {"inbound": shape, "outbound": shape},
        }
    }


@asynccontextmanager
async def api_network(root: Path, count: int = 4) -> AsyncIterator[ApiNetwork]:
    async with own_network(root / "net", count, ends=0) as network, AsyncExitStack() as stack:
        known = root / "known"
        known.mkdir()
        for number, router in enumerate(network.routers):
            (known / f"routerInfo-{number}.dat").write_bytes(router.router_info.raw)
        router = network.routers[-1]
        naming = _naming(router, root / "names")
        stack.callback(naming.close)
        free, budget = Endpoint("127.0.0.1", 0), ConnectionBudget(1000)
        sam = SamBridge(
            SamSection(listen=free, udp=free),
            SamContext(root, SystemEntropy(), router, naming, OwnDoors, budget),
        )
        await sam.start()
        stack.push_async_callback(sam.stop)
        i2cp = I2cpService(I2cpSection(listen=free), I2cpContext(root, router, naming, budget))
        await i2cp.start()
        stack.push_async_callback(i2cp.stop)
        yield ApiNetwork(network, sam.port, i2cp.port, known, naming)


def _naming(router: Router, data_dir: Path) -> NamingService:
    pool = SessionPool(router.open_session, data_dir)
    loaded = load_text(f"router: {{data_dir: {data_dir}, network_id: {NETWORK_ID}}}")
    return NamingService(loaded.configuration, data_dir, pool.open, pool.release)
