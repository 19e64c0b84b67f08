"""The limits as the wire sees them: demand above them, over NTCP2, over SSU2, over both at once.

Whole transports in virtual time. What is counted are the bytes that the drivers write and read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import pytest

from core.crypto.x25519 import X25519Key
from core.transport.context import TransportContext
from core.transport.events import MessagesReceived
from core.transport.ports import Endpoint
from core.transport.reachability import Reachability
from core.transport.ssu2.endpoint import Ssu2Endpoint
from core.transport.ssu2.framing import SocketAddress
from tests.support.deterministic import FakeWallClock
from tests.support.link_nodes import Node, Wire, message
from tests.support.ssu2_nodes import Ssu2Node

RATE = 120_000
STEP_S = 0.004
WINDOW_S = 10.0
BURST_MAX_S = 0.4
MESSAGE_BYTES = 1028
QUEUE_BYTES = 60_000
#: what a driver reads at most at once
READ_BYTES = 64 * 1024
SEGMENTS_MAX = 4
HERE = SocketAddress("127.0.0.2", 1000)


class Router(Node):
    """A node with both transports, and what waits in front of its sockets."""

    def __init__(self, wall: FakeWallClock, **limits: float | None) -> None:
        def add_ssu2(context: TransportContext) -> list[Endpoint]:
            key = X25519Key.generate(context.entropy)
            intro_key = context.entropy.random_bytes(32)
            self.ssu2 = Ssu2Endpoint(context, key, intro_key, published=[HERE])
            return [self.ssu2]

        reachability = Reachability(private=True, ipv6=True)
        super().__init__(
            "both",
            HERE.host,
            wall,
            reachability=reachability,
            add_endpoints=add_ssu2,
            **limits,  # type: ignore[arg-type]
        )


class Bench(Wire):
    """A limited router with one peer over NTCP2 and some over SSU2.

    ``traffic``: when how many bytes were written or read, as ``is_inbound`` says.
    """

    def __init__(self, *, is_inbound: bool, udp_peers: int = 1) -> None:
        wall = FakeWallClock()
        limits = {"inbound_bytes_s" if is_inbound else "outbound_bytes_s": float(RATE)}
        self.router = Router(wall, **limits)
        self.tcp_peer = Node("tcp", "127.0.0.3", wall)
        places = (SocketAddress(f"127.0.1.{n}", 1000) for n in range(udp_peers))
        self.udp_peers = {place: Ssu2Node(place.host, place, wall) for place in places}
        self.udp_peer = next(iter(self.udp_peers.values()))
        super().__init__(self.router, self.tcp_peer)
        for peer in self.udp_peers.values():
            self.router.known[peer.hash] = peer.router_info
            # Of the two addresses of the router, it dials the one that it can.
            peer.known[self.router.hash] = self.router.router_info
        self.is_inbound = is_inbound
        self.traffic: list[tuple[float, int]] = []
        self._datagrams: deque[tuple[bytes, SocketAddress]] = deque()
        self._segments: deque[tuple[int, bytes]] = deque()
        self._paused_until = 0.0
        self._number = 0

    def pass_time(self, seconds: float, peers: Sequence[bytes], *, is_transit: bool = True) -> None:
        """Let each of these peers, or the router to each, have more to say than the limit."""
        end = self.now + seconds
        while self.now < end:
            for peer in peers:
                self.demand(peer, is_transit=is_transit)
            self.run()
            self.now += STEP_S
            for node in self.nodes.values():
                node.handle_timer(self.now)
            for udp_peer in self.udp_peers.values():
                udp_peer.ssu2.handle_timer(self.now)
                udp_peer.links.handle_timer(self.now)

    def demand(self, peer: bytes, *, is_transit: bool) -> None:
        is_tcp = peer == self.tcp_peer.hash
        source = self.router.links
        if self.is_inbound:
            source = self.tcp_peer.links if is_tcp else self.udp_peer.links
            if is_tcp and len(self._segments) > SEGMENTS_MAX:
                return  # the window of TCP is full
            peer = self.router.hash
        while source.queued_bytes(peer) < QUEUE_BYTES:
            self._number += 1
            batch = [message(self._number, MESSAGE_BYTES)]
            source.send(peer, batch, self.now, is_transit=is_transit)

    def step(self) -> bool:
        moved = super().step()
        for data, target in self.router.ssu2.take_output(self.now):
            moved = True
            if not self.is_inbound:
                self.traffic.append((self.now, len(data)))
            self.udp_peers[target].ssu2.receive(data, HERE, self.now)
        for place, peer in self.udp_peers.items():
            for data, _ in peer.ssu2.take_output(self.now):
                moved = True
                self._datagrams.append((data, place))
        self._read()
        return moved

    def _carry(self, source: tuple[str, int], data: bytes) -> None:
        if source[0] == self.router.host:
            if not self.is_inbound:
                self.traffic.append((self.now, len(data)))
            super()._carry(source, data)
            return
        target = self.ends.get(source)
        if target is not None:
            size = self.router.ntcp2.readable(READ_BYTES)
            pieces = range(0, len(data), size)
            self._segments.extend((target[1], data[at : at + size]) for at in pieces)

    def _read(self) -> None:
        """As the drivers do: while nothing says pause."""
        router = self.router
        while self.now >= self._paused_until and (self._datagrams or self._segments):
            if self._datagrams:
                data, source = self._datagrams.popleft()
                router.ssu2.receive(data, source, self.now)
                pause_s = router.ssu2.read_pause(self.now)
            else:
                link, data = self._segments.popleft()
                router.ntcp2.receive_data(link, data, self.now)
                pause_s = router.ntcp2.read_pause(self.now)
            if self.is_inbound:
                self.traffic.append((self.now, len(data)))
            self._paused_until = self.now + pause_s if pause_s > 0 else 0.0

    def stretch_rates(self) -> tuple[float, float]:
        """Bytes per second of the busiest and the idlest ``WINDOW_S``."""
        held: deque[tuple[float, int]] = deque()
        size = 0
        rates: list[float] = []
        began = self.traffic[0][0]
        for at, count in self.traffic:
            held.append((at, count))
            size += count
            while held[0][0] <= at - WINDOW_S:
                size -= held.popleft()[1]
            if at - began >= WINDOW_S:
                rates.append(size / WINDOW_S)
        return max(rates), min(rates)

    def burst_s(self) -> float:
        """The largest excess over the rate in any stretch, in seconds of the rate."""
        level = most = 0.0
        before = self.traffic[0][0]
        for at, count in self.traffic:
            level = max(0.0, level - (at - before) * RATE) + count
            before = at
            most = max(most, level)
        return most / RATE


@pytest.mark.parametrize("is_inbound", [False, True], ids=["out", "in"])
@pytest.mark.parametrize("is_transit", [False, True], ids=["own", "transit"])
@pytest.mark.parametrize("transports", ["ntcp2", "ssu2", "ntcp2 ssu2"])
def test_demand_above_the_limit_gets_the_limit(
    transports: str, is_transit: bool, is_inbound: bool
) -> None:
    bench = Bench(is_inbound=is_inbound)
    peers = {"ntcp2": bench.tcp_peer.hash, "ssu2": bench.udp_peer.hash}
    wanted = [peers[transport] for transport in transports.split()]
    bench.pass_time(1.0, wanted)
    bench.traffic.clear()
    bench.pass_time(WINDOW_S + 2, wanted, is_transit=is_transit)
    most, least = bench.stretch_rates()
    assert 0.95 * RATE <= least <= most <= 1.05 * RATE
    assert bench.burst_s() <= BURST_MAX_S


@pytest.mark.parametrize("is_transit", [False, True], ids=["own", "transit"])
def test_many_links_share_one_limit(is_transit: bool) -> None:
    bench = Bench(is_inbound=False, udp_peers=6)
    wanted = [peer.hash for peer in bench.udp_peers.values()]
    bench.pass_time(1.0, wanted)
    bench.traffic.clear()
    bench.pass_time(WINDOW_S + 2, wanted, is_transit=is_transit)
    most, least = bench.stretch_rates()
    assert 0.95 * RATE <= least <= most <= 1.05 * RATE
    assert bench.burst_s() <= BURST_MAX_S


def test_own_messages_pass_transit() -> None:
    """With transit waiting for both transports, a message of ours leaves at once."""
    bench = Bench(is_inbound=False)
    peers = [bench.tcp_peer.hash, bench.udp_peer.hash]
    bench.pass_time(2.0, peers)
    for peer, node in zip(peers, (bench.tcp_peer, bench.udp_peer), strict=True):
        node.events.clear()
        own = message(0xFFFFFF, 900)
        sent_at = bench.now
        bench.router.links.send(peer, [own], bench.now)

        def has_come(node: Node | Ssu2Node = node, own: bytes = own) -> bool:
            while (event := node.links.next_event()) is not None:
                node.events.append(event)
            return any(
                own in event.messages
                for event in node.events
                if isinstance(event, MessagesReceived)
            )

        while not has_come():
            assert bench.now < sent_at + 1
            bench.pass_time(STEP_S, peers)
        assert bench.now - sent_at <= 0.02
