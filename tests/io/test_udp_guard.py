"""The guard of UDP sockets, and the programs that it gives the kernel, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.io import udp_guard
from core.io.loop import new_event_loop
from core.io.packet_filter import PacketFilter, detach
from core.io.system import SystemEntropy
from core.io.udp import UdpTransport
from core.io.udp_socket import UdpSocket
from core.io.wakeup import Wakeup
from core.transport.ssu2.framing import SocketAddress
from core.transport.stats import LinkStats
from tests.io.test_udp import Recorder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has socket filters")

_CLONE_NEWNET = 0x40000000
PEER = SocketAddress("127.94.0.2", 40001)


def opened(host: str, port: int = 0) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((host, port))
    return sock


def send(sock: socket.socket, data: bytes, target: tuple[str, int]) -> None:
    """As far as there is room for it."""
    with contextlib.suppress(BlockingIOError):
        sock.sendto(data, target)


def came(sock: socket.socket) -> Counter[tuple[str, int]]:
    found: Counter[tuple[str, int]] = Counter()
    with contextlib.suppress(BlockingIOError):
        while True:
            found[sock.recvfrom(100)[1][:2]] += 1
    return found


def others(count: int, host: str) -> list[SocketAddress]:
    return [SocketAddress(host.format(number % 250 + 1), 1000 + number) for number in range(count)]


@pytest.mark.parametrize("number_of_peers", [0, 1, 15, 16, 17, 100, 1100])
@pytest.mark.parametrize(
    ("host", "own", "far"),
    [("127.94.0.{}", "127.94.1.1", "192.0.2.{}"), ("::1", "::1", "fd00::{}")],
)
def test_who_passes(number_of_peers: int, host: str, own: str, far: str) -> None:
    with opened(own) as here:
        senders = [opened(host.format(n)) for n in range(2, 6)]
        addresses = [SocketAddress(*one.getsockname()[:2]) for one in senders]
        peers = [addresses[0], *others(number_of_peers, far)]
        heavy = [one.host for one in others(390, far.replace("2", "7"))]
        made = PacketFilter(SystemEntropy(), peers, heavy, 0.5, 1e-9)
        assert len(made.program(":" in own)) < 2400, "older kernels have no room for it"
        assert made.attach(here, ":" in own)
        for sender in senders:
            for _ in range(20):
                sender.sendto(b"x", here.getsockname())
        assert came(here) == {addresses[0]: 20}
        detach(here)
        senders[1].sendto(b"x", here.getsockname())
        assert came(here) == {addresses[1]: 1}
        for sender in senders:
            sender.close()


def test_a_large_program_replaces_another_one_where_there_is_room_for_one() -> None:
    """Kernels before 6.9 have 20 KB for all options of a socket."""
    peers = others(800, "192.0.2.{}")
    heavy = [f"198.51.{n // 250}.{n % 250}" for n in range(400)]
    made = [PacketFilter(SystemEntropy(), peers, heavy, 0.5, 1e-9) for _ in range(3)]

    def attach() -> list[bool] | None:
        room = Path("/proc/sys/net/core/optmem_max")
        if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) or not room.exists():
            return None
        try:
            room.write_text("20480")
        except OSError:
            return None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            return [one.attach(sock, False) for one in made]

    with ThreadPoolExecutor(1) as own_namespace:
        attached = own_namespace.submit(attach).result()
    if attached is None:
        pytest.skip("no network namespaces with a limit of their own")
    assert attached == [True, True, True]


def test_heavy_hosts_and_the_share_of_the_others() -> None:
    with opened("127.94.1.1") as here, opened("127.94.0.3") as light, opened("127.94.0.4") as heavy:
        here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        peer = opened("127.94.0.4")
        peers = [SocketAddress(*peer.getsockname())]
        made = PacketFilter(SystemEntropy(), peers, ["127.94.0.4"], 0.05, 0.5)
        assert made.attach(here, False)
        for sender in (light, heavy, peer):
            for _ in range(1000):
                sender.sendto(b"x", here.getsockname())
        got = came(here)
        assert got[peer.getsockname()] == 1000, "a peer at the host of a flood"
        assert 400 < got[light.getsockname()] < 600
        assert 1 < got[heavy.getsockname()] < 70
        peer.close()


class Guarded(Recorder):
    """Knows one peer; all others are strangers, of whom each takes a little."""

    def receive_run(self, data: bytes, size: int, source: SocketAddress, now: float) -> int:
        count = -(-len(data) // size)
        super().receive_run(data, size, source, now)
        if source == PEER:
            return 0
        if not self.drops_strangers:
            until = time.perf_counter() + 0.0002
            while time.perf_counter() < until:
                pass
        return count

    def peers(self) -> list[tuple[float, SocketAddress]]:
        return [(1.0, PEER)]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(udp_guard, "PERIOD_S", 0.05)
    monkeypatch.setattr(udp_guard, "QUIET_S", 0.2)
    monkeypatch.setattr(udp_guard, "HEAVY_S", 0.3)
    yield


async def until(what: str, check, each=lambda: None) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 20
    while not check():
        assert time.monotonic() < deadline, what
        each()
        await asyncio.sleep(0)


@pytest.mark.parametrize("hosts", [1, 200])
def test_a_flood_is_dropped_unread_and_a_peer_is_heard(quick: None, hosts: int) -> None:
    async def run() -> None:
        endpoint, stats = Guarded(), LinkStats()
        udp = UdpTransport(endpoint, Wakeup(lambda: None), stats)
        port = await udp.start("127.94.1.1")
        target = ("127.94.1.1", port)
        strangers = [opened(f"127.94.2.{n + 1}") for n in range(hosts)]
        peer = opened(*PEER)

        def flood() -> None:
            for number in range(400):
                send(strangers[number % hosts], b"flood" * 10, target)

        await until("the guard is on", lambda: udp._guard.is_on, flood)
        await until("it drops", lambda: stats.datagrams_shed > 5000, flood)
        endpoint.received.clear()
        sent = 0

        def talk() -> None:
            nonlocal sent
            flood()
            sent += 1
            send(peer, b"%d" % sent, target)

        def heard() -> int:
            return sum(source == PEER for _, source in endpoint.received)

        await until("the peer is heard", lambda: heard() >= 100, talk)
        # On a busy machine the flood pauses for longer than QUIET_S, and the guard goes and comes.
        await until("most of it is", lambda: heard() > sent * 0.7)
        assert len(endpoint.received) < sent * 200, "of the others not even half was read"
        await until("the guard goes home", lambda: not udp._guard.is_on)
        assert not endpoint.drops_strangers or udp._guard._timer is None
        before = len(endpoint.received)
        strangers[0].sendto(b"now I may", target)
        await until("strangers are read again", lambda: len(endpoint.received) > before)
        await udp.stop(0)
        for one in (*strangers, peer):
            one.close()

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(run())


def test_a_socket_left_by_a_process_that_was_flooded_has_no_filter() -> None:
    async def run() -> None:
        left = opened("127.94.1.1")
        assert PacketFilter(SystemEntropy(), [], [], 1.0, 1e-9).attach(left, False)
        endpoint = Recorder()
        udp = UdpTransport(endpoint, Wakeup(lambda: None), LinkStats())
        port = await udp.start("127.94.1.1", left.getsockname()[1], inherited=left)
        with opened("127.94.0.3") as sender:
            for _ in range(10):
                sender.sendto(b"x", ("127.94.1.1", port))
        await until("all are read", lambda: len(endpoint.received) == 10)
        await udp.stop(0)

    asyncio.run(run())


def test_a_flood_is_noticed_by_a_loop_with_long_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch then ends a period, and counts all the same."""
    monkeypatch.setattr(PacketFilter, "attach", lambda *_: False)
    endpoint = Recorder()
    loop = asyncio.new_event_loop()
    sock = UdpSocket("127.94.1.1", 0)
    guard = udp_guard.UdpGuard(endpoint, lambda: [sock], LinkStats(), loop)
    now = loop.time()
    guard.saw(SocketAddress("127.94.0.3", 1), udp_guard.STRANGERS_MIN)
    guard.spent(udp_guard.PERIOD_S, now + 3600)
    assert endpoint.drops_strangers
    guard.saw(SocketAddress("127.94.0.3", 1), 1)
    guard.spent(0.001, now + 7200)
    assert not endpoint.drops_strangers
    sock.socket.close()
    loop.close()


def test_where_the_kernel_has_no_filters_strangers_get_the_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two seconds of a flood that exceeds it even where nothing is done about it."""
    tried = 0

    def attach(*_: object) -> bool:
        nonlocal tried
        tried += 1
        return False

    monkeypatch.setattr(PacketFilter, "attach", attach)
    endpoint = Recorder()
    loop = asyncio.new_event_loop()
    sock = UdpSocket("127.94.1.1", 0)
    guard = udp_guard.UdpGuard(endpoint, lambda: [sock], LinkStats(), loop)
    began, worked_s = loop.time(), 0.0
    for turn in range(400):
        took_s = 0.001 if endpoint.drops_strangers else 0.0025
        worked_s += 0 if endpoint.drops_strangers else took_s
        guard.saw(SocketAddress("127.94.0.3", 1), 50)
        guard.spent(took_s, began + turn * 0.005)
    assert 0.5 < worked_s / (2 * udp_guard.BUDGET) < 1.5
    assert tried == 1, "the kernel is not asked again and again"
    sock.socket.close()
    loop.close()
