"""What sends back whatever comes: behind a tunnel of another router, and on a stream of ours."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from core.api import Stream
from core.base.errors import I2PError


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def echo_server() -> Iterator[int]:
    """A TCP server in threads of its own; its port at 127.0.0.1."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()


async def echo(stream: Stream) -> None:
    """Until the other side ends; a failure resets."""
    try:
        while data := await stream.read():
            await stream.write(data)
        await stream.close()
    except I2PError:
        stream.reset()
