"""Whatever programs send to the bridge, no turn of the loop is long."""

from __future__ import annotations

import asyncio
import select
import socket
from pathlib import Path

import pytest

from tests.i2ptunnel.sam.test_bridge import session
from tests.support.sam_bridge import SamNetwork
from tests.support.sam_client import close_all
from tests.support.turns import run_in_short_turns

HELLO = b"HELLO VERSION\n"
CONNECTIONS = 4
FLOODS = {
    "keys": b"DEST GENERATE SIGNATURE_TYPE=2\n" * 100,
    "empty lines": b"\n" * 5_000,
    "nonsense": b"x y\n" * 1_000,
    "long lines": (b"NAMING LOOKUP NAME=" + b'"\\"' * 4000 + b"\n") * 20,
    "many options": (b"SESSION CREATE " + b" ".join(b"%d=x" % n for n in range(2000)) + b"\n") * 10,
    "refused sessions": b"SESSION CREATE STYLE=STREAM ID=one DESTINATION=TRANSIENT\n" * 200,
    "datagrams": b"DATAGRAM SEND DESTINATION=x SIZE=1\n.\n" * 500,
}


def flood(port: int, data: bytes) -> int:
    """Send and read at the same time, on several connections; how many bytes came back."""
    received = 0
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    left = {sock: memoryview(HELLO + data + b"QUIT\n") for sock in sockets}
    for sock in sockets:
        sock.setblocking(False)
    while left:
        readable, writable, _ = select.select(left, [one for one in left if left[one]], [], 10)
        for sock in writable:
            try:
                left[sock] = left[sock][sock.send(left[sock][:65536]) :]
            except OSError:
                left[sock] = memoryview(b"")
        for sock in readable:
            try:
                got = sock.recv(65536)
            except OSError:
                got = b""
            received += len(got)
            if not got:
                sock.close()
                del left[sock]
    return received


@pytest.mark.parametrize("name", list(FLOODS))
def test_no_turn_is_long(tmp_path: Path, name: str) -> None:
    async def main() -> int:
        async with SamNetwork(tmp_path).bridge() as running:
            control = await session(running.port, "one")
            received = await asyncio.to_thread(flood, running.port, FLOODS[name])
            assert await control.ask("PING") == ("PONG", {})
            await close_all()
            return received

    received, _ = run_in_short_turns(main())
    assert received > CONNECTIONS * 30
