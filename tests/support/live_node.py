"""Some of our rooms on a real socket beside real routers, closed whatever happens."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from core.data.router_info import RouterInfo
from core.io.system import SystemWallClock
from core.io.tcp import TcpTransport
from core.transport.ntcp2.variants import Variant
from tests.support.i2pd_net import NETWORK_ID
from tests.support.link_nodes import Node


class Routers(Protocol):
    """A network of real routers."""

    def router_infos(self) -> list[bytes]:
        """What they publish now."""


def live_node(
    net: Routers, host: str, port: int, *, caps: str = "LR", hybrid: Variant | None = None
) -> Node:
    """A router identity of its own, published at ``host:port``, that knows the routers of ``net``.

    Never twice the same: other routers remember them.
    """
    name = f"live {time.time_ns()}"
    node = Node(name, host, SystemWallClock(), network_id=NETWORK_ID, caps=caps, hybrid=hybrid)
    node.port = port
    node.publish()
    for raw in net.router_infos():
        router_info = RouterInfo.parse(raw)
        node.known[router_info.hash] = router_info
    return node


@asynccontextmanager
async def listening(tcp: TcpTransport, host: str, port: int) -> AsyncIterator[None]:
    """Serve until the block ends; a failed test leaves no socket to the next one."""
    await tcp.start(host, port)
    try:
        yield
    finally:
        await tcp.stop()
