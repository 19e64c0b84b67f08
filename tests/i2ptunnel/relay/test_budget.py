"""Listeners that share descriptors: a flood at one of them shuts nobody out at another."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.relay.budget import ConnectionBudget
from i2ptunnel.relay.listener import Accepted, Listener, ListenerLimits


async def answer(accepted: Accepted) -> None:
    """Answer a request, and hold on to the connection as long as the client does."""
    with contextlib.suppress(Unavailable):
        request = await accepted.channel.read()
        if request:
            accepted.establish()
            await accepted.channel.write(b"answer")
            await accepted.channel.read()


@contextlib.asynccontextmanager
async def listening(budget: ConnectionBudget, count: int) -> AsyncIterator[list[Listener]]:
    endpoint, limits = Endpoint("127.0.0.1", 0), ListenerLimits(500, 500)
    listeners = [Listener(endpoint, answer, limits, budget=budget) for _ in range(count)]
    tasks = []
    for listener in listeners:
        listener.bind()
        tasks.append(asyncio.create_task(listener.serve()))
    try:
        yield listeners
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for listener in listeners:
            listener.close()


async def ask(listener: Listener, writers: list[asyncio.StreamWriter]) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writers.append(writer)
    writer.write(b"request")
    try:
        async with asyncio.timeout(5):
            return await reader.read(10)
    except OSError:
        return b""


@pytest.mark.parametrize("is_silent", [True, False])
def test_a_flood_at_one_listener_leaves_the_others_alone(is_silent: bool) -> None:
    async def main() -> None:
        budget = ConnectionBudget(100)
        writers: list[asyncio.StreamWriter] = []
        async with listening(budget, 3) as (first, second, third):
            if is_silent:
                for _ in range(200):
                    _, writer = await asyncio.open_connection("127.0.0.1", first.port)
                    writers.append(writer)
            else:
                answers = [await ask(first, writers) for _ in range(100)]
                # Six for the listeners themselves, eight kept for each of the two others.
                assert answers.count(b"answer") == 100 - 6 - 16
            for listener in (second, third):
                for _ in range(8):
                    assert await ask(listener, writers) == b"answer"
            if is_silent:
                assert await ask(first, writers) == b"answer"
            assert budget.used <= 100
            for writer in writers:
                writer.transport.abort()
        await asyncio.sleep(0)
        assert budget.used == 0

    asyncio.run(main())
