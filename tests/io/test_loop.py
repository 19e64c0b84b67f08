"""The router's loop: hooks run behind the readers of the same turn."""

from __future__ import annotations

import asyncio
import socket
import sys
import time

from core.io.loop import RouterLoop, new_event_loop


def test_a_hook_runs_behind_all_readers_of_a_turn_and_can_be_removed() -> None:
    loop = new_event_loop()
    assert isinstance(loop, RouterLoop)
    pairs = [socket.socketpair() for _ in range(3)]
    order: list[object] = []

    def read(number: int) -> None:
        pairs[number][1].recv(10)
        order.append(number)

    def behind() -> None:
        order.append("behind")

    async def play() -> None:
        for number in range(3):
            loop.add_reader(pairs[number][1], read, number)
        loop.run_after_reads(behind)
        for left, _ in pairs:
            left.send(b"x")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        loop.stop_after_reads(behind)
        pairs[0][0].send(b"x")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for number in range(3):
            loop.remove_reader(pairs[number][1])

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(play())
    for left, right in pairs:
        left.close()
        right.close()
    hooks = [at for at, what in enumerate(order) if what == "behind"]
    reads = [at for at, what in enumerate(order) if what != "behind"]
    assert sorted(order[:3], key=str) == [0, 1, 2]
    assert hooks
    assert reads[-1] > hooks[-1], "the last read came after the hook was removed"


def test_time_counts_while_the_machine_sleeps() -> None:
    loop = new_event_loop()
    try:
        assert abs(loop.time() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1
    finally:
        loop.close()


def test_the_loop_waits_shortly_for_threads_that_work() -> None:
    before = sys.getswitchinterval()
    try:
        new_event_loop().close()
        assert sys.getswitchinterval() <= 0.001
    finally:
        sys.setswitchinterval(before)
