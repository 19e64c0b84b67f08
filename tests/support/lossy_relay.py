"""A small internet on one machine: network namespaces behind a relay that delays and loses packets.

Each namespace has one TUN device as its only way out; a relay process holds all of them and passes
IP packets on after a delay, or not at all. So TCP and UDP of real programs see delay and loss as
on a real path, without kernel modules (this works where ``netem`` is missing) and without touching
the machine's own network. Needs root and ``/dev/net/tun``; :func:`why_not` says what is missing.

Every pair of namespaces has its own constant delay out of a range, the same both ways; loss is
independent for each packet. Packets may also be late, so that others overtake them, come twice, or
be too large for the path, which nobody tells. There is no bandwidth limit and no queue but the
delay itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from ipaddress import IPv4Address

_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_IFF_TUN_NO_PI = 0x1001
_MTU = 1500
LATE_S = 0.03
_READS_PER_WAKEUP = 64
_QUEUE_PACKETS_MAX = 100_000
_OWN_NAMESPACE = "/proc/thread-self/ns/net"

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextlib.contextmanager
def _inside(namespace: int) -> Iterator[None]:
    """This thread, its sockets and its child processes in another network namespace."""
    back = os.open(_OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.setns(namespace, _CLONE_NEWNET))
        try:
            yield
        finally:
            _check(_libc.setns(back, _CLONE_NEWNET))
    finally:
        os.close(back)


def _new_namespace() -> int:
    """A descriptor of a new namespace, made in a thread so that ours stays where it is."""
    made: list[int | OSError] = []

    def make() -> None:
        try:
            _check(_libc.unshare(_CLONE_NEWNET))
            made.append(os.open(_OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def why_not() -> str | None:
    """Why there can be no namespaces here; None if there can."""
    try:
        namespace = _new_namespace()
    except OSError as error:
        return f"no network namespaces: {error.strerror}"
    try:
        with _inside(namespace):
            os.close(_open_tun())
    except OSError as error:
        return f"no TUN device: {error.strerror}"
    finally:
        os.close(namespace)
    return None


def _open_tun() -> int:
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH22x", b"tun0", _IFF_TUN_NO_PI))
    return tun


class Machine:
    """One namespace; ``address`` is how the others reach it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._namespace = _new_namespace()
        with self.enter():
            self.tun = _open_tun()
            _ip("link", "set", "lo", "up")
            _ip("address", "add", f"{address}/32", "dev", "tun0")
            _ip("link", "set", "tun0", "mtu", str(_MTU), "txqueuelen", "10000", "up")
            _ip("route", "add", "default", "dev", "tun0")

    @contextlib.contextmanager
    def enter(self) -> Iterator[None]:
        """Be on this machine: new sockets and child processes of this thread belong to it."""
        with _inside(self._namespace):
            yield

    def close(self) -> None:
        os.close(self.tun)
        os.close(self._namespace)


class Internet:
    """``count`` machines and the relay between them, as a context manager."""

    def __init__(self, count: int, network: str = "10.77") -> None:
        self.machines: list[Machine] = []
        self._count = count
        self._network = network
        self._relay: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Internet:
        try:
            for index in range(self._count):
                self.machines.append(Machine(f"{self._network}.{index + 1}.1"))
            ports = {machine.address: machine.tun for machine in self.machines}
            self._relay = subprocess.Popen(
                [sys.executable, "-m", "tests.support.lossy_relay", json.dumps(ports)],
                stdin=subprocess.PIPE,
                pass_fds=tuple(ports.values()),
            )
        except BaseException:
            self._close()
            raise
        return self

    def set_path(
        self,
        delay_s: tuple[float, float],
        loss: float,
        *,
        late: float = 0.0,
        twice: float = 0.0,
        bytes_max: int = _MTU,
    ) -> None:
        """One-way delay of every pair, least and most, and the share of packets lost.

        ``late``: the share that takes up to :data:`LATE_S` longer; ``twice``: that comes twice;
        ``bytes_max``: of an IP packet.
        """
        assert self._relay is not None and self._relay.stdin is not None
        path = [*delay_s, loss, late, twice, bytes_max]
        self._relay.stdin.write(json.dumps(path).encode() + b"\n")
        self._relay.stdin.flush()

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        relay, self._relay = self._relay, None
        if relay is not None:
            assert relay.stdin is not None
            relay.stdin.close()
            relay.kill()
            relay.wait()
        for machine in self.machines:
            machine.close()
        self.machines.clear()


class _Relay:
    """The process between the machines: one loop, one heap of packets under way."""

    def __init__(self, ports: dict[str, int]) -> None:
        self._tuns = {IPv4Address(address).packed: tun for address, tun in ports.items()}
        self._heap: list[tuple[float, int, int, bytes]] = []
        self._number = 0
        self._delay_s = (0.0, 0.0)
        self._delays: dict[bytes, float] = {}
        self._loss = self._late = self._twice = 0.0
        self._bytes_max = _MTU
        self._random = random.Random(1)

    def run(self) -> None:
        """Until standard input ends."""
        poll = select.epoll()
        # Unbuffered: a second line that was read ahead would never be polled for.
        control = open(sys.stdin.fileno(), "rb", buffering=0)  # noqa: SIM115
        poll.register(control.fileno(), select.EPOLLIN)
        for tun in self._tuns.values():
            poll.register(tun, select.EPOLLIN)
        while True:
            wait_s = max(0.0, self._heap[0][0] - time.monotonic()) if self._heap else None
            for descriptor, _ in poll.poll(wait_s):
                if descriptor != control.fileno():
                    self._read(descriptor)
                    continue
                line = control.readline()
                if not line:
                    return
                path = json.loads(line)
                least, most, self._loss, self._late, self._twice, self._bytes_max = path
                self._delay_s = (least, most)
                self._delays.clear()
            self._deliver()

    def _read(self, tun: int) -> None:
        now = time.monotonic()
        for _ in range(_READS_PER_WAKEUP):
            try:
                packet = os.read(tun, _MTU)
            except BlockingIOError:
                return
            out = self._tuns.get(packet[16:20])
            if (
                out is None
                or packet[0] >> 4 != 4
                or len(self._heap) >= _QUEUE_PACKETS_MAX
                or len(packet) > self._bytes_max
                or (self._loss and self._random.random() < self._loss)
            ):
                continue
            due = now + self._delay(packet[12:16], packet[16:20])
            for _ in range(2 if self._twice and self._random.random() < self._twice else 1):
                self._number += 1
                late_s = 0.0
                if self._late and self._random.random() < self._late:
                    late_s = self._random.uniform(0.0, LATE_S)
                heapq.heappush(self._heap, (due + late_s, self._number, out, packet))

    def _delay(self, source: bytes, target: bytes) -> float:
        pair = min(source, target) + max(source, target)
        delay = self._delays.get(pair)
        if delay is None:
            delay = self._delays[pair] = random.Random(pair).uniform(*self._delay_s)
        return delay

    def _deliver(self) -> None:
        now = time.monotonic()
        heap = self._heap
        while heap and heap[0][0] <= now:
            _, _, tun, packet = heapq.heappop(heap)
            with contextlib.suppress(OSError):
                os.write(tun, packet)


if __name__ == "__main__":
    _Relay(json.loads(sys.argv[1])).run()
