"""The supervisor of what listens: start, reload, failure, retry, loss, stop."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.router_model import MetricsSection
from i2ptunnel.control import ControlServer, ask
from i2ptunnel.http_server import HttpServer
from i2ptunnel.metrics import MetricsPage, metrics_server
from i2ptunnel.services import Services, Wanted
from tests.support.waiting import eventually

STATUS: dict[str, Any] = {"state": "ready", "ready": True, "router": {}, "tunnels": []}


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def metrics_at(port: int) -> Wanted:
    section = MetricsSection(listen=Endpoint("127.0.0.1", port))
    return Wanted(lambda: metrics_server(section, lambda: STATUS), section)


async def echo(request: dict[str, Any]) -> Any:
    return request["text"]


def control_at(path: Path) -> Wanted:
    return Wanted(lambda: ControlServer(path, {"echo": echo}))


@asynccontextmanager
async def running(**wanted: Wanted) -> AsyncIterator[Services]:
    services = Services(retry_first_s=0.01)
    try:
        await services.apply(wanted)
        yield services
    finally:
        await services.stop()


async def is_open(port: int) -> bool:
    """Whether an HTTP server answers there, and closes."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.startswith(b"HTTP/1.1 200 ")


def test_a_reload_touches_only_what_changed(tmp_path: Path) -> None:
    async def main() -> None:
        first, second, path = free_port(), free_port(), tmp_path / "control.sock"
        async with running(control=control_at(path), metrics=metrics_at(first)) as services:
            reader, writer = await asyncio.open_unix_connection(path)
            status = services.status()
            assert [one["state"] for one in status.values()] == ["listening", "listening"]
            assert status["metrics"]["listen"] == f"127.0.0.1:{first}"
            assert status["metrics"]["last_error"] is None
            await services.apply({"control": control_at(path), "metrics": metrics_at(second)})
            assert not await is_open(first) and await is_open(second)
            writer.write(b'{"command": "echo", "text": "still here"}\n')
            assert b"still here" in await reader.readline(), "it was not started anew"
            writer.close()
            await services.apply({"control": control_at(path)})
            assert not await is_open(second)
            assert list(services.status()) == ["control"]
        assert not path.exists()
        assert services.status() == {}

    asyncio.run(main())


def test_one_that_fails_is_tried_again_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "i2ptunnel.services")

    async def main() -> None:
        taken = socket.socket()
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port, other = taken.getsockname()[1], free_port()
        with taken:
            async with running(bad=metrics_at(port), good=metrics_at(other)) as services:
                assert await is_open(other)
                assert "in use" in services.failed["bad"]
                await eventually(lambda: services.status()["bad"]["retries"] >= 3)
                status = services.status()["bad"]
                assert status["state"] != "listening" and "in use" in status["last_error"]
                taken.close()
                services.check()  # no need to wait for the back-off
                await eventually(lambda: services.status()["bad"]["state"] == "listening")
                status = services.status()["bad"]
                assert (status["retries"], status["last_error"]) == (0, None)
                assert await is_open(port) and services.failed == {}

    asyncio.run(main())
    lines = [record.getMessage() for record in caplog.records]
    assert [line for line in lines if "in use" in line] == [
        line for line in lines if line.startswith("bad: cannot listen")
    ]
    assert len([line for line in lines if "in use" in line]) == 1
    assert lines[-1] == "bad: listening again"


def test_what_is_lost_comes_back_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "control.sock"
        async with running(control=control_at(path)) as services:
            path.unlink()
            services.check()
            await eventually(path.exists)
            assert await asyncio.to_thread(ask, path, "echo", text="hello") == "hello"
            assert services.failed == {}

    asyncio.run(main())


def test_a_bug_of_a_service_ends_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(HttpServer):
        async def start(self) -> None:
            raise KeyError("a bug")

    async def main() -> None:
        section = MetricsSection(listen=Endpoint("127.0.0.1", 0))
        broken = Wanted(lambda: Broken(section.listen, MetricsPage(lambda: STATUS)))
        port = free_port()
        async with running(broken=broken, good=metrics_at(port)) as services:
            assert await is_open(port)
            assert services.failed == {"broken": "internal error (KeyError), please report it"}

    asyncio.run(main())
    told = "broken: internal error (KeyError), please report it; it is tried again"
    assert caplog.messages.count(told) == 1
    assert not any(record.exc_info for record in caplog.records)
