"""Turns of the loop: measured, shared between tasks, and bounded in sockets."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from core.io import turns
from core.io.loop import READY_MAX, RouterLoop
from core.io.turns import share_turn


def spin(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@pytest.mark.parametrize("workers", [1, 30])
def test_work_in_pieces_leaves_the_loop_to_others(workers: int) -> None:
    done = 0

    async def work() -> None:
        nonlocal done
        for _ in range(120 // workers):
            await share_turn()
            spin(0.001)
            done += 1

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())

    loop = RouterLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
    assert done == 120 // workers * workers
    figures = loop.turn_figures
    # Two windows can touch in a turn, and each ends one piece late.
    assert figures.longest_cpu_s < 2 * (turns.WORK_S + 0.001) + 0.005
    assert figures.turns >= 120 * 0.001 / (2 * (turns.WORK_S + 0.001))


def test_everybody_gets_on_although_newcomers_use_every_turn_up() -> None:
    async def main() -> None:
        is_over = False

        async def hog() -> None:
            while not is_over:
                await share_turn()
                spin(2 * turns.WORK_S)
                await asyncio.sleep(0)

        async def modest() -> None:
            for _ in range(2):
                await share_turn()
                await asyncio.sleep(0)

        hogs = [asyncio.create_task(hog()) for _ in range(3)]
        async with asyncio.timeout(60):
            await asyncio.gather(*(modest() for _ in range(3)))
        is_over = True
        await asyncio.gather(*hogs)

    with asyncio.Runner(loop_factory=RouterLoop) as runner:
        runner.run(main())


def test_one_that_is_cancelled_while_it_waits_keeps_nobody_up() -> None:
    async def main() -> None:
        async def work() -> None:
            for _ in range(3):
                await share_turn()
                spin(2 * turns.WORK_S)

        tasks = [asyncio.create_task(work()) for _ in range(6)]
        await asyncio.sleep(0)
        for task in tasks[1::2]:
            task.cancel()
        async with asyncio.timeout(60):
            await asyncio.gather(*tasks, return_exceptions=True)
        assert [task.cancelled() for task in tasks] == [False, True] * 3

    with asyncio.Runner(loop_factory=RouterLoop) as runner:
        runner.run(main())


def test_the_meter_tells_long_turns_from_short_ones() -> None:
    async def main() -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        spin(0.03)
        await asyncio.sleep(0)
        time.sleep(0.06)  # keeps the loop without using CPU
        await asyncio.sleep(0)

    loop = RouterLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
    figures = loop.turn_figures
    assert 0.03 <= figures.longest_cpu_s == figures.recent_cpu_s
    assert 0.06 <= figures.longest_wall_s == figures.recent_wall_s
    assert sum(figures.cpu_counts) == sum(figures.wall_counts) == figures.turns > 20
    assert figures.cpu_counts[0] > 15
    assert sum(figures.wall_counts[3:]) >= 2


def test_thousands_of_ready_sockets_are_served_over_several_turns_in_order() -> None:
    count = READY_MAX * 2 + 10
    pairs = [socket.socketpair() for _ in range(count)]
    served: list[int] = []
    per_turn: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def read(number: int) -> None:
            pairs[number][1].recv(1)
            served.append(number)
            if number == served[0]:
                # What is no longer watched when its turn comes is not called.
                loop.remove_reader(pairs[gone][1])

        for number in range(count):
            loop.add_reader(pairs[number][1], read, number)
        gone = count - 1
        for left, _ in pairs:
            left.send(b"xy")
        while len(served) < 2 * (count - 1):
            before = len(served)
            await asyncio.sleep(0)
            per_turn.append(len(served) - before)
        for _, right in pairs:
            loop.remove_reader(right)

    with asyncio.Runner(loop_factory=RouterLoop) as runner:
        runner.run(main())
    for left, right in pairs:
        left.close()
        right.close()
    assert max(per_turn) <= READY_MAX
    assert len(set(served[: count - 1])) == count - 1, "one was served twice before another once"


def test_a_reader_that_is_put_off_comes_first_in_the_next_turn() -> None:
    pairs = [socket.socketpair() for _ in range(4)]
    served: list[list[int]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, RouterLoop)

        def read(number: int) -> None:
            if len(served[-1]) == 2:
                loop.read_next_turn(pairs[number][1].fileno())
                return
            pairs[number][1].recv(1)
            served[-1].append(number)

        for number in range(4):
            loop.add_reader(pairs[number][1], read, number)
        for left, _ in pairs:
            left.send(b"xyz")
        while len(served) < 7:
            served.append([])
            await asyncio.sleep(0)
        for _, right in pairs:
            loop.remove_reader(right)

    with asyncio.Runner(loop_factory=RouterLoop) as runner:
        runner.run(main())
    for left, right in pairs:
        left.close()
        right.close()
    # The first turn is the one that runs already.
    assert [sorted(turn) for turn in served] == [[]] + [[0, 1], [2, 3]] * 3
