"""A client: connect to a destination, send something, print what comes back.

python docs/examples/echo_client.py DATA_DIR ADDRESS.b32.i2p --known NETDB_DIR
"""

from __future__ import annotations

import argparse
import asyncio

from starting import Start, arguments, running_router

from core.api import ClientSession, SessionConfig
from core.base.errors import Unavailable
from core.data.identity import b32_to_hash

PORT = 7


async def ask(session: ClientSession, address: str, question: bytes) -> bytes:
    """The whole answer. Raises Unavailable, whose ``code`` says what to do about it."""
    stream = await session.connect(b32_to_hash(address), port=PORT, initial=question)
    await stream.close_write()  # that is all; the answer still comes
    answer = b""
    while data := await stream.read():
        answer += data
    return answer


async def main(start: Start, address: str, question: bytes = b"hello") -> bytes | None:
    """The answer, None if there is none. The session's address is new each time."""
    async with running_router(start) as router:
        session = await router.open_session(
            SessionConfig("client", inbound=start.shape, outbound=start.shape)
        )
        try:
            await session.wait_ready(timeout_s=120)
            return await ask(session, address, question)
        except Unavailable as error:
            print(f"{error} ({error.code})")
            return None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    found = arguments(parser)
    print(asyncio.run(main(found.start, found.address)))
