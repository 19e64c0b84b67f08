"""Programs that want ``StreamReader`` and ``StreamWriter``: a web page over asyncio's own streams.

python docs/examples/asyncio_streams.py stats.i2p
"""

from __future__ import annotations

import argparse
import asyncio

from starting import add_router, open_router

from i2ptunnel import api


async def main(router: api.Router, host: str, hops: int = 3) -> bytes:
    """The first line of the answer."""
    async with router.open_session(hops=hops) as session:
        reader, writer = await api.open_connection(session, host, 80)
        writer.write(f"HEAD / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        await writer.drain()
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return line


async def run(found: argparse.Namespace) -> None:
    """With the router that the arguments name."""
    async with open_router(found) as router:
        print(await main(router, found.host))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    add_router(parser)
    asyncio.run(run(parser.parse_args()))
