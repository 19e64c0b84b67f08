"""Tunnels run on their own: failures are retried, told once, and never reach another tunnel."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from core.base.errors import Unavailable
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.tunnel_parts import TunnelSection
from i2ptunnel.health import Facts, I2cpFacts
from i2ptunnel.manager import Manager
from i2ptunnel.naming.resolver import FileResolver
from i2ptunnel.sessions import SessionPool
from i2ptunnel.tunnels.base import Tunnel, no_facts
from tests.support import waiting


class FakeTunnel(Tunnel[Any]):
    """Does what the test says; remembers what was done to it."""

    failures: ClassVar[dict[str, list[Exception]]] = {}
    made: ClassVar[list[FakeTunnel]] = []

    def __init__(self, model: Any, context: Any) -> None:
        super().__init__(model, context)
        self.ready = True
        self.stopped = 0
        self.broken: Exception | None = None
        FakeTunnel.made.append(self)

    @property
    def is_ready(self) -> bool:
        return self.ready

    @property
    def connections_open(self) -> int:
        return 0

    @property
    def local_end(self) -> str:
        return "here"

    async def start(self) -> None:
        failures = FakeTunnel.failures.get(self.name)
        if failures:
            raise failures.pop(0)

    async def stop(self) -> None:
        self.stopped += 1

    async def wait_ready(self, timeout_s: float) -> None:
        if self.broken is not None:
            raise self.broken
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def fresh() -> None:
    FakeTunnel.failures = {}
    FakeTunnel.made = []


def sections(text: str) -> dict[str, TunnelSection]:
    return load_text(text).configuration.tunnels


TWO = (
    "tunnels:\n  a: {type: sockstunnel, listen: 127.0.0.1:1}\n"
    "  b: {type: sockstunnel, listen: 127.0.0.1:2}\n"
)


def run(
    main: Callable[[Manager], Coroutine[Any, Any, None]], facts: Callable[[], Facts] = no_facts
) -> None:
    async def body() -> None:
        async def nothing(_: object) -> Any:
            raise AssertionError

        pool = SessionPool(nothing, Path("/none"))
        resolver = FileResolver(Path("/none/hosts.txt"))
        classes = {"sockstunnel": FakeTunnel}
        async with Manager(
            classes, pool, resolver, Path("/none"), retry_first_s=0.01, facts=facts
        ) as manager:
            async with asyncio.timeout(5):
                await main(manager)

    asyncio.run(body())


async def until(condition: Callable[[], bool]) -> None:
    await waiting.until("the manager has done it", condition, every_s=0.002)


def state(manager: Manager, name: str) -> str:
    return next(str(t["state"]) for t in manager.status() if t["name"] == name)


def test_one_ready_line_for_each_tunnel(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def main(manager: Manager) -> None:
        await manager.apply(sections(TWO))
        await until(lambda: manager.is_ready)
        assert manager.counts == (2, 2)

    run(main)
    lines = [record.getMessage() for record in caplog.records if "ready" in record.getMessage()]
    assert lines == ["tunnel a ready (sockstunnel)", "tunnel b ready (sockstunnel)"]
    assert [tunnel.stopped for tunnel in FakeTunnel.made] == [1, 1]


def test_a_failing_tunnel_is_retried_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    refused = Unavailable("cannot listen", code="cannot_listen")
    FakeTunnel.failures = {"a": [refused, refused, OSError("other")]}

    async def main(manager: Manager) -> None:
        await manager.apply(sections(TWO))
        await until(lambda: state(manager, "b") == "ready")
        await until(lambda: state(manager, "a") == "failed")
        assert not manager.is_ready
        assert manager.status()[0]["last_error"] == "cannot listen"
        await until(lambda: manager.is_ready)
        assert manager.status()[0]["last_error"] is None
        assert manager.status()[0]["retries"] == 3

    run(main)
    errors = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert errors == [
        "tunnel a failed: cannot listen; it is tried again",
        "tunnel a failed: other; it is tried again",
    ]


def test_an_error_of_ours_does_not_end_the_manager(caplog: pytest.LogCaptureFixture) -> None:
    FakeTunnel.failures = {"a": [ZeroDivisionError("oops")]}

    async def main(manager: Manager) -> None:
        await manager.apply(sections(TWO))
        await until(lambda: manager.is_ready)

    run(main)
    assert "tunnel a failed: internal error (ZeroDivisionError), please report it" in caplog.text
    assert "Traceback" not in caplog.text


def test_lost_and_found_again() -> None:
    async def main(manager: Manager) -> None:
        await manager.apply(sections(TWO))
        await until(lambda: manager.is_ready)
        FakeTunnel.made[0].ready = False
        assert state(manager, "a") == "building"
        assert manager.counts == (1, 2)
        FakeTunnel.made[0].ready = True
        await until(lambda: manager.is_ready)

    run(main)


@pytest.mark.parametrize("failure", ["no I2CP at a:1: connection refused", None])
def test_what_is_lost_is_told_with_its_reason(
    failure: str | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody builds new tunnels while the router that is reached over I2CP is away."""
    monkeypatch.setattr("i2ptunnel.manager._WATCH_S", 0.002)

    async def main(manager: Manager) -> None:
        await manager.apply(sections(TWO))
        await until(lambda: manager.is_ready)
        FakeTunnel.made[0].ready = False
        await until(lambda: "lost its router tunnels" in caplog.text)

    run(main, lambda: replace(no_facts(), i2cp=I2cpFacts("a:1", failure)))
    told = "building new ones" if failure is None else f"cannot be reached: {failure}"
    assert told in caplog.text


def test_a_closed_session_starts_the_tunnel_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("i2ptunnel.manager._WATCH_S", 0.002)

    async def main(manager: Manager) -> None:
        await manager.apply(sections(TWO))
        await until(lambda: manager.is_ready)
        first = FakeTunnel.made[0]
        first.broken, first.ready = Unavailable("closed", code="closed"), False
        await until(lambda: len(FakeTunnel.made) == 3 and manager.is_ready)
        assert first.stopped == 1

    run(main)


def test_a_tunnel_that_gives_up_is_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("i2ptunnel.manager._WATCH_S", 0.002)

    async def main(manager: Manager) -> None:
        await manager.apply(sections(TWO))
        await until(lambda: manager.is_ready)
        FakeTunnel.made[0].failed.set()
        await until(lambda: len(FakeTunnel.made) == 3 and manager.is_ready)

    run(main)


def test_apply_touches_only_what_changed() -> None:
    async def main(manager: Manager) -> None:
        await manager.apply(sections(TWO))
        await until(lambda: manager.is_ready)
        a, b = FakeTunnel.made
        changed = TWO.replace("127.0.0.1:2}", "127.0.0.1:3}")
        changed += "  c: {type: sockstunnel, listen: 127.0.0.1:4, enabled: false}\n"
        await manager.apply(sections(changed))
        await until(lambda: manager.is_ready)
        assert (a.stopped, b.stopped, len(FakeTunnel.made)) == (0, 1, 3)
        assert [t["name"] for t in manager.status()] == ["a", "b", "c"]
        assert state(manager, "c") == "stopped"
        await manager.apply({})
        assert manager.status() == [] and a.stopped == 1

    run(main)


def test_start_and_stop_by_hand() -> None:
    async def main(manager: Manager) -> None:
        await manager.apply(sections(TWO))
        await until(lambda: manager.is_ready)
        await manager.stop_one("a")
        assert state(manager, "a") == "stopped" and manager.counts == (1, 1)
        await manager.start_one("a")
        await until(lambda: manager.counts == (2, 2))
        with pytest.raises(KeyError):
            await manager.stop_one("x")

    run(main)
