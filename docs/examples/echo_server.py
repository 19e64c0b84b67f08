"""A server in I2P that sends back what it gets, on I2P port 7.

    python docs/examples/echo_server.py DATA_DIR --known NETDB_DIR

It prints its address, which stays the same: the keys are kept in DATA_DIR/echo.dat.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path

from starting import Start, arguments, running_router

from core.api import (
    ClientSession,
    SessionConfig,
    Stream,
    StreamReset,
    SystemEntropy,
    create_key_file,
    read_key_file,
)
from core.data.private_keys import PrivateKeys

PORT = 7


def load_keys(path: Path) -> PrivateKeys:
    """The keys in a file, made if there is none; a file that is damaged is never replaced."""
    data = read_key_file(path, 400, 16384)
    if data is not None:
        return PrivateKeys.parse(data)
    keys = PrivateKeys.generate_destination(SystemEntropy())
    create_key_file(path, keys.write())
    return keys


async def echo(stream: Stream) -> None:
    """Send back everything until the visitor ends its direction, then end ours."""
    try:
        while data := await stream.read():
            await stream.write(data)  # waits while the visitor does not read
        await stream.close()
    except StreamReset as error:
        print(f"a visitor is gone: {error}")


async def serve(session: ClientSession) -> None:
    """One task for each stream to our port; streams to other ports are refused."""
    async with asyncio.TaskGroup() as visitors:
        while True:
            visitors.create_task(echo(await session.accept(PORT)))


async def main(start: Start, ready: Callable[[str], None] = print) -> None:
    """Run until cancelled; ``ready`` is told the address when the server can be reached."""
    async with running_router(start) as router:
        keys = load_keys(start.router.data_dir / "echo.dat")
        session = await router.open_session(
            SessionConfig("echo", keys, start.shape, start.shape, publish=True)
        )
        await session.wait_ready()
        ready(session.destination.b32)
        await serve(session)


if __name__ == "__main__":
    asyncio.run(main(arguments(argparse.ArgumentParser(description=__doc__)).start))
