"""Listeners that cannot be starved: file descriptors, limits, who may connect, Unix sockets."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import os
import resource
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.relay.listener import Accepted, Handler, Listener, ListenerLimits
from tests.support.waiting import until

ANY_PORT = Endpoint("127.0.0.1", 0)
DEFAULT_LIMITS = ListenerLimits()


async def greet(accepted: Accepted) -> None:
    """Establishes at once and serves until the client ends."""
    accepted.establish()
    await accepted.channel.write(b"hello")
    while await accepted.channel.read():
        pass
    await accepted.channel.close()


async def wait_silently(accepted: Accepted) -> None:
    """A handler that is still waiting for a request."""
    await accepted.channel.read()
    accepted.establish()
    await accepted.channel.write(b"served")
    await accepted.channel.close()


@contextlib.asynccontextmanager
async def listening(
    handler: Handler = greet,
    endpoint: Endpoint = ANY_PORT,
    limits: ListenerLimits = DEFAULT_LIMITS,
    **options: Any,
) -> AsyncIterator[Listener]:
    listener = Listener(endpoint, handler, limits, **options)
    listener.bind()
    task = asyncio.create_task(listener.serve())
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        listener.close()


async def first_bytes(port: int, count: int = 5, timeout_s: float = 5.0) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(timeout_s):
            return await reader.readexactly(count)
    finally:
        writer.close()


async def is_turned_away(port: int) -> bool:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        await first_bytes(port)
        return False
    return True


def test_out_of_file_descriptors_it_goes_on_and_recovers(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("i2ptunnel.relay.acceptor._PAUSE_S", 0.01)

    async def main() -> None:
        async with listening() as listener:
            port = listener.port
            assert await first_bytes(port) == b"hello"
            await until("all are gone", lambda: not listener.open_connections)
            clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
            held = _take_all_descriptors()
            try:
                # Each needs a descriptor in this process, and none is left.
                await until("five refused", lambda: listener.counters.exhausted >= 5, 5)
            finally:
                for handle in held:
                    os.close(handle)
            for client in clients:
                client.close()
            async with asyncio.timeout(1):
                assert await first_bytes(port) == b"hello"

    with _few_descriptors():
        asyncio.run(main())
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1


@contextlib.contextmanager
def _few_descriptors() -> Any:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 200), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _take_all_descriptors() -> list[int]:
    held = []
    while True:
        try:
            held.append(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            assert error.errno == errno.EMFILE
            return held


def test_a_reserve_descriptor_turns_the_waiting_one_away() -> None:
    async def main() -> None:
        async with listening() as listener:
            clients = [socket.create_connection(("127.0.0.1", listener.port)) for _ in range(2)]
            held = _take_all_descriptors()
            try:
                await until("one refused", lambda: listener.counters.exhausted >= 1, 5)
            finally:
                for handle in held:
                    os.close(handle)
            clients[0].settimeout(5)
            assert clients[0].recv(10) == b""  # not left hanging
            for client in clients:
                client.close()

    with _few_descriptors():
        asyncio.run(main())


def test_half_open_connections_make_room_for_a_real_client() -> None:
    async def main() -> None:
        limits = ListenerLimits(connections=20, connections_per_client=20)
        async with listening(wait_silently, limits=limits) as listener:
            idle = [socket.create_connection(("127.0.0.1", listener.port)) for _ in range(100)]
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            writer.write(b"request")
            async with asyncio.timeout(5):
                assert await reader.read() == b"served"
            writer.close()
            assert listener.open_connections <= 20
            assert listener.counters.evicted >= 80
            for client in idle:
                client.close()

    asyncio.run(main())


def test_established_connections_are_not_dropped_for_new_ones() -> None:
    async def main() -> None:
        limits = ListenerLimits(connections=2)
        async with listening(limits=limits, busy_answer=b"busy!") as listener:
            pairs = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(2)]
            for reader, _ in pairs:
                assert await reader.readexactly(5) == b"hello"
            assert await first_bytes(listener.port) == b"busy!"
            assert listener.counters.refused == 1
            pairs[0][1].close()
            await until("one is gone", lambda: listener.open_connections <= 1)
            assert await first_bytes(listener.port) == b"hello"
            pairs[1][1].close()

    asyncio.run(main())


def test_one_client_cannot_take_all() -> None:
    async def main() -> None:
        limits = ListenerLimits(connections=10, connections_per_client=1)
        async with listening(limits=limits) as listener:
            _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            await until("a connection", lambda: listener.open_connections)
            assert await is_turned_away(listener.port)
            reader, other = await asyncio.open_connection(
                "127.0.0.1", listener.port, local_addr=("127.0.0.9", 0)
            )
            assert await reader.readexactly(5) == b"hello"
            for end in (writer, other):
                end.close()

    asyncio.run(main())


def test_only_allowed_networks_may_connect() -> None:
    allow = (ipaddress.ip_network("127.0.0.8/29"),)

    async def main() -> None:
        async with listening(allow=allow) as listener:
            assert await is_turned_away(listener.port)
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", listener.port, local_addr=("127.0.0.9", 0)
            )
            assert await reader.readexactly(5) == b"hello"
            writer.close()

    asyncio.run(main())


def test_a_handler_that_fails_ends_its_own_connection_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    errors: list[Exception] = [ValueError("a bug"), Unavailable("gone", "stream_reset")]

    async def fail(accepted: Accepted) -> None:
        if errors:
            raise errors.pop()
        await greet(accepted)

    async def main() -> None:
        async with listening(fail) as listener:
            assert await is_turned_away(listener.port)
            assert await is_turned_away(listener.port)
            assert await first_bytes(listener.port) == b"hello"

    asyncio.run(main())
    shown = [record for record in caplog.records if record.levelno >= logging.INFO]
    assert [record.getMessage() for record in shown] == ["internal error: ValueError"]
    assert all(record.exc_info is None for record in shown)


def test_stopping_resets_the_connections() -> None:
    async def main() -> None:
        async with listening() as listener:
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            assert await reader.readexactly(5) == b"hello"
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        assert listener.open_connections == 0

    asyncio.run(main())


def test_a_stale_unix_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    left_over = socket.socket(socket.AF_UNIX)
    left_over.bind(str(path))
    left_over.close()

    async def main() -> None:
        async with listening(endpoint=Endpoint(path=str(path))):
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            reader, writer = await asyncio.open_unix_connection(str(path))
            assert await reader.readexactly(5) == b"hello"
            with pytest.raises(Unavailable, match=r"cannot listen on unix:.*in use"):
                Listener(Endpoint(path=str(path)), greet, ListenerLimits()).bind()
            writer.close()
        assert not path.exists()

    asyncio.run(main())


def test_a_file_in_the_way_of_a_unix_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(Unavailable, match="cannot listen"):
        Listener(Endpoint(path=str(path)), greet, ListenerLimits()).bind()
    assert path.read_text() == "data"


def test_addresses_that_cannot_be_had() -> None:
    with pytest.raises(Unavailable) as caught:
        Listener(Endpoint("192.0.2.1", 5555), greet, ListenerLimits()).bind()
    assert caught.value.code == "cannot_listen"
    assert "192.0.2.1:5555" in str(caught.value)


def test_a_flood_that_is_accepted_at_once_leaves_nothing_behind() -> None:
    async def main() -> None:
        async with listening(wait_silently, limits=ListenerLimits(4, 3)) as listener:
            flood = [socket.create_connection(("127.0.0.1", listener.port)) for _ in range(100)]
            await until("all are taken", lambda: listener.counters.accepted >= 100)
            assert listener.open_connections == 3
            assert listener.counters.evicted == 97
            client = socket.create_connection(("127.0.0.1", listener.port))
            client.sendall(b"request")
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(1):
                assert await loop.sock_recv(client, 10) == b"served"
            client.close()
            for sock in flood:
                sock.close()
            await until("all are gone", lambda: not listener.open_connections)
            assert not listener._slots.idle

    asyncio.run(main())


def test_limits_change_while_it_listens() -> None:
    async def main() -> None:
        async with listening() as listener:
            listener.change(ListenerLimits(1, 1), (ipaddress.ip_network("127.0.0.0/8"),))
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
                assert await reader.readexactly(5) == b"hello"
                assert await is_turned_away(listener.port)
                listener.change(ListenerLimits(9, 9), ())
                assert await first_bytes(listener.port) == b"hello"
                writer.close()

    asyncio.run(main())
