"""A client: connect to a destination, send something, print what comes back.

python docs/examples/echo_client.py ADDRESS.b32.i2p:7
"""

from __future__ import annotations

import argparse
import asyncio

from starting import add_router, open_router

from i2ptunnel import api


async def main(router: api.Router, target: str, question: bytes = b"hello") -> bytes | None:
    """The whole answer, None if there is none."""
    try:
        async with asyncio.timeout(300), router.connect(target) as stream:
            sending = asyncio.create_task(send(stream, question))
            answer = b""
            while data := await stream.read():
                answer += data
            await sending
            return answer
    except api.NotFound:
        print("no address book has this name")
    except api.Unreachable as error:
        print(f"try again later: {error}")
    except api.Error as error:
        print(f"{error} ({error.code})")
    return None


async def send(stream: api.Stream, question: bytes) -> None:
    """All of it, then the end of our direction; the answer still comes."""
    await stream.write(question)
    await stream.close_write()


async def run(found: argparse.Namespace) -> None:
    """With the router that the arguments name."""
    async with open_router(found) as router:
        print(await main(router, found.address))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    add_router(parser)
    asyncio.run(run(parser.parse_args()))
