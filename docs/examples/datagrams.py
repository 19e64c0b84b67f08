"""Datagrams: a clock that answers each question, and one who asks it.

    python docs/examples/datagrams.py

Datagrams may get lost, so the one who asks repeats the question.
"""

from __future__ import annotations

import argparse
import asyncio
import time

from starting import add_router, open_router

from i2ptunnel import api


async def answer_questions(clock: api.DatagramSession) -> None:
    """Tell everybody who asks what time it is."""
    while True:
        question = await clock.receive()
        if question.source is not None:  # raw ones have no sender
            await clock.send(question.payload + time.ctime().encode(), question.source)


async def ask(asker: api.DatagramSession, clock: api.Address, attempts: int = 10) -> bytes | None:
    """The answer of ``clock``, None if none came."""
    for _ in range(attempts):
        await asker.send(b"time? ", clock)
        try:
            return (await asker.receive(timeout=10)).payload
        except TimeoutError:
            pass  # lost on the way there or back
    return None


async def main(router: api.Router, hops: int = 3) -> bytes | None:
    """Both ends in one process: two destinations, which nobody can connect with each other."""
    async with (
        router.open_datagrams(publish=True, hops=hops) as clock,
        router.open_datagrams(hops=hops) as asker,
    ):
        answering = asyncio.create_task(answer_questions(clock))
        try:
            return await ask(asker, clock.address)
        finally:
            answering.cancel()


async def run(found: argparse.Namespace) -> None:
    """With the router that the arguments name."""
    async with open_router(found) as router:
        print(await main(router))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_router(parser)
    asyncio.run(run(parser.parse_args()))
