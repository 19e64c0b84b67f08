"""A server in I2P that sends back what it gets, on I2P port 7.

    python docs/examples/echo_server.py echo.dat

It prints its address, which stays the same: the keys are kept in the file.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path

from starting import add_router, open_router

from i2ptunnel import api

PORT = 7


async def echo(stream: api.Stream) -> None:
    """Send back everything until the visitor ends its direction, then end ours."""
    try:
        async with stream:
            while data := await stream.read():
                await stream.write(data)  # waits while the visitor does not read
    except api.StreamReset as error:
        print(f"a visitor is gone: {error}")


async def main(
    router: api.Router, keys: Path, ready: Callable[[str], None] = print, hops: int = 3
) -> None:
    """Run until cancelled; ``ready`` is told the address when the server can be reached."""
    async with (
        router.open_session(keys=keys, publish=True, hops=hops) as session,
        session.listen(PORT) as listener,
        asyncio.TaskGroup() as visitors,
    ):
        ready(str(listener.address))
        async for stream in listener:
            visitors.create_task(echo(stream))


async def run(found: argparse.Namespace) -> None:
    """With the router that the arguments name."""
    async with open_router(found) as router:
        await main(router, found.keys)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("keys", type=Path, help="key file, made if it is missing")
    add_router(parser)
    asyncio.run(run(parser.parse_args()))
