"""A time server on loopback that answers as its test wants."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable

from core.base.sntp import PACKET_BYTES

UNIX_EPOCH = 2_208_988_800


def ntp_time(unix_s: float) -> int:
    """64 bits; from 2036 on they have begun again."""
    return int((unix_s + UNIX_EPOCH) * 2**32) % 2**64


def answer(
    request: bytes,
    unix_s: float,
    *,
    stratum: int = 2,
    leap: int = 0,
    version: int = 4,
    mode: int = 4,
    root_delay_s: float = 0.01,
    root_dispersion_s: float = 0.01,
    code: bytes = b"\x7f\0\0\1",
    origin: bytes | None = None,
    held_s: float = 0.0,
) -> bytes:
    """A server's packet that came and left at ``unix_s`` (``held_s`` between)."""
    received, sent = ntp_time(unix_s), ntp_time(unix_s + held_s) if unix_s else 0
    return struct.pack(
        ">BBbbII4sQ8sQQ",
        leap << 6 | version << 3 | mode,
        stratum,
        6,
        -20,
        int(root_delay_s * 65536),
        int(root_dispersion_s * 65536),
        code,
        ntp_time(unix_s - 60),
        request[40:48] if origin is None else origin,
        received if unix_s else 0,
        sent,
    )


def is_request(data: bytes) -> bool:
    """Of version 4, from a client, with nothing in it but a timestamp that is no time."""
    return (
        len(data) == PACKET_BYTES
        and data[:1] == b"\x23"
        and not any(data[1:40])
        and any(data[40:48])
    )


class TimeServer:
    """Listens on a port of 127.0.0.1; ``reply`` makes its answers, None is silence.

    By default it tells the time that is ``error_s`` ahead of this machine's clock.
    """

    def __init__(
        self, error_s: float = 0.0, reply: Callable[[bytes], bytes | None] | None = None
    ) -> None:
        self.error_s = error_s
        self.reply = reply or (lambda request: answer(request, time.time() + self.error_s))
        self.requests: list[bytes] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = ("127.0.0.1", self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            data, source = self._socket.recvfrom(1024)
            if not data:
                return
            self.requests.append(data)
            reply = self.reply(data)
            if reply is not None:
                self._socket.sendto(reply, source)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.address)
        self._thread.join(10)
        self._socket.close()

    def __enter__(self) -> TimeServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
