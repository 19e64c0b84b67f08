"""Time servers on loopback: a router's clock is corrected, whoever lies, is silent or refuses."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from core.api import Router, RouterConfig, new_event_loop
from core.base import sntp_client
from core.data.router_info import RouterInfo
from core.io import system
from core.io.resolver import Resolver
from tests.support.time_server import TimeServer, answer
from tests.support.waiting import eventually

HOUR, DAY = 3600.0, 86_400.0


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on the loop that routers run on."""

    @functools.wraps(test)
    def run(**arguments: Any) -> None:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(test(**arguments))

    return run


@contextlib.asynccontextmanager
async def running(data_dir: Path, *servers: TimeServer) -> AsyncIterator[Router]:
    router = Router(
        RouterConfig(
            data_dir=data_dir,
            network_id=77,
            bind="127.0.0.1",
            time_servers=tuple(server.address for server in servers),
        )
    )
    await router.start()
    try:
        yield router
    finally:
        await router.stop()
        for server in servers:
            server.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers are near: who has not answered by then will not."""
    monkeypatch.setattr(sntp_client, "ANSWER_S", 1.5)


@pytest.mark.parametrize("error_s", [-5 * 60.0, 3 * DAY, -400 * DAY])
@in_loop
async def test_a_wrong_clock_is_corrected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error_s: float
) -> None:
    true_time = system.time.time
    servers = [TimeServer(), TimeServer(), TimeServer(2 * HOUR), TimeServer(0, lambda _: None)]
    monkeypatch.setattr(
        system.time,
        "time",
        # The servers' threads have the right time.
        lambda: true_time() + (0 if threading.current_thread().daemon else error_s),
    )
    async with running(tmp_path, *servers) as router:
        await eventually(lambda: router.status().clock.source is not None)
        clock = router.status().clock
        assert clock.source == "ntp"
        assert clock.correction_s == pytest.approx(-error_s, abs=1)
        info = RouterInfo.parse((tmp_path / "router.info").read_bytes())
        assert info.published_ms / 1000 == pytest.approx(true_time(), abs=30)
        # Set right, it needs no correction.
        error_s = 0.0
        await eventually(lambda: router.status().clock.correction_s == 0.0)
        assert router.counters()["process"]["time_answers"]["taken"] >= 3


@pytest.mark.parametrize(
    "reply",
    [
        lambda _: None,
        lambda request: answer(request, 9e8, origin=b"someone."),
        lambda request: answer(request, 9e8, stratum=0, code=b"DENY"),
        lambda request: answer(request, 9e8, leap=3),
        lambda request: answer(request, 9e8)[:40],
        lambda _: b"junk" * 300,
    ],
    ids=["silent", "wrong origin", "kiss of death", "unsynchronised", "cut off", "junk"],
)
@in_loop
async def test_nothing_is_corrected_without_two_good_answers(
    tmp_path: Path, reply: Callable[[bytes], bytes | None]
) -> None:
    # A single one among several that is left may be the one that lies.
    servers = [TimeServer(9 * HOUR), TimeServer(0, reply), TimeServer(0, reply)]
    async with running(tmp_path, *servers) as router:
        await eventually(lambda: all(server.requests for server in servers))
        client = router._surroundings.time_servers.client
        await eventually(lambda: client.rounds == 1 and not client.is_asking)
        clock = router.status().clock
        assert (clock.correction_s, clock.source) == (0.0, None)


@in_loop
async def test_a_server_that_is_not_there_and_a_name_that_is_none_do_no_harm(
    tmp_path: Path,
) -> None:
    gone = TimeServer()
    gone.close()
    router = Router(
        RouterConfig(
            data_dir=tmp_path,
            network_id=77,
            time_servers=(gone.address, ("name.invalid", 123), ("::1", 9)),
        )
    )
    await router.start()
    client = router._surroundings.time_servers.client
    await eventually(lambda: client.rounds == 1 and not client.is_asking)
    assert router.status().clock.source is None
    await router.stop()


@in_loop
async def test_a_name_is_looked_up_once_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Event()
    calls: list[str] = []

    def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        calls.append(host)
        held.wait(30)
        return [(2, 2, 17, "", ("127.0.0.1", port))]

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    resolver = Resolver(asyncio.get_running_loop())
    found: list[object] = []
    resolver.find("a.test", 123, found.append)
    resolver.find("a.test", 123, found.append)
    held.set()
    await eventually(lambda: bool(found))
    assert calls == ["a.test"]
    assert found == [[(2, ("127.0.0.1", 123))]]
    resolver.find("a.test", 123, found.append)
    await eventually(lambda: len(found) == 2)
