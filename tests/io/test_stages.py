"""Steps of reaching a destination: noted for who asks, also in tasks of theirs, and nobody else."""

from __future__ import annotations

import asyncio
import time

from core.io.stages import Stages, begin_stage, end_stage, noting_stages


def test_times_add_up_and_the_last_step_is_under_way() -> None:
    stages = Stages()
    assert stages.under_way == "" and stages.rows() == []
    stages.begin("a")
    began = time.monotonic()
    stages.begin("b")
    stages.begin("a")  # once more: another destination is tried
    while time.monotonic() - began < 0.02:
        pass
    (a, b) = stages.rows()
    assert (a[0], a[2], b[0], b[2]) == ("a", False, "b", True)
    assert a[1] >= 0.01 and stages.under_way == "a"
    stages.end()
    assert [one[2] for one in stages.rows()] == [True, True]


def test_only_who_asks_is_told() -> None:
    async def step(name: str) -> None:
        begin_stage(name)
        await asyncio.sleep(0)
        end_stage()

    async def asks(name: str) -> list[str]:
        with noting_stages() as stages:
            await asyncio.create_task(step(name))
        return [one[0] for one in stages.rows()]

    async def main() -> list[list[str]]:
        begin_stage("nobody listens")
        return await asyncio.gather(asks("one"), asks("two"))

    assert asyncio.run(main()) == [["one"], ["two"]]
