"""Eepsites with aiohttp: a connector that connects through I2P and nowhere else.

python docs/examples/aiohttp_client.py http://stats.i2p/
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from starting import add_router, open_router

from i2ptunnel import api

#: what all of I2P's HTTP proxies say, so that users look alike
HEADERS = {"User-Agent": "MYOB/6.66 (AN/ON)", "Accept-Language": "en", "Accept": "*/*"}


class I2pConnector(aiohttp.BaseConnector):
    """For ``aiohttp.ClientSession(connector=…)``."""

    def __init__(self, session: api.Session, **options: Any) -> None:
        super().__init__(**options)
        self._session = session

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        if req.url.scheme != "http":
            raise aiohttp.InvalidURL(req.url, "eepsites are http://")
        try:
            stream = await self._session.connect(
                req.url.raw_host, req.url.port or 80, timeout=timeout.total
            )
        except api.Error as error:
            reason = OSError(str(error))
            raise aiohttp.ClientConnectorError(req.connection_key, reason) from error
        protocol: ResponseHandler = self._factory()
        api.StreamTransport(stream, protocol)
        return protocol


async def main(router: api.Router, url: str, hops: int = 3) -> tuple[int, bytes]:
    """Status and body of a page."""
    async with (
        router.open_session(hops=hops) as session,
        aiohttp.ClientSession(connector=I2pConnector(session), headers=HEADERS) as web,
        web.get(url, timeout=aiohttp.ClientTimeout(60)) as response,
    ):
        return response.status, await response.read()


async def run(found: argparse.Namespace) -> None:
    """With the router that the arguments name."""
    async with open_router(found) as router:
        print(*await main(router, found.url))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    add_router(parser)
    asyncio.run(run(parser.parse_args()))
