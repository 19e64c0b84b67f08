"""NTCP2 over TCP beside SSU2 over UDP: whole link tables on real sockets.

``python -m tests.bench.transports``: both ends in one process on loopback, MB/s and CPU for each
message. With ``--paths`` (needs root): two machines behind a relay that delays and loses packets,
a process for each end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

from core.io.loop import new_event_loop
from core.io.tcp import TcpTransport
from core.io.udp import UdpTransport
from core.io.wakeup import Wakeup
from core.transport.events import MessagesReceived
from core.transport.ssu2.framing import SocketAddress
from tests.support.deterministic import FakeWallClock
from tests.support.link_nodes import Node
from tests.support.lossy_relay import Internet, why_not
from tests.support.ssu2_nodes import Ssu2Node

BATCH_BYTES = 400_000
QUEUE_BYTES = 800_000
PORT = 4567
PATHS = ((0.0, 0.0), (0.02, 0.0), (0.1, 0.0), (0.02, 0.01), (0.1, 0.01), (0.1, 0.05))
WALL_S = 1_699_999_000.0


class Router:
    """One end; ``kind``: ``ntcp2`` or ``ssu2``."""

    def __init__(self, kind: str, name: str, host: str) -> None:
        wall = FakeWallClock(WALL_S)
        self.got = self.bytes = 0
        self.node: Node | Ssu2Node
        self.driver: TcpTransport | UdpTransport
        if kind == "ntcp2":
            self.node = Node(name, host, wall)
            self.node.port = PORT
            self.driver = TcpTransport(
                self.node.ntcp2, Wakeup(self._on_wakeup), source_hosts=(host,)
            )
        else:
            self.node = Ssu2Node(name, SocketAddress(host, PORT), wall)
            self.driver = UdpTransport(self.node.ssu2, Wakeup(self._on_wakeup), self.node.stats)
        self.node.publish()
        self.host = host
        self.loop = asyncio.get_running_loop()

    async def start(self) -> None:
        await self.driver.start(self.host, PORT)

    def _on_wakeup(self) -> None:
        links = self.node.links
        links.handle_timer(self.loop.time())
        while (event := links.next_event()) is not None:
            if isinstance(event, MessagesReceived):
                self.got += len(event.messages)
                self.bytes += sum(map(len, event.messages))

    def knows(self, other: Router) -> None:
        self.node.known[other.node.hash] = other.node.router_info


async def send(
    source: Router, target: bytes, count: int, size: int, seconds: float, first: int = 0
) -> None:
    """Keep the queue filled until ``count`` messages, numbered from ``first``, are handed over."""
    links, loop = source.node.links, source.loop
    body = os.urandom(size - 9)
    sent = 0
    until = loop.time() + seconds
    while sent < count and loop.time() < until:
        if links.queued_bytes(target) < QUEUE_BYTES:
            batch = [
                b"\x12" + (first + sent + n).to_bytes(4, "big") + b"\x70\0\0\0" + body
                for n in range(min(BATCH_BYTES // size, count - sent))
            ]
            sent += len(batch)
            links.send(target, batch, loop.time())
            source.driver.schedule()
        await asyncio.sleep(0 if links.queued_bytes(target) < QUEUE_BYTES else 0.001)


async def loopback(kind: str, count: int, size: int) -> str:
    """Both ends here."""
    alice, bob = Router(kind, "alice", "127.93.0.1"), Router(kind, "bob", "127.93.0.2")
    alice.knows(bob)
    bob.knows(alice)
    for one in (alice, bob):
        await one.start()
    await send(alice, bob.node.hash, 1, size, 5)
    while not bob.got:
        await asyncio.sleep(0.001)
    began, cpu = time.perf_counter(), time.process_time()
    await send(alice, bob.node.hash, count, size, 60, 1)
    while bob.got <= count and time.perf_counter() - began < 60:
        await asyncio.sleep(0.001)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    text = f"{kind:6}{size:7} B {bob.bytes / seconds / 1e6:8.1f} MB/s {cpu / bob.got * 1e6:7.1f} us"
    for one in (alice, bob):
        await one.driver.stop(0.1)
    return text


async def end(kind: str, role: str, hosts: list[str], seconds: float) -> None:
    """One end of a path; the receiver prints MB/s and CPU for each message."""
    routers = [Router(kind, name, host) for name, host in zip(("alice", "bob"), hosts, strict=True)]
    routers[0].knows(routers[1])
    routers[1].knows(routers[0])
    me, other = routers if role == "alice" else routers[::-1]
    await me.start()
    if role == "alice":
        await send(me, other.node.hash, 10**9, 1037, seconds + 3)
    else:
        while not me.got:
            await asyncio.sleep(0.001)
        began, done = time.perf_counter(), me.bytes
        await asyncio.sleep(seconds)
        rate = (me.bytes - done) / (time.perf_counter() - began)
        print(json.dumps({"MB/s": rate / 1e6}), flush=True)


def over_paths(seconds: float, report: Callable[[str], None]) -> None:
    """Each kind over each path."""
    for delay_s, loss in PATHS:
        rates = {}
        for kind in ("ntcp2", "ssu2"):
            with Internet(2) as internet, ExitStack() as stack:
                internet.set_path((delay_s / 2, delay_s / 2), loss)
                hosts = [machine.address for machine in internet.machines]
                ends = {}
                for role, machine in (
                    ("bob", internet.machines[1]),
                    ("alice", internet.machines[0]),
                ):
                    command = [sys.executable, "-m", "tests.bench.transports", "--end", kind, role]
                    command += [*hosts, str(seconds)]
                    with machine.enter():
                        ends[role] = subprocess.Popen(command, stdout=subprocess.PIPE)
                    stack.callback(ends[role].kill)
                output, _ = ends["bob"].communicate(timeout=seconds + 60)
                rates[kind] = json.loads(output)["MB/s"]
                ends["alice"].kill()
                ends["alice"].wait()
        shown = "  ".join(f"{kind} {rate:7.3f} MB/s" for kind, rate in rates.items())
        report(f"round trip {delay_s * 1000:4.0f} ms, loss {loss:4.0%}:  {shown}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.transports")
    parser.add_argument("--paths", action="store_true", help="over a relay, needs root")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--end", nargs=5, metavar=("KIND", "ROLE", "ALICE", "BOB", "SECONDS"))
    arguments = parser.parse_args()

    def run(body: Callable[[], object]) -> object:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(body())  # type: ignore[arg-type]

    if arguments.end:
        kind, role, alice, bob, seconds = arguments.end
        run(lambda: end(kind, role, [alice, bob], float(seconds)))
    elif arguments.paths:
        reason = why_not()
        if reason is not None:
            sys.exit(reason)
        over_paths(arguments.seconds, lambda line: print(line, flush=True))
    else:
        for size, count in ((1037, 30000), (16000, 3000)):
            for kind in ("ntcp2", "ssu2"):
                print(run(lambda kind=kind, count=count, size=size: loopback(kind, count, size)))


if __name__ == "__main__":
    main()
