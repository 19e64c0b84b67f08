"""What the console costs: time of a page, turns of the loop, memory, and the program's start."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from core.api import new_event_loop
from core.data.router_info import RouterInfo
from i2ptunnel.commands import Program, doctor
from i2ptunnel.console import context
from i2ptunnel.logs import RECENT
from tests.support.console import Visitor, console

TUNNELS = 200
ROUTERS = 5000
PAGE_S = 0.05
TURN_S = 0.01
PAGES = (
    "",
    "tunnels",
    "tunnels/show?name=t7",
    "tunnels/new",
    "tunnels/edit?name=t7",
    "addresses",
    "addresses/add",
    "addresses/subscriptions",
    "addresses/conflicts",
    "network",
    "network/links",
    "network/routers",
    "network/routers?part=40",
    "network/routers?find=ab",
    "network/transit",
    "logs",
    "doctor",
    "settings/backup",
    "torrents",
    "browser",
    "settings",
    "settings/file",
)
_MEMORY = """
import asyncio, resource, sys, tempfile
from pathlib import Path
from core.api import new_event_loop
from tests.support.console import console
PAGES = sys.argv[2:]

def own_bytes():
    fields = dict(line.split(":", 1) for line in Path("/proc/self/smaps_rollup").read_text()
                  .splitlines()[1:])
    return 1024 * sum(int(fields[f"Private_{one}"].split()[0]) for one in ("Dirty", "Clean"))

async def main():
    async with console(Path(sys.argv[1])) as visitor:
        late = {"starlette", "uvicorn", "jinja2", "segno", "prometheus_client", "rich"}
        assert not late & {*sys.modules}, "too early"
        before = own_bytes()
        await visitor.enter()
        for _ in range(3):
            for page in PAGES:
                assert (await visitor.get(page)).status in (200, 404), page
        print(own_bytes() - before)

with asyncio.Runner(loop_factory=new_event_loop) as runner:
    runner.run(main())
"""


def tunnels() -> str:
    lines = [
        f'  t{number}: {{{{type: client, listen: "unix:{{directory}}/t{number}", '
        f"destination: a{number}.i2p}}}}"
        for number in range(TUNNELS)
    ]
    return "\n".join(["tunnels:", *lines, ""])


def known_routers(own: RouterInfo) -> list[Any]:
    """As many as a large network database has, made of one: only the hashes differ."""

    class Known:
        def __init__(self, number: int) -> None:
            self.hash = hashlib.sha256(number.to_bytes(4, "big")).digest()
            self.caps = own.caps
            self.version = own.version
            self.published_ms = own.published_ms
            self.addresses = own.addresses

    return [Known(number) for number in range(ROUTERS)]


@pytest.mark.long
@pytest.mark.limits
@pytest.mark.timeout(240)
def test_no_page_takes_long_or_holds_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By processor time, the visitor's included, since other programs run beside this."""
    logging.getLogger().addHandler(RECENT)
    took: dict[str, float] = {}
    turns: dict[str, float] = {}

    async def measure(visitor: Visitor, page: str) -> None:
        times, longest = [], []
        for _ in range(7):
            meter = LoopMeter()
            begun = time.thread_time()
            answer = await visitor.get(page)
            times.append(time.thread_time() - begun)
            longest.append(meter.stop())
            assert answer.status == 200, page
        took[page], turns[page] = statistics.median(times), statistics.median(longest)

    async def main() -> None:
        async with console(tmp_path, tunnels=tunnels()) as visitor:
            router = visitor.program.router
            known = known_routers(router.router_info)
            monkeypatch.setattr(router, "routers", lambda: list(known))
            for number in range(1000):
                logging.getLogger("i2ptunnel.test").warning("line %d", number)
            await visitor.enter()
            await visitor.settled()
            for page in PAGES:
                await measure(visitor, page)

    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(main())
    finally:
        logging.getLogger().removeHandler(RECENT)
    print({page: (round(1e3 * took[page], 1), round(1e3 * turns[page], 1)) for page in PAGES})
    assert {page: seconds for page, seconds in took.items() if seconds > PAGE_S} == {}
    assert {page: seconds for page, seconds in turns.items() if seconds > TURN_S} == {}


@pytest.mark.limits
def test_findings_are_made_once_for_many_views_and_anew_after_a_reload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[float] = []

    async def counting(program: Program) -> list[dict[str, Any]]:
        made.append(time.monotonic())
        return await doctor(program)

    async def timed(visitor: Visitor) -> float:
        begun = time.perf_counter()
        assert (await visitor.get("doctor")).status == 200
        return time.perf_counter() - begun

    async def main() -> list[float]:
        async with console(tmp_path, tunnels=tunnels()) as visitor:
            await visitor.enter()
            await visitor.settled()
            await asyncio.gather(*(timed(visitor) for _ in range(3)))
            assert len(made) == 1
            again = [await timed(visitor) for _ in range(5)]
            assert len(made) == 1
            await visitor.program.apply(visitor.program.reread())
            await timed(visitor)
            assert len(made) == 2
            monkeypatch.setattr(context, "FINDINGS_KEPT_S", 0.0)
            await timed(visitor)
            assert len(made) == 3
            return again

    monkeypatch.setattr(context, "FINDINGS_KEPT_S", 600.0)
    monkeypatch.setattr(context, "doctor", counting)
    again = asyncio.run(main())
    print([round(1e3 * one, 1) for one in again])
    assert min(again) < PAGE_S


class LoopMeter:
    """The most processor time that the loop's thread takes between two turns."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._longest = 0.0
        self._at = time.thread_time()
        self._is_on = True
        self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        now = time.thread_time()
        self._longest = max(self._longest, now - self._at)
        self._at = now
        if self._is_on:
            self._loop.call_soon(self._turn)

    def stop(self) -> float:
        self._is_on = False
        return self._longest


@pytest.mark.limits
def test_it_is_loaded_for_the_first_visitor_and_small(tmp_path: Path) -> None:
    pages = ["", "tunnels", "tunnels/new", "tunnels/edit?name=web", "addresses", "network", "logs"]
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY, str(tmp_path), *pages, "browser", "settings/file"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    own_bytes = int(done.stdout)
    print(own_bytes)
    assert 1_000_000 < own_bytes < 20_000_000
