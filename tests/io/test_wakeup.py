"""One turn of the router for all its sockets."""

from __future__ import annotations

import asyncio
import socket
import time

from core.io import wakeup
from core.io.loop import RouterLoop
from core.io.udp import UdpTransport
from core.io.wakeup import Wakeup
from core.transport.stats import LinkStats
from tests.io.test_udp import Recorder

HOST = "127.92.7.1"


class Counter(Recorder):
    """An endpoint that also counts how often it was asked for output."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def take_output(self, now: float) -> list[tuple[bytes, object]]:  # type: ignore[override]
        self.asked += 1
        return []


def test_what_two_drivers_read_together_has_one_turn_and_each_writes_once() -> None:
    turns = 0

    def on_wakeup() -> None:
        nonlocal turns
        turns += 1

    async def body() -> None:
        shared = Wakeup(on_wakeup)
        endpoints = [Counter(), Counter()]
        drivers = [UdpTransport(one, shared, LinkStats()) for one in endpoints]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for driver in drivers:
                port = await driver.start(HOST)
                # Before the loop looks at the sockets again.
                sender.sendto(b"hello", (HOST, port))
            deadline = time.monotonic() + 5
            while not all(one.received for one in endpoints):
                assert time.monotonic() < deadline
                await asyncio.sleep(0)
        assert turns == 1 and [one.asked for one in endpoints] == [1, 1]
        shared.schedule()
        shared.schedule()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert turns == 2 and [one.asked for one in endpoints] == [2, 2]
        await drivers[0].stop()
        before = [one.asked for one in endpoints]
        shared.run()
        assert [one.asked for one in endpoints] == [before[0], before[1] + 1]
        await drivers[1].stop()
        after = turns
        shared.run()
        shared.schedule()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert turns == after

    with asyncio.Runner(loop_factory=RouterLoop) as runner:
        runner.run(asyncio.wait_for(body(), 20))


def test_reading_of_all_drivers_together_is_bounded() -> None:
    async def body() -> None:
        shared = Wakeup(lambda: None)
        shared.add(lambda: None)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            assert shared.may_read(sock.fileno(), 1.0)
            assert shared.may_read(sock.fileno(), 1.0 + wakeup.READS_S / 2)
            assert not shared.may_read(sock.fileno(), 1.001 + wakeup.READS_S)
            shared.run()
            assert shared.may_read(sock.fileno(), 2.0)

    with asyncio.Runner(loop_factory=RouterLoop) as runner:
        runner.run(body())
