"""The small HTTP server: what it reads, what it refuses, TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.http_server import HttpRequest, HttpResponse, HttpServer


async def echo(request: HttpRequest) -> HttpResponse:
    said = f"{request.method} {request.path} {request.client} ".encode()
    return HttpResponse(said + request.body)


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[HttpServer]:
    server = HttpServer(Endpoint("127.0.0.1", 0), echo, **options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def ask(port: int, request: bytes, context: ssl.SSLContext | None = None) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


def post(body: bytes, *lines: str, host: str = "localhost") -> bytes:
    head = ["POST /x?y=z HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join((*head, "", "")).encode() + body


def test_a_body_is_read_to_its_limit_and_no_further() -> None:
    async def main() -> None:
        async with serving(body_max=100) as server:
            answer = await ask(server.port, post(b"b" * 100))
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert answer.endswith(b"\r\n\r\nPOST /x 127.0.0.1 " + b"b" * 100)
            assert (await ask(server.port, post(b"b" * 101))).startswith(b"HTTP/1.1 413 ")
            assert (await ask(server.port, post(b"", host="evil.example"))).startswith(
                b"HTTP/1.1 403 "
            )
            assert (await ask(server.port, b"nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400 ")

    asyncio.run(main())


def test_a_client_that_waits_for_100_continue_gets_it() -> None:
    async def main() -> None:
        async with serving(body_max=100) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(post(b"", "Expect: 100-continue").replace(b"Length: 0", b"Length: 2"))
            async with asyncio.timeout(10):
                assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
                writer.write(b"hi")
                assert (await reader.read()).endswith(b" hi")
            writer.close()

    asyncio.run(main())


def test_over_tls_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    async def main() -> None:
        certificate = tmp_path / "service.pem"
        async with serving(body_max=9, certificate=certificate) as server:
            assert certificate.stat().st_mode & 0o077 == 0
            context = ssl.create_default_context(cafile=str(certificate))
            context.check_hostname = False
            answer = await ask(server.port, post(b"secret", host="my.machine"), context)
            assert answer.endswith(b" secret")
            with pytest.raises(ConnectionResetError):
                await ask(server.port, post(b"plain"))

    asyncio.run(main())
