"""TLS on local connections: half-close, listeners, handshakes that never end."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from core.api import ensure_certificate
from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.relay import tls as module
from i2ptunnel.relay.listener import Accepted, Listener, ListenerLimits
from i2ptunnel.relay.tls import TlsChannel, client_context, connect_tls, server_context
from tests.support.waiting import until

BIG = bytes(range(256)) * 4096


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "cert.pem"
    ensure_certificate(path, ["localhost", "127.0.0.1"])
    return path


async def channels(certificate: Path) -> tuple[TlsChannel, TlsChannel]:
    """Client and server end of one connection."""
    one, other = socket.socketpair()
    client, server = await TlsChannel.of_socket(one), await TlsChannel.of_socket(other)
    assert isinstance(client, TlsChannel)
    assert isinstance(server, TlsChannel)
    await asyncio.gather(
        client.shake_hands(client_context(certificate), server_name="localhost"),
        server.shake_hands(server_context(certificate, None), is_server=True),
    )
    return client, server


async def read_all(channel: TlsChannel) -> bytes:
    pieces = []
    while piece := await channel.read():
        pieces.append(piece)
    return b"".join(pieces)


def test_each_direction_ends_by_itself(certificate: Path) -> None:
    async def main() -> None:
        client, server = await channels(certificate)

        async def answer() -> bytes:
            got = await read_all(server)
            await server.write(b"answer" + got)
            await server.close()
            return got

        answering = asyncio.create_task(answer())
        await client.write(BIG)
        await client.close_write()
        assert await read_all(client) == b"answer" + BIG
        assert await answering == BIG
        await client.close()

    asyncio.run(main())


def test_an_end_without_goodbye_is_no_end(certificate: Path) -> None:
    async def main() -> None:
        client, server = await channels(certificate)
        await client.write(b"half a")
        assert await server.read() == b"half a"
        client.reset()
        with pytest.raises(Unavailable) as caught:
            await server.read()
        assert caught.value.code == "stream_reset"

    asyncio.run(main())


def test_junk_instead_of_tls(certificate: Path) -> None:
    async def main() -> None:
        one, other = socket.socketpair()
        server = await TlsChannel.of_socket(other)
        assert isinstance(server, TlsChannel)
        one.send(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(Unavailable, match="TLS failed") as caught:
            await server.shake_hands(server_context(certificate, None), is_server=True)
        assert caught.value.code == "tls_failed"
        one.close()

    asyncio.run(main())


async def echo(accepted: Accepted) -> None:
    accepted.establish()
    channel = accepted.channel
    while data := await channel.read():
        await channel.write(data)
    await channel.close()


def test_a_listener_serves_tls_and_lets_silent_ones_go(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HANDSHAKE_TIMEOUT_S", 0.2)

    async def main() -> None:
        listener = Listener(Endpoint("127.0.0.1", 0), echo, ListenerLimits(4, 4))
        listener.tls = server_context(certificate, None)
        listener.bind()
        serving = asyncio.create_task(listener.serve())
        endpoint = Endpoint("127.0.0.1", listener.port)
        silent = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(8)]
        client = await connect_tls(endpoint, 5, client_context(certificate), "localhost")
        await client.write(BIG)
        await client.close_write()
        assert await read_all(client) == BIG
        await client.close()
        await until("all are gone", lambda: not listener.open_connections)
        for _, writer in silent:
            writer.close()
        with pytest.raises(Unavailable, match="hostname mismatch"):
            await connect_tls(endpoint, 5, client_context(certificate), "other.example")
        with pytest.raises(Unavailable, match=r"self.signed"):
            await connect_tls(endpoint, 5, client_context(None), "localhost")
        # and an ordinary TLS library agrees
        context = ssl.create_default_context(cafile=str(certificate))
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", listener.port, ssl=context, server_hostname="localhost"
        )
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        listener.close()

    asyncio.run(main())


def test_certificates_that_cannot_be_used(tmp_path: Path, certificate: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    for path, key in ((tmp_path / "missing", None), (junk, None), (certificate, junk)):
        with pytest.raises(Unavailable, match="cannot be used"):
            server_context(path, key)
    with pytest.raises(Unavailable, match="cannot be used"):
        client_context(junk)
    assert certificate.stat().st_mode & 0o777 == 0o600
    before = certificate.read_bytes()
    ensure_certificate(certificate, ["localhost"])
    assert certificate.read_bytes() == before
