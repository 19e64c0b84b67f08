"""Hostile sites and strangers over a network of our own routers: no turn of any loop is long.

An answer of 919 bytes once held a router for 1.3 s, one of 87 kB for more than 30 s. The routers
themselves say how long their turns were.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from i2ptunnel.control import ask
from tests.i2ptunnel.tunnels.test_hostile_pacing import (
    ANSWERS,
    CHUNKED,
    LAST,
    LINES,
    REQUESTS,
    drain,
    in_gzip,
    without_framing,
)
from tests.interop.conftest import TWO_HOPS, own_tunnels, site_name
from tests.support.appliance import FAST, Appliance

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

LARGE: dict[str, tuple[bytes, int]] = {
    "919 bytes": (in_gzip(b"1\r\nx\r\n" * 100_000 + LAST), 0),
    "87 kB": (in_gzip(b"".join(b"1\r\n%c\r\n" % (n * n % 251) for n in range(400_000)) + LAST), 0),
    "a megabyte of chunks": (CHUNKED + b"1\r\nx\r\n" * 170_000 + LAST, 0),
    "a bomb of 300 MB": (without_framing(bytes(1_000_000), 300), 0),
    "byte by byte": (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 20_000, 1),
}
EVERYTHING = {**{n: a for n, a in ANSWERS.items() if "pieces" not in n}, **LARGE}
NAMES = list(EVERYTHING)


class Site:
    """A local server that answers the request for ``/N`` with the answer of that number."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, suppress(OSError):
            sock.settimeout(60)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            asked = re.match(rb"[A-Z]+ (?:http://[^/]*)?/([0-9]+)", sock.recv(65536))
            answer, cut = EVERYTHING[NAMES[int(asked[1])]] if asked else (b"PING :a\r\n" * 5_000, 0)
            if cut:
                for start in range(0, len(answer), cut):
                    sock.sendall(answer[start : start + cut])
            else:
                sock.sendall(answer)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def routers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Appliance]]:
    root: Path = tmp_path_factory.mktemp("hostile")
    site = Site()

    def tunnels(address: str) -> dict[str, Any]:
        server = {"target": f"127.0.0.1:{site.port}", **TWO_HOPS}
        return {
            **own_tunnels(address, site.port),
            "raw": {"type": "server", "keys": "raw.dat", **server},
            "irc": {"type": "ircserver", "keys": "irc.dat", **server},
        }

    made = [
        Appliance(
            root / f"r{index}",
            f"127.{121 + index}.0.1",
            20121 + index,
            tunnels(f"127.{121 + index}.0.1") if index > 3 else {},
            floodfill=index < 3,
            transit={"enabled": index < 4},
            **FAST,
        )
        for index in range(6)
    ]
    try:
        infos = [router.write_router_info_once() for router in made]
        for router in made:
            router.import_router_infos(infos)
            router.start()
        made[4].wait_ready("web", "site", "raw", "irc")
        made[5].wait_ready("web")
        yield made
    finally:
        for router in made:
            router.stop(kill=True)
        site.close()


def loops(routers: list[Appliance]) -> list[dict[str, Any]]:
    """What each router says of its event loop."""
    return [ask(router.data_dir / "control.sock", "status")["loop"] for router in routers]


def long_turns(loop: dict[str, Any]) -> int:
    """Turns of more than 50 ms of CPU time so far."""
    return sum(loop["cpu_counts"][loop["bounds_s"].index(0.05) + 1 :])


def play(routers: list[Appliance], asks: dict[str, bytes], port: int = 4444) -> None:
    """Ask all of it, several at a time; no router may have had a long turn meanwhile."""
    before = loops(routers)

    def one(request: bytes) -> None:
        with suppress(TimeoutError):
            drain(port, request, routers[5].address)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(one, request) for request in asks.values()]:
            done.result()
    after = loops(routers)
    for loop in after:
        cpu_ms, wall_ms = loop["recent_cpu_s"] * 1000, loop["recent_wall_s"] * 1000
        print(f"the last minute's longest turn: {cpu_ms:.0f} ms CPU, {wall_ms:.0f} ms wall")
    assert [long_turns(loop) for loop in after] == [long_turns(loop) for loop in before]


@pytest.mark.parametrize("tunnel", ["raw", "site"])
def test_hostile_answers(routers: list[Appliance], tunnel: str) -> None:
    host = site_name(routers[4], f"{tunnel}.dat").encode()
    play(
        routers,
        {
            name: b"GET http://%b/%d HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n"
            % (host, number, host)
            for number, name in enumerate(NAMES)
        },
    )


def test_hostile_requests(routers: list[Appliance]) -> None:
    host = site_name(routers[4]).encode()
    number = b"/%d " % NAMES.index("an endless line")
    play(
        routers,
        {
            name: raw.replace(b"site.i2p/ ", host + number).replace(b"site.i2p", host)
            for name, raw in REQUESTS.items()
        },
    )


def test_hostile_irc(routers: list[Appliance]) -> None:
    host = site_name(routers[4], "irc.dat").encode()
    start = b"\x05\x01\x00\x05\x01\x00\x03" + bytes([len(host)]) + host + b"\x1a\x0b"
    start += b"NICK a\r\nUSER a 0 * :a\r\n"
    play(routers, {name: start + lines for name, lines in LINES.items()}, 4447)
