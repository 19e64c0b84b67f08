"""Who has left and who only has nothing more to say: browsers, visitors, and the web server's view.

The end of one direction (FIN, CLOSE) is no departure, a reset is; the web server behind an eepsite
sees a reset only where its visitor made one.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from core.base.errors import Unavailable
from i2ptunnel.config.client_models import ClientTunnelSection
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.server_models import HttpServerSection, ServerTunnelSection
from i2ptunnel.relay.http_front import LEFT_GRACE_S
from tests.support.loopback_session import LoopbackNetwork, LoopbackStream
from tests.support.tunnel_bench import ANY_PORT, Bench, TableResolver, http_bench, port_of, running
from tests.support.waiting import until

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"


def run(case: Callable[[Bench], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        async with http_bench(**options) as bench:
            await case(bench)

    asyncio.run(main())


async def say(writer: asyncio.StreamWriter) -> None:
    writer.write(ANSWER)
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_front_that_ends_its_direction_gets_its_answer(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """printf ... | nc -N, and a closed tab: nobody can tell them apart, so both are bounded."""

    async def case(bench: Bench) -> None:
        wait_s = 0.3

        async def late(
            got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await asyncio.sleep(wait_s)
            await say(writer)

        bench.origin.answer = late
        raw = f"{method} http://site.i2p/ HTTP/1.0\r\nContent-Length: 0\r\n\r\n".encode()
        assert (await bench.ask(raw, half_close=True)).endswith(b"abc")
        monkeypatch.setattr("i2ptunnel.relay.http_front.LEFT_GRACE_S", 0.1)
        wait_s = 2.0
        assert await bench.ask(raw, half_close=True) == b""

    assert LEFT_GRACE_S == 300
    run(case)


def test_a_front_that_resets_is_gone_at_once_also_after_its_end() -> None:
    async def case(bench: Bench) -> None:
        gone = asyncio.Event()

        async def never(
            got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            try:
                await reader.read()
            finally:
                gone.set()

        bench.origin.answer = never
        for has_ended in (False, True):
            gone.clear()
            _, writer = await asyncio.open_connection("127.0.0.1", bench.proxy_port)
            writer.write(b"GET http://site.i2p/ HTTP/1.0\r\n\r\n")
            if has_ended:
                writer.write_eof()
            before = len(bench.origin.received)
            await until("the request", lambda was=before: len(bench.origin.received) > was, 5)
            await asyncio.sleep(0.05)
            assert not gone.is_set()
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            async with asyncio.timeout(2):
                await gone.wait()

    run(case)


def test_fronts_that_have_ended_make_room_first() -> None:
    async def case(bench: Bench) -> None:
        answering = asyncio.Event()

        async def late(
            got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await answering.wait()
            await say(writer)

        bench.origin.answer = late
        raw = b"GET http://site.i2p/ HTTP/1.0\r\n\r\n"
        left = asyncio.create_task(bench.ask(raw, half_close=True))
        stays = asyncio.create_task(bench.ask(raw))
        async with asyncio.timeout(5):
            await until("two requests", lambda: len(bench.origin.received) >= 2, 5)
            comes = asyncio.create_task(bench.ask(raw))
            assert await left == b""
            answering.set()
            assert (await stays).endswith(b"abc")
            assert (await comes).endswith(b"abc")
        assert bench.proxy.counters()["connections_evicted"] == 1

    run(case, client={"max_connections": 2})


class WebServer:
    """Notes how each of its connections ends: "end" or "reset"."""

    def __init__(self) -> None:
        self.ends: list[str] = []
        self.served = 0
        self.begun = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.begun.set()
            path = head.split()[1]
            if path == b"/large":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + bytes(300_000))
            elif path == b"/":
                writer.write(ANSWER)
            while await reader.read(65536):
                pass
            self.ends.append("end")
        except asyncio.IncompleteReadError:
            self.ends.append("end")
        except ConnectionError:
            self.ends.append("reset")
        finally:
            writer.close()


Visit = Callable[[LoopbackStream, WebServer], Awaitable[None]]


async def whole(stream: LoopbackStream, server: WebServer) -> None:
    await stream.write(b"GET / HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n")
    while await stream.read():
        pass
    await stream.close()


async def while_waiting(stream: LoopbackStream, server: WebServer) -> None:
    await stream.write(b"GET /wait HTTP/1.1\r\nHost: s\r\n\r\n")
    await server.begun.wait()
    await stream.close()


async def in_the_answer(stream: LoopbackStream, server: WebServer) -> None:
    await stream.write(b"GET /large HTTP/1.1\r\nHost: s\r\n\r\n")
    await stream.read()
    # i2pd: knows the stream no more, and so acknowledges nothing until the site gives up
    stream._in.fail(Unavailable("the other side no longer answers", "stream_reset"))


async def in_the_upload(stream: LoopbackStream, server: WebServer) -> None:
    await stream.write(b"POST /up HTTP/1.1\r\nHost: s\r\nContent-Length: 9000\r\n\r\nabc")
    await server.begun.wait()
    await stream.close_write()


async def with_a_reset(stream: LoopbackStream, server: WebServer) -> None:
    await stream.write(b"GET /wait HTTP/1.1\r\nHost: s\r\n\r\n")
    await server.begun.wait()
    stream.reset()


LEAVING: dict[str, tuple[Visit, str]] = {
    "after the answer": (whole, "end"),
    "while waiting": (while_waiting, "end"),
    "in the answer": (in_the_answer, "end"),
    "in the upload": (in_the_upload, "end"),
    "with a reset": (with_a_reset, "reset"),
}


@pytest.mark.parametrize("keeps", [True, False], ids=["keep-alive", "close"])
@pytest.mark.parametrize("how", LEAVING)
def test_the_web_server_sees_a_reset_only_if_the_visitor_reset(how: str, keeps: bool) -> None:
    visit, end = LEAVING[how]

    async def main() -> None:
        server = WebServer()
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        network = LoopbackNetwork()
        target = Endpoint("127.0.0.1", listening.sockets[0].getsockname()[1])
        model = HttpServerSection(target=target, keep_alive=keeps, response_timeout=1)
        async with running("site", model, network, TableResolver({})) as site:
            session: Any = site.session
            visitor = network.session("visitor")
            stream = await visitor.connect(session.destination.hash, port=80)
            async with asyncio.timeout(8):
                await visit(stream, server)
                if not (keeps and how == "after the answer"):
                    await until("the server's end", lambda: server.ends, 8)
        # A kept connection ends with the tunnel.
        await until("the server's end", lambda: server.ends, 5)
        assert server.ends == [end]
        listening.close()

    asyncio.run(main())


@pytest.mark.parametrize("end", ["end", "reset"])
def test_a_plain_server_passes_ends_and_resets_on_as_what_they_are(end: str) -> None:
    async def main() -> None:
        ends: list[str] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while await reader.read(100):
                    pass
                ends.append("end")
                writer.write(b"late")
            except ConnectionError:
                ends.append("reset")
            writer.close()

        listening = await asyncio.start_server(serve, "127.0.0.1", 0)
        network = LoopbackNetwork()
        target = Endpoint("127.0.0.1", listening.sockets[0].getsockname()[1])
        async with running(
            "plain", ServerTunnelSection(target=target), network, TableResolver({})
        ) as tunnel:
            session: Any = tunnel.session
            stream = await network.session("visitor").connect(session.destination.hash)
            await stream.write(b"hello")
            async with asyncio.timeout(5):
                if end == "end":
                    await stream.close_write()
                    assert await stream.read() == b"late"
                    assert await stream.read() == b""
                else:
                    await asyncio.sleep(0.05)
                    stream.reset()
                await until("an end", lambda: ends, 5)
        assert ends == [end]
        listening.close()

    asyncio.run(main())


@asynccontextmanager
async def asked_and_ended() -> AsyncIterator[
    tuple[asyncio.StreamReader, asyncio.StreamWriter, LoopbackStream]
]:
    """A local program has asked through a plain tunnel and ended its own direction.

    Its connection, and the service's stream, which has read both.
    """
    network = LoopbackNetwork()
    service = network.session("service")
    resolver = TableResolver({"service.i2p": service.destination.hash})
    model = ClientTunnelSection(listen=ANY_PORT, destination=(DestinationName("service.i2p", 0),))
    async with running("plain", model, network, resolver) as tunnel, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(tunnel))
        writer.write(b"question")
        writer.write_eof()
        stream = await service.accept()
        assert await stream.read() == b"question"
        assert await stream.read() == b""
        yield reader, writer, stream


@pytest.mark.parametrize("end", ["end", "reset"])
def test_a_local_program_learns_at_once_that_its_peer_is_gone(end: str) -> None:
    """After its own end, too: Java's server drops everything then."""

    async def main() -> None:
        async with asked_and_ended() as (reader, writer, stream):
            if end == "end":
                await stream.close()
                assert await reader.read() == b""
            else:
                stream.reset()
                with pytest.raises(ConnectionResetError):
                    await reader.read()
            writer.close()

    asyncio.run(main())


def test_a_peer_learns_that_a_local_program_is_gone_after_its_end() -> None:
    async def main() -> None:
        async with asked_and_ended() as (_, writer, stream):
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            await stream.wait_reset()

    asyncio.run(main())
