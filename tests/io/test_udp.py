"""The datagram driver with real sockets on loopback."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from core.io import udp, udp_socket
from core.io.loop import RouterLoop, new_event_loop
from core.io.udp import UdpTransport
from core.io.udp_socket import UdpSocket
from core.io.wakeup import Wakeup
from core.transport.ssu2.framing import SocketAddress
from core.transport.stats import LinkStats
from tests.support.waiting import eventually

NOBODY = SocketAddress("127.92.9.9", 9)


class Recorder:
    """An endpoint that keeps what comes and sends what it is given; ``echoes``: it answers."""

    def __init__(self, *, echoes: bool = False) -> None:
        self.received: list[tuple[bytes, SocketAddress]] = []
        self.output: list[tuple[bytes, SocketAddress]] = []
        self.failed: list[tuple[SocketAddress, int]] = []
        self.pause_s = 0.0
        self.timer: float | None = None
        self.rang: list[float] = []
        self.is_shut = False
        self.drops_strangers = False
        self.read_max = 1 << 20
        self._echoes = echoes

    def receive_run(self, data: bytes, size: int, source: SocketAddress, now: float) -> int:
        for at in range(0, len(data), size):
            datagram = data[at : at + size]
            self.received.append((datagram, source))
            if self._echoes:
                self.output.append((datagram, source))
        return 0

    def peers(self) -> list[tuple[float, SocketAddress]]:
        return []

    def newcomers(self) -> list[SocketAddress]:
        return []

    def readable(self, wanted: int) -> int:
        return min(wanted, self.read_max)

    def take_output(self, now: float) -> list[tuple[bytes, SocketAddress]]:
        output, self.output = self.output, []
        return output

    def destination_failed(self, destination: SocketAddress, error: int, now: float) -> None:
        self.failed.append((destination, error))

    def read_pause(self, now: float) -> float:
        pause_s, self.pause_s = self.pause_s, 0.0
        return pause_s

    def next_timer(self) -> float | None:
        return self.timer

    def handle_timer(self, now: float) -> None:
        self.rang.append(now)
        self.timer = None

    def shutdown(self, now: float) -> None:
        self.is_shut = True


class Running:
    def __init__(self, *, echoes: bool = False) -> None:
        self.endpoint = Recorder(echoes=echoes)
        self.stats = LinkStats()
        self.wake_ups = 0
        self.udp = UdpTransport(self.endpoint, Wakeup(self._on_wakeup), self.stats)

    def _on_wakeup(self) -> None:
        self.wake_ups += 1

    async def at(self, host: str, port: int = 0) -> SocketAddress:
        return SocketAddress(host, await self.udp.start(host, port))

    def send(self, *datagrams: tuple[bytes, SocketAddress]) -> None:
        self.endpoint.output += datagrams
        self.udp.schedule()

    def payloads(self) -> list[bytes]:
        return [data for data, _ in self.endpoint.received]


@pytest.fixture(params=[asyncio.new_event_loop, new_event_loop], ids=["asyncio", "router loop"])
def run(request: pytest.FixtureRequest) -> Callable[[Callable[[], Awaitable[None]]], None]:
    """Run a test's body in a loop of either kind."""

    def start(body: Callable[[], Awaitable[None]]) -> None:
        async def bounded() -> None:
            await asyncio.wait_for(body(), 20)

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(bounded())

    return start


Run = Callable[[Callable[[], Awaitable[None]]], None]


@pytest.mark.parametrize("host", ["127.92.0.1", "::1"])
def test_datagrams_cross_both_ways_with_their_addresses(run: Run, host: str) -> None:
    async def body() -> None:
        alice, bob = Running(), Running(echoes=True)
        from_alice, to_bob = await alice.at(host), await bob.at(host)
        sent = [(bytes((n,)) * (40 + n), to_bob) for n in range(100)]
        alice.send(*sent)
        await eventually(lambda: len(alice.endpoint.received) == 100)
        assert bob.endpoint.received == [(data, from_alice) for data, _ in sent]
        assert alice.endpoint.received == [(data, to_bob) for data, _ in sent]
        for one in (alice, bob):
            await one.udp.stop(0.0)
            assert one.endpoint.is_shut
            assert one.udp.sockets == ()

    run(body)


def test_large_batches_keep_their_boundaries_and_cost_few_wake_ups(run: Run) -> None:
    async def body() -> None:
        alice, bob = Running(), Running()
        to_bob = await bob.at("127.92.0.2")
        await alice.at("127.92.0.1")
        sizes = [1072] * 40 + [1472] * 3 + [40] + [1472] * 30 + [1200, 1300, 1, 1400] + [1072] * 50
        sent = [os.urandom(size) for size in sizes]
        for _ in range(5):
            alice.send(*((data, to_bob) for data in sent))
            done = len(bob.endpoint.received)
            await eventually(lambda done=done: len(bob.endpoint.received) == done + len(sent))
        assert bob.payloads() == sent * 5
        assert bob.wake_ups < len(sent) * 5 / 4
        assert alice.stats.datagrams_failed.total() == 0
        await alice.udp.stop(0.0)
        await bob.udp.stop(0.0)

    run(body)


def test_one_destination_that_fails_does_not_hold_up_the_others(run: Run) -> None:
    async def body() -> None:
        alice, bob = Running(), Running()
        to_bob = await bob.at("127.92.0.2")
        await alice.at("127.92.0.1")
        broken = [
            (b"x" * 40, SocketAddress("255.255.255.255", 9)),
            (b"x" * 40, SocketAddress("::1", 9)),
            (b"x" * 40, SocketAddress("127.92.0.2", 0)),
            (b"x" * 65_530, to_bob),
            (b"x" * 40, NOBODY),
        ]
        sent = []
        for number in range(20):
            for one in broken:
                sent += [one, one, (b"%03d" % number * 20, to_bob)]
        alice.send(*sent)
        await eventually(lambda: len(bob.endpoint.received) == 100)
        failed = {destination for destination, _ in alice.endpoint.failed}
        assert failed == {broken[0][0 + 1], broken[1][1], broken[2][1]}
        assert alice.stats.datagrams_failed["emsgsize"] == 40
        alice.send((b"still here" * 4, to_bob))
        await eventually(lambda: len(bob.endpoint.received) == 101)
        await alice.udp.stop(0.0)
        await bob.udp.stop(0.0)

    run(body)


@pytest.mark.parametrize("wildcard", ["0.0.0.0", "::"])
def test_answers_leave_from_the_address_that_was_reached(run: Run, wildcard: str) -> None:
    hosts = ["::1"] if wildcard == "::" else ["127.92.5.5", "127.92.6.6", "127.92.5.5"]

    async def body() -> None:
        server = Running(echoes=True)
        address = await server.at(wildcard)
        for host in hosts:
            client = Running()
            await client.at("::1" if wildcard == "::" else "127.92.0.1")
            client.send(*((b"?" * 50, SocketAddress(host, address.port)) for _ in range(20)))
            await eventually(lambda client=client: len(client.endpoint.received) == 20)
            sources = {source for _, source in client.endpoint.received}
            assert sources == {SocketAddress(host, address.port)}
            await client.udp.stop(0.0)
        await server.udp.stop(0.0)

    run(body)


def test_both_families_are_served_by_one_endpoint(run: Run) -> None:
    async def body() -> None:
        server, client = Running(echoes=True), Running()
        four, six = await server.at("127.92.0.1"), await server.at("::1")
        await client.at("127.92.0.2")
        await client.at("::1")
        client.send((b"4" * 40, four), (b"6" * 40, six), (b"4" * 41, four))
        await eventually(lambda: len(client.endpoint.received) == 3)
        assert sorted(client.payloads()) == [b"4" * 40, b"4" * 41, b"6" * 40]
        await client.udp.stop(0.0)
        await server.udp.stop(0.0)

    run(body)


def test_a_pause_leaves_datagrams_with_the_kernel(run: Run) -> None:
    async def body() -> None:
        alice, bob = Running(), Running()
        to_bob = await bob.at("127.92.0.2")
        await alice.at("127.92.0.1")
        bob.endpoint.pause_s = 0.2
        alice.send((b"first" * 10, to_bob))
        await eventually(lambda: bob.endpoint.received)
        paused_at = time.monotonic()
        alice.send((b"second" * 10, to_bob))
        await eventually(lambda: len(bob.endpoint.received) == 2)
        assert time.monotonic() - paused_at > 0.1
        await alice.udp.stop(0.0)
        await bob.udp.stop(0.0)

    run(body)


def test_a_timer_of_the_endpoint_rings(run: Run) -> None:
    async def body() -> None:
        alice = Running()
        await alice.at("127.92.0.1")
        alice.endpoint.timer = asyncio.get_running_loop().time() + 0.02
        alice.udp.schedule()
        await eventually(lambda: alice.endpoint.rang)
        await alice.udp.stop(0.0)

    run(body)


class Stubborn:
    """A socket that is full for the first calls."""

    def __init__(self, real: socket.socket, refusals: int, error: int = errno.EAGAIN) -> None:
        self._real = real
        self._refusals = refusals
        self._error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def sendmsg(self, *arguments: Any) -> int:
        if self._refusals:
            self._refusals -= 1
            raise OSError(self._error, "refused")
        return self._real.sendmsg(*arguments)


def test_a_full_socket_keeps_a_bounded_rest_and_goes_on_when_it_can(run: Run) -> None:
    async def body() -> None:
        alice, bob = Running(), Running()
        to_bob = await bob.at("127.92.0.2")
        await alice.at("127.92.0.1")
        sock = alice.udp._sockets[0]
        sock.socket = Stubborn(sock.socket, 3)  # type: ignore[assignment]
        count = udp.UNSENT_MAX + 10
        alice.send(*((b"%04d" % n * 10, to_bob) for n in range(count)))
        await eventually(lambda: len(bob.endpoint.received) >= udp.UNSENT_MAX)
        assert bob.payloads() == [b"%04d" % n * 10 for n in range(udp.UNSENT_MAX)]
        assert alice.stats.datagrams_failed == {"full": 10}
        alice.send((b"later" * 10, to_bob))
        await eventually(lambda: bob.payloads()[-1] == b"later" * 10)
        await alice.udp.stop(0.0)
        await bob.udp.stop(0.0)

    run(body)


@pytest.mark.parametrize("error", [errno.EINVAL, errno.EIO])
def test_without_offload_datagrams_leave_one_by_one(run: Run, error: int) -> None:
    async def body() -> None:
        alice, bob = Running(), Running()
        to_bob = await bob.at("127.92.0.2")
        await alice.at("127.92.0.1")
        sock = alice.udp._sockets[0]
        sock.socket = Stubborn(sock.socket, 1, error)  # type: ignore[assignment]
        alice.send(*((b"%04d" % n * 10, to_bob) for n in range(50)))
        await eventually(lambda: len(bob.endpoint.received) == 50)
        assert not sock.has_offload
        assert not alice.endpoint.failed
        await alice.udp.stop(0.0)
        await bob.udp.stop(0.0)

    run(body)


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENETUNREACH, errno.ENOBUFS])
def test_a_passing_error_is_counted_and_is_no_end(run: Run, error: int) -> None:
    async def body() -> None:
        alice, bob = Running(), Running()
        to_bob = await bob.at("127.92.0.2")
        await alice.at("127.92.0.1")
        sock = alice.udp._sockets[0]
        sock.socket = Stubborn(sock.socket, 1, error)  # type: ignore[assignment]
        alice.send((b"lost" * 10, to_bob), (b"this one arrives" * 4, to_bob))
        alice.send((b"and this one" * 4, to_bob))
        await eventually(lambda: bob.payloads()[-1:] == [b"and this one" * 4])
        is_named = error != errno.ENOBUFS
        assert alice.endpoint.failed == ([(to_bob, error)] if is_named else [])
        await alice.udp.stop(0.0)
        await bob.udp.stop(0.0)

    run(body)


def test_sockets_stay_open_for_the_next_process(run: Run) -> None:
    async def body() -> None:
        first, client = Running(), Running()
        address = await first.at("127.92.0.1")
        await client.at("127.92.0.2")
        [kept] = first.udp.sockets
        inherited = kept.dup()
        await first.udp.stop(0.0, keep_sockets=True)
        client.send((b"meanwhile" * 5, address))
        await asyncio.sleep(0)
        second = Running()
        assert await second.udp.start("127.92.0.1", inherited=inherited) == address.port
        await eventually(lambda: second.payloads() == [b"meanwhile" * 5])
        first.udp.close_sockets()
        first.udp.close_sockets()
        await second.udp.stop(0.0)
        await client.udp.stop(0.0)

    run(body)


def test_a_port_in_use_is_an_error() -> None:
    taken = UdpSocket("127.92.0.1", 0)
    with pytest.raises(OSError):
        UdpSocket("127.92.0.1", taken.port)
    with pytest.raises(ValueError):
        UdpSocket("host.example", 0)
    taken.socket.close()


@pytest.mark.parametrize("host", ["127.92.0.1", "0.0.0.0", "::1", "::"])
def test_packets_are_never_fragmented(host: str) -> None:
    one = UdpSocket(host, 0)
    level, option = (
        (socket.IPPROTO_IPV6, udp_socket._IPV6_MTU_DISCOVER)
        if one.is_ipv6
        else (socket.IPPROTO_IP, udp_socket._IP_MTU_DISCOVER)
    )
    assert one.socket.getsockopt(level, option) == udp_socket._PMTUDISC_PROBE
    assert one.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 2 * 100_000
    one.socket.close()


def test_what_the_kernel_drops_is_counted() -> None:
    one = UdpSocket("127.92.0.1", 0)
    one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        for _ in range(100):
            other.sendto(bytes(1000), ("127.92.0.1", one.port))
    kept = 0
    while True:
        try:
            one.socket.recv(2000)
        except BlockingIOError:
            break
        kept += 1
    assert one.take_overruns() == 100 - kept > 0
    assert one.take_overruns() == 0
    one.socket.close()
    assert one.take_overruns() == 0


def test_a_flood_leaves_the_loop_to_others() -> None:
    async def body() -> None:
        assert isinstance(asyncio.get_running_loop(), RouterLoop)
        alice, bob = Running(), Running()
        to_bob = await bob.at("127.92.0.2")
        await alice.at("127.92.0.1")

        def slow(data: bytes, size: int, source: SocketAddress, now: float) -> None:
            for at in range(0, len(data), size):
                time.sleep(0.001)
                bob.endpoint.received.append((data[at : at + size], source))

        bob.endpoint.receive_run = slow  # type: ignore[method-assign]
        # Not of one size, so each needs a call to be read.
        alice.send(*((bytes(100 + n % 7), to_bob) for n in range(150)))
        turns = 0
        async with asyncio.timeout(20):
            while len(bob.endpoint.received) < 140:
                await asyncio.sleep(0)
                turns += 1
        assert turns > 5
        await alice.udp.stop(0.0)
        await bob.udp.stop(0.0)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(asyncio.wait_for(body(), 20))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux brings several in one read")
@pytest.mark.parametrize("is_slow", [True, False])
def test_a_read_of_a_slow_limit_brings_one_datagram(run: Run, is_slow: bool) -> None:
    """With GRO it brings up to 64 KiB: a second of what a slow limit allows."""

    async def body() -> None:
        alice, bob = Running(), Running()
        to_bob = await bob.at("127.92.0.2")
        await alice.at("127.92.0.1")
        bob.endpoint.read_max = 8000 if is_slow else 1 << 20
        brought: list[int] = []
        receive_run = bob.endpoint.receive_run

        def note(data: bytes, size: int, source: SocketAddress, now: float) -> int:
            brought.append(len(data))
            return receive_run(data, size, source, now)

        bob.endpoint.receive_run = note  # type: ignore[method-assign]
        alice.send((b"first", to_bob))
        await eventually(lambda: len(bob.endpoint.received) == 1)
        for _ in range(3):
            alice.send(*((os.urandom(1200), to_bob) for _ in range(40)))
        await eventually(lambda: len(bob.endpoint.received) == 121)
        assert (max(brought) == 1200) is is_slow
        # Another limit, by a reload.
        bob.endpoint.read_max = 1 << 20 if is_slow else 8000
        alice.send((b"next", to_bob))
        await eventually(lambda: len(bob.endpoint.received) == 122)
        brought.clear()
        alice.send(*((os.urandom(1200), to_bob) for _ in range(40)))
        await eventually(lambda: len(bob.endpoint.received) == 162)
        assert (max(brought) > 1200) is is_slow
        await alice.udp.stop(0.0)
        await bob.udp.stop(0.0)

    run(body)
