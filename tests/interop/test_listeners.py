"""The running program's listeners under floods: they answer within a second, whatever happened.

Nothing here needs other routers: what is asked for is answered by the program itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import time
from collections.abc import Iterator

import pytest

from tests.support.appliance import Appliance
from tests.support.i2pd_net import wait_until
from tests.support.machine import slowdown

pytestmark = [pytest.mark.interop, pytest.mark.alone, pytest.mark.timeout(180)]

ADDRESS = "127.78.60.1"
HALF_OPEN = 2000
ANSWER_S = 1.0
HALF_OPEN_LIFE_S = 20.0
GROWTH_MB_MAX = 60.0

#: listener's port -> what to say, and how the answer begins
QUESTIONS = {
    4444: (b"GET http://proxy.i2p/ HTTP/1.1\r\nHost: proxy.i2p\r\n\r\n", b"HTTP/1.1 200 "),
    4445: (b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"HTTP/1.1 403 "),
    4447: (b"\x05\x01\x00", b"\x05\x00"),
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    tunnels = {
        "web": {"type": "httpclient", "listen": f"{ADDRESS}:4444"},
        "connect": {"type": "connectclient", "listen": f"{ADDRESS}:4445"},
        "socks": {"type": "sockstunnel", "listen": f"{ADDRESS}:4447"},
    }
    for tunnel in tunnels.values():
        tunnel["allow"] = "127.0.0.0/8"
    made = Appliance(tmp_path_factory.mktemp("one"), ADDRESS, 20160, tunnels)
    made.start()
    wait_until("the program is up", lambda: "i2ptunnel is up" in made.log, 20)
    try:
        yield made
    finally:
        made.stop(kill=True)


@pytest.fixture(autouse=True)
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def answer(port: int) -> bytes:
    question, _ = QUESTIONS[port]
    reader, writer = await asyncio.open_connection(ADDRESS, port)
    try:
        writer.write(question)
        return await reader.read(100)
    finally:
        writer.close()


async def answers_within(port: int, limit_s: float) -> float:
    """Seconds until a proper answer came; tries again until then. A busy machine gets more."""
    began = time.monotonic()
    while (waited_s := time.monotonic() - began) < limit_s or waited_s < limit_s * slowdown():
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(limit_s):
                if (await answer(port)).startswith(QUESTIONS[port][1]):
                    return time.monotonic() - began
        await asyncio.sleep(0.02)
    raise AssertionError(f"no answer at port {port} within {limit_s} s")


async def open_many(port: int, count: int, first: bytes) -> list[socket.socket]:
    """Connections that have said ``first``; those that cannot be made are left out."""
    opened = []
    for number in range(count):
        sock = socket.socket()
        sock.settimeout(0.5)
        try:
            sock.connect((ADDRESS, port))
            sock.send(first)
        except OSError:
            sock.close()
        else:
            sock.setblocking(False)
            opened.append(sock)
        if number % 50 == 0:
            await asyncio.sleep(0)
    return opened


def is_closed(sock: socket.socket) -> bool:
    """Whether the other side has closed it; what it said before is read away."""
    try:
        while sock.recv(65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def close_all(opened: list[socket.socket]) -> None:
    for sock in opened:
        sock.close()


def test_half_open_connections_keep_nobody_out_and_are_closed(program: Appliance) -> None:
    async def main() -> None:
        before_mb = program.memory_mb()
        opened = []
        for port, (question, _) in QUESTIONS.items():
            opened += await open_many(port, HALF_OPEN, question[:2])
            stack.callback(close_all, opened)
            for _ in range(3):
                await answers_within(port, ANSWER_S)
        last_at = time.monotonic()
        assert len(opened) > HALF_OPEN, "the others were closed at once"
        assert program.memory_mb() - before_mb < GROWTH_MB_MAX
        while sum(is_closed(sock) for sock in opened) < len(opened):
            waited_s = time.monotonic() - last_at
            assert waited_s < HALF_OPEN_LIFE_S or waited_s < HALF_OPEN_LIFE_S * slowdown()
            await asyncio.sleep(0.1)

    with contextlib.ExitStack() as stack:
        asyncio.run(main())


def test_without_descriptors_and_after(program: Appliance) -> None:
    async def main() -> None:
        assert program.process is not None
        pid = program.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        lines = len(program.log.splitlines())
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (256, limits[1]))
        try:
            opened = []
            for port in QUESTIONS:
                opened += await open_many(port, 400, b"")
            await asyncio.sleep(2)
            assert program.process.poll() is None
            close_all(opened)
            for port in QUESTIONS:
                await answers_within(port, ANSWER_S)
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        told = program.log.splitlines()[lines:]
        assert len(told) <= 5, told

    asyncio.run(main())


def test_the_log_stays_quiet(program: Appliance) -> None:
    assert "Traceback" not in program.log
    assert len(program.log) < 20_000
