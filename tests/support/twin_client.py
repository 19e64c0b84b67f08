"""An I2CP client with two destinations on one connection, each a web site of one page.

Java's library signs nothing useful for its second destination over a socket. Here two engines share
a socket; the second one gets the first one's greeting.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

from core.client.config import LastingKeys, SessionConfig
from core.client.i2cp_session import I2cpEngine
from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from core.i2cp.client import Phase
from core.i2cp.frames import FrameReader, write_frame
from core.i2cp.session_messages import GetDate, SessionStatus, SetDate
from core.io.system import SystemEntropy, SystemWallClock
from core.streaming.connection import Stream
from core.streaming.events import StreamOpened
from core.tunnel.shape import TunnelShape

_TURN_S = 0.02
_UNUSED_KEY_BYTES = 256
_SHAPE = TunnelShape(length=1, quantity=2)


def twin_of(keys: PrivateKeys, other: PrivateKeys) -> PrivateKeys:
    """``other`` with the unused public key of ``keys``: what a subsession must have."""
    raw = keys.destination.raw[:_UNUSED_KEY_BYTES] + other.destination.raw[_UNUSED_KEY_BYTES:]
    return PrivateKeys(Destination.from_bytes(raw), other.crypto_private, other.signing)


class TwinClient:
    """``names``: the b32 names of both sites, which are there once :attr:`is_ready`."""

    def __init__(self, host: str, port: int, page: bytes) -> None:
        entropy = SystemEntropy()
        first, other = (PrivateKeys.generate_destination(entropy) for _ in range(2))
        lasting = LastingKeys.generate(entropy)
        self._address = host, port
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(page)}\r\nConnection: close\r\n\r\n"
        self._answer = head.encode() + page
        self._engines = [
            I2cpEngine(
                SessionConfig(name, keys, _SHAPE, _SHAPE, publish=True, lasting=lasting),
                keys,
                SystemWallClock(),
                entropy,
            )
            for name, keys in (("pair", first), ("pair-twin", twin_of(first, other)))
        ]
        self.names = [engine.destination.b32 for engine in self._engines]
        self._greeting = b""
        self._visitors: list[tuple[Stream, bytearray]] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    @property
    def is_ready(self) -> bool:
        return all(engine.is_ready for engine in self._engines)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        if self._thread.ident is not None:
            self._thread.join(10)

    async def _run(self) -> None:
        reader, writer = await asyncio.open_connection(*self._address)
        first, second = self._engines
        for engine in self._engines:
            engine.streams.is_listening = True
        from_router, from_second = FrameReader(), FrameReader()
        first.connected(time.monotonic())
        while not self._is_over.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TURN_S):
                    from_router.feed(await reader.read(1 << 20))
            while (frame := from_router.next()) is not None:
                self._hand_over(*frame)
            if second.network.connection is None and self._phase(first) is Phase.OPEN:
                second.connected(time.monotonic())
                second.take_output()  # the protocol byte and a greeting
                second.receive(self._greeting, time.monotonic())
            for engine in self._engines:
                self._turn(engine)
            from_second.feed(second.take_output())
            writer.write(first.take_output())
            while (frame := from_second.next()) is not None:
                assert frame[0] != GetDate.kind
                writer.write(write_frame(*frame))
        writer.close()

    @staticmethod
    def _phase(engine: I2cpEngine) -> Phase | None:
        connection = engine.network.connection
        return None if connection is None else connection.phase

    def _hand_over(self, kind: int, body: bytes) -> None:
        """A message of the router, to the engine that it is for."""
        frame = write_frame(kind, body)
        first, second = self._engines
        if kind == SetDate.kind:
            self._greeting = frame
            target = first
        elif kind == SessionStatus.kind and Phase.CREATING in map(self._phase, self._engines):
            target = first if self._phase(first) is Phase.CREATING else second
        else:
            number = int.from_bytes(body[:2], "big")
            connection = second.network.connection
            is_second = connection is not None and connection.session_id == number
            target = second if is_second else first
        target.receive(frame, time.monotonic())

    def _turn(self, engine: I2cpEngine) -> None:
        engine.run(time.monotonic())
        while (event := engine.next_event()) is not None:
            if isinstance(event, StreamOpened):
                self._visitors.append((event.stream, bytearray()))
        for visitor in list(self._visitors):
            stream, request = visitor
            request += stream.read(4096)
            if b"\r\n\r\n" in request:
                self._visitors.remove(visitor)
                stream.write(self._answer)
                stream.close(time.monotonic())
        engine.run(time.monotonic())
