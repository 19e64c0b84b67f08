"""Sessions that open late, shrink, close and come back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from core.api import TunnelShape
from core.base.errors import Unavailable
from core.data.private_keys import PrivateKeys
from i2ptunnel.resting import RestingSession
from i2ptunnel.tunnels.base import RestPolicy
from tests.support.deterministic import SeededEntropy
from tests.support.loopback_session import LoopbackNetwork, LoopbackSession

SHAPES = (TunnelShape(3, 3, 0, 1, (b"p" * 32,)), TunnelShape(2, 2))


class Reshaped(LoopbackSession):
    """Remembers how many router tunnels it should have."""

    def __init__(self, network: LoopbackNetwork, keys: PrivateKeys) -> None:
        super().__init__(network, keys)
        self.shapes: list[tuple[int, int, int]] = []

    def reshape(self, inbound: TunnelShape, outbound: TunnelShape) -> None:
        assert inbound.explicit_peers == SHAPES[0].explicit_peers
        self.shapes.append((inbound.quantity, inbound.backup_quantity, outbound.quantity))


class Bench:
    """A resting session, its clock, and what it opened."""

    def __init__(self, policy: RestPolicy) -> None:
        self.now = 1000.0
        self.network = LoopbackNetwork()
        self.opened: list[Reshaped] = []
        self.made = 0
        self.failure: Exception | None = None
        self.server = self.network.session("server")
        self.session = RestingSession(
            self._open, None, self._make_keys, SHAPES, policy, lambda: self.now
        )

    def _make_keys(self) -> PrivateKeys:
        self.made += 1
        return PrivateKeys.generate_destination(SeededEntropy(f"resting {self.made}"))

    async def _open(self, keys: PrivateKeys) -> Any:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        session = Reshaped(self.network, keys)
        self.network.sessions[session.destination.hash] = session
        self.opened.append(session)
        return session

    async def connect(self) -> Any:
        return await self.session.connect(self.server.destination.hash)

    async def pass_time(self, seconds: float) -> None:
        self.now += seconds
        await self.session.check()


def run(policy: RestPolicy, case: Callable[[Bench], Awaitable[None]]) -> None:
    async def main() -> None:
        bench = Bench(policy)
        await bench.session.start()
        try:
            async with asyncio.timeout(5):
                await case(bench)
        finally:
            await bench.session.close()

    asyncio.run(main())


def test_it_opens_with_the_first_connection() -> None:
    async def case(bench: Bench) -> None:
        session = bench.session
        assert session.is_ready
        assert session.is_asleep
        await session.wait_ready(0)
        assert bench.opened == []
        address = session.destination.b32
        streams = await asyncio.gather(bench.connect(), bench.connect())
        assert len(bench.opened) == 1
        assert bench.opened[0].destination.b32 == address
        await streams[0].write(b"hello")
        assert await (await bench.server.accept()).read() == b"hello"

    run(RestPolicy(delay_open=True), case)


def test_a_failure_to_open_is_told_and_tried_again() -> None:
    async def case(bench: Bench) -> None:
        bench.failure = Unavailable("too many sessions", "closed")
        with pytest.raises(Unavailable, match="too many sessions"):
            await bench.connect()
        bench.failure = None
        await bench.connect()

    run(RestPolicy(delay_open=True), case)


def test_it_keeps_fewer_tunnels_when_idle_and_all_when_used() -> None:
    async def case(bench: Bench) -> None:
        inner = bench.opened[0]
        stream = await bench.connect()
        await bench.pass_time(599)
        assert inner.shapes == []
        await bench.pass_time(1)
        await bench.pass_time(1000)
        assert inner.shapes == [(1, 0, 1)]
        assert bench.session.is_reduced
        assert bench.session.is_ready
        await stream.write(b"again")
        assert inner.shapes == [(1, 0, 1), (3, 1, 2)]
        await bench.pass_time(599)
        await (await bench.server.accept()).write(b"answer")
        await stream.read()
        await bench.pass_time(599)
        assert len(inner.shapes) == 2
        await bench.pass_time(1)
        assert len(inner.shapes) == 3

    run(RestPolicy(reduce_after_s=600), case)


@pytest.mark.parametrize("new_keys", [False, True])
def test_it_closes_when_idle_and_comes_back(new_keys: bool) -> None:
    async def case(bench: Bench) -> None:
        session, first = bench.session, bench.session.destination.b32
        stream = await bench.connect()
        await bench.pass_time(5000)
        assert not session.is_asleep, "a stream is open"
        await stream.close()
        await bench.pass_time(1799)
        assert not session.is_asleep
        await bench.pass_time(1)
        assert session.is_asleep
        assert session.is_ready
        assert bench.opened[0].is_closed
        await bench.connect()
        assert len(bench.opened) == 2
        assert (session.destination.b32 != first) is new_keys
        assert bench.opened[1].destination.b32 == session.destination.b32

    run(RestPolicy(close_after_s=1800, new_keys=new_keys), case)


def test_streams_that_broke_or_ended_by_themselves_do_not_keep_it() -> None:
    async def case(bench: Bench) -> None:
        one, two, three = [await bench.connect() for _ in range(3)]
        theirs = [await bench.server.accept() for _ in range(3)]
        theirs[0].reset()
        with pytest.raises(Unavailable):
            await one.read()
        await theirs[1].close_write()
        assert await two.read() == b""
        await two.close_write()
        three.reset()
        await bench.pass_time(1800)
        assert bench.session.is_asleep

    run(RestPolicy(close_after_s=1800), case)


def test_who_waits_for_streams_goes_on_waiting_while_it_rests() -> None:
    async def case(bench: Bench) -> None:
        accepting = asyncio.create_task(bench.session.accept())
        await asyncio.sleep(0)
        await bench.pass_time(1800)
        assert bench.session.is_asleep
        await bench.connect()
        there = await bench.server.connect(bench.session.destination.hash)
        await there.write(b"to you")
        assert await (await accepting).read() == b"to you"

    run(RestPolicy(close_after_s=1800), case)


def test_a_session_that_is_closed_from_outside_says_so() -> None:
    async def case(bench: Bench) -> None:
        await bench.opened[0].close()
        assert not bench.session.is_ready
        with pytest.raises(Unavailable) as caught:
            await bench.session.wait_ready(0)
        assert caught.value.code == "closed"
        with pytest.raises(Unavailable):
            await bench.session.accept()
        await bench.session.close()
        with pytest.raises(Unavailable):
            await bench.connect()

    run(RestPolicy(reduce_after_s=600), case)
