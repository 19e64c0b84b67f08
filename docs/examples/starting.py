"""What all examples begin with: a router in this process, from a few arguments."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from core.api import Router, RouterConfig, TunnelShape, read_router_files
from core.data.router_info import RouterInfo


@dataclass(frozen=True)
class Start:
    """How to start: the router, RouterInfo files of others, and the hops of our tunnels."""

    router: RouterConfig
    known: Path | None = None
    hops: int = 3

    @property
    def shape(self) -> TunnelShape:
        """Of the tunnels of our sessions, in both directions."""
        return TunnelShape(length=self.hops, quantity=2)


def arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line, with ``start`` in the result."""
    parser.add_argument("data_dir", type=Path, help="keys and state; made if it is missing")
    parser.add_argument("--known", type=Path, help="a directory of routerInfo-*.dat files")
    found = parser.parse_args()
    found.start = Start(RouterConfig(data_dir=found.data_dir), found.known)
    return found


@asynccontextmanager
async def running_router(start: Start) -> AsyncIterator[Router]:
    """A router while the block runs. FileFault: its data directory is in use or damaged."""
    router = Router(start.router)
    await router.start()
    try:
        if start.known is not None:
            files = read_router_files(start.known)
            infos = [RouterInfo.parse(data) for _, data in files]
            router.import_routers(info for info in infos if info.hash != router.hash)
        yield router
    finally:
        await router.stop()
