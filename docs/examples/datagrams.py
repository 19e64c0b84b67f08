"""Datagrams: a clock that answers each question on I2P port 13, and one who asks it.

    python docs/examples/datagrams.py DATA_DIR --known NETDB_DIR

Datagrams may get lost, so the one who asks repeats the question. Version 2 is signed: the receiver
knows who sent it, and that it is no repetition.
"""

from __future__ import annotations

import argparse
import asyncio
import time

from starting import Start, arguments, running_router

from core.api import ClientSession, SessionConfig

PORT = 13


async def answer_questions(session: ClientSession) -> None:
    """Tell everybody who asks what time it is, at the port that the question came from."""
    while True:
        question = await session.receive_datagram(PORT)
        if question.source is None:
            continue  # raw ones have no sender
        session.send_datagram(
            question.source.hash,
            question.payload + time.ctime().encode(),
            version=2,
            from_port=PORT,
            to_port=question.from_port,
        )


async def ask(session: ClientSession, clock: bytes, attempts: int = 10) -> bytes | None:
    """The answer of the destination with the hash ``clock``, None if none came."""
    for number in range(attempts):
        session.send_datagram(clock, b"time? ", version=2, from_port=number + 1, to_port=PORT)
        try:
            async with asyncio.timeout(10):
                return (await session.receive_datagram()).payload
        except TimeoutError:
            pass  # lost on the way there or back
    return None


async def main(start: Start) -> bytes | None:
    """Both ends in one process: two destinations, which nobody can connect with each other."""
    async with running_router(start) as router:
        shape = start.shape
        clock = await router.open_session(SessionConfig("clock", None, shape, shape, publish=True))
        asker = await router.open_session(SessionConfig("asker", None, shape, shape))
        await clock.wait_ready()
        await asker.wait_ready()
        answering = asyncio.create_task(answer_questions(clock))
        try:
            return await ask(asker, clock.destination.hash)
        finally:
            answering.cancel()


if __name__ == "__main__":
    print(asyncio.run(main(arguments(argparse.ArgumentParser(description=__doc__)).start)))
