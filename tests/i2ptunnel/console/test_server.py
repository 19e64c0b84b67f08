"""HTTP of the console under bad clients: slow ones, many, and those that do not read."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from i2ptunnel.console import guard, server
from i2ptunnel.demo import free_port
from tests.support.console import Visitor, console, read_answer
from tests.support.waiting import until

PIPELINED = ("tunnels", "logs", "nowhere")


@asynccontextmanager
async def connected(
    visitor: Visitor,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", visitor.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def test_requests_follow_each_other_on_one_connection(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            head = f"GET {visitor.base}{{}} HTTP/1.1\r\nHost: {visitor.host}\r\n{{}}\r\n"
            cookie = f"Cookie: {visitor.cookie}\r\n"
            pipelined = "".join(head.format(page, cookie) for page in PIPELINED)
            last = head.format("", f"{cookie}Connection: close\r\n")
            async with connected(visitor) as (reader, writer), asyncio.timeout(20):
                writer.write((pipelined + last).encode())
                answers = (await reader.read()).split(b"HTTP/1.1 ")[1:]
            assert [answer[:3] for answer in answers] == [b"200", b"200", b"404", b"200"]
            titles = (b"Tunnels", b"Log", b"Not possible", b"Overview")
            for answer, title in zip(answers, titles, strict=True):
                assert b"<title>" + title in answer

    asyncio.run(main())


def test_a_slow_head_and_a_slow_body_end_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "IDLE_TIMEOUT_S", 0.4)
    monkeypatch.setattr(guard, "BODY_TIMEOUT_S", 0.2)

    async def drip(writer: asyncio.StreamWriter) -> None:
        with pytest.raises(ConnectionError):
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)

    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.get("/")
            async with connected(visitor) as (reader, writer), asyncio.timeout(10):
                writer.write(b"GET / HTTP/1.1\r\nX-Slow: ")
                # Each byte does not begin the time anew.
                await asyncio.gather(drip(writer), reader.read(), return_exceptions=True)
            head = f"POST /enter HTTP/1.1\r\nHost: {visitor.host}\r\nContent-Length: 100\r\n\r\nto"
            async with connected(visitor) as (reader, writer), asyncio.timeout(10):
                writer.write(head.encode())
                answer = read_answer(await reader.read())
            assert answer.status == 408
            assert "took too long" in answer.words
            async with connected(visitor) as (reader, _), asyncio.timeout(10):
                assert await reader.read() == b""  # it has said nothing at all

    asyncio.run(main())


def test_half_open_connections_keep_nobody_out(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            half_open = []
            for _ in range(200):
                half_open.append(socket.create_connection(("127.0.0.1", visitor.port)))
                half_open[-1].send(b"GET / HTTP/1.1\r\n")
            async with asyncio.timeout(10):
                await visitor.enter()
                assert (await visitor.get("tunnels")).status == 200
            for sock in half_open:
                sock.close()

    asyncio.run(main())


def test_who_does_not_read_keeps_nobody_out_and_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "RESPONSE_TIMEOUT_S", 0.5)
    tunnels = "tunnels:\n" + "".join(
        f'  t{number}: {{{{type: client, listen: "unix:{{directory}}/{number}", '
        f"destination: a.i2p, enabled: false}}}}\n"
        for number in range(200)
    )

    async def main() -> None:
        async with console(tmp_path, tunnels=tunnels) as visitor:
            await visitor.enter()
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(sock, ("127.0.0.1", visitor.port))
            head = f"GET {visitor.base}tunnels HTTP/1.1\r\nHost: {visitor.host}\r\n"
            await loop.sock_sendall(sock, f"{head}Cookie: {visitor.cookie}\r\n\r\n".encode() * 40)
            assert (await visitor.get("")).status == 200
            service = visitor.program.services
            await until(
                "no connection", lambda: not service.status()["console"]["connections_open"]
            )
            sock.close()

    asyncio.run(main())


def test_the_end_of_the_service_ends_its_connections(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            head = f"GET {visitor.base}live HTTP/1.1\r\nHost: {visitor.host}\r\n"
            async with connected(visitor) as (reader, writer), asyncio.timeout(10):
                writer.write(f"{head}Cookie: {visitor.cookie}\r\n\r\n".encode())
                await reader.readuntil(b"data: ")
                text = visitor.path.read_text()
                visitor.path.write_text(text.replace("control:\n  console:", "x-was:\n  console:"))
                await visitor.program.apply(visitor.program.reread())
                with contextlib.suppress(ConnectionError):
                    await reader.read()
            with pytest.raises(ConnectionError):
                await asyncio.open_connection("127.0.0.1", visitor.port)

    asyncio.run(main())


def test_a_console_that_moves_itself_says_where_it_is(tmp_path: Path) -> None:
    async def main() -> None:
        async with console(tmp_path) as visitor:
            await visitor.enter()
            before, port = visitor.port, free_port("127.0.0.1", 0)
            text = visitor.path.read_text()
            moved = text.replace(f"127.0.0.1:{before}", f"127.0.0.1:{port}")
            await visitor.page_after(await visitor.post("settings/file", {"text": moved}))
            async with asyncio.timeout(10):
                answer = await visitor.post("settings/confirm", {})
            assert answer.status == 200
            assert f'href="http://127.0.0.1:{port}/"' in answer.text
            assert "The console has moved The change is made." in answer.words
            with pytest.raises(ConnectionError):
                await asyncio.open_connection("127.0.0.1", before)
            visitor.port = port
            visitor.cookie = visitor.base = ""
            await visitor.enter()
            # Switched off, it still answers whoever did that.
            gone = visitor.path.read_text().replace("control:\n  console:", "x-was:\n  console:")
            await visitor.page_after(await visitor.post("settings/file", {"text": gone}))
            answer = await visitor.post("settings/confirm", {})
            assert "The change is made. It is switched off." in answer.words

    asyncio.run(main())
