"""A web server that is never the bottleneck: serves from memory, swallows uploads, one process.

``python -m tests.bench.origin`` prints its port. Every answer closes the connection.

* ``GET /bytes/N``: N bytes that do not compress;
* ``GET /paced/RATE/N``: the same at RATE bytes per second, a piece every 20 ms;
* ``POST`` or ``PUT`` anything with a Content-Length: the answer is the count of bytes received.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

_BLOCK = os.urandom(1 << 20)
_PIECE = 1 << 18
_PACE_S = 0.02


class _Connection(asyncio.BufferedProtocol):
    def __init__(self) -> None:
        self._buffer = bytearray(_PIECE)
        self._head = b""
        self._awaited: int | None = None
        self._received = 0
        self._left = 0
        self._is_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._awaited is not None:
            self._received += nbytes
        else:
            self._head += self._buffer[:nbytes]
            head, end, rest = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self._on_head(head.decode("latin-1").split("\r\n"), len(rest))
        if self._awaited and self._received >= self._awaited:
            self._answer(str(self._received).encode())

    def _on_head(self, lines: list[str], received: int) -> None:
        method, path, _ = lines[0].split(" ", 2)
        self._awaited, self._received = 0, received
        if method != "GET":
            fields = dict(line.lower().split(": ", 1) for line in lines[1:])
            self._awaited = int(fields["content-length"])
            return
        parts = path.strip("/").split("/")
        if parts[0] == "bytes":
            self._begin(int(parts[1]))
            self._send()
        elif parts[0] == "paced":
            self._begin(int(parts[2]))
            loop = asyncio.get_running_loop()
            self._pace(int(parts[1]), loop.time(), self._left)
        else:
            self._answer(b"It works.")

    def _begin(self, size: int) -> None:
        self._left = size
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)

    def _answer(self, body: bytes) -> None:
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )
        self._transport.close()

    def _send(self) -> None:
        if self._transport.is_closing():
            return
        while self._left and not self._is_paused:
            size = min(self._left, _PIECE)
            self._left -= size
            self._transport.write(_BLOCK[:size])
        if not self._left:
            self._transport.close()

    def _pace(self, rate: int, began: float, total: int) -> None:
        if self._transport.is_closing():
            return
        loop = asyncio.get_running_loop()
        due = min(total, int((loop.time() - began + _PACE_S) * rate)) - (total - self._left)
        if due > 0 and not self._is_paused:
            size = min(due, len(_BLOCK))
            self._left -= size
            self._transport.write(_BLOCK[:size])
        if self._left:
            loop.call_later(_PACE_S, self._pace, rate, began, total)
        else:
            self._transport.close()

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        if self._left and self._head.startswith(b"GET /bytes"):
            # Not at once: asyncio may not be asked to close a transport inside this call.
            asyncio.get_running_loop().call_soon(self._send)


class OriginProcess:
    """The server in a process of its own, as a context manager."""

    def __enter__(self) -> OriginProcess:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.origin"], stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


async def _main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
