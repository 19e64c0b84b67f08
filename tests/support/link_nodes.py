"""Two or more whole transports joined in memory, in virtual time: no sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.base.ports import WallClock
from core.crypto.x25519 import X25519Key
from core.data.encoding import b64encode
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.data.transport_address import RouterAddress
from core.transport.bandwidth import Bandwidth
from core.transport.context import TransportContext
from core.transport.events import Event
from core.transport.links import Links
from core.transport.ntcp2.commands import Close, Dial
from core.transport.ntcp2.endpoint import Ntcp2Endpoint
from core.transport.ntcp2.local import LocalRouter
from core.transport.ntcp2.session import Ntcp2Session
from core.transport.ntcp2.variants import Variant
from core.transport.ports import Endpoint
from core.transport.reachability import Reachability
from core.transport.records import LinkLimits
from tests.support.deterministic import FakeWallClock, SeededEntropy

NETWORK_ID = 77
PUBLIC_NETWORK_ID = 2


class Node:
    """A router identity with its Links: over NTCP2, and over what ``add_endpoints`` makes.

    ``hybrid``: the variant of NTCP2 that it takes; ``publishes_pq``: what it says it takes.
    """

    def __init__(
        self,
        name: str,
        host: str,
        wall: WallClock,
        *,
        network_id: int = NETWORK_ID,
        published_network_id: int | None = None,
        static_key: X25519Key | None = None,
        caps: str = "LR",
        outbound_bytes_s: float | None = None,
        inbound_bytes_s: float | None = None,
        reachability: Reachability | None = None,
        limits: LinkLimits | None = None,
        hybrid: Variant | None = None,
        publishes_pq: int | None = None,
        add_endpoints: Callable[[TransportContext], list[Endpoint]] = lambda _: [],
    ) -> None:
        self.entropy = SeededEntropy(name)
        self.wall = wall
        self.host = host
        self.port = 1000
        self.caps = caps
        self.pq = publishes_pq or (0 if hybrid is None else hybrid.number)
        self.keys = PrivateKeys.generate_router(self.entropy)
        self.static_key = X25519Key.generate(self.entropy)
        self.published_key = (static_key or self.static_key).public
        self.iv = self.entropy.random_bytes(16)
        self.network_id = network_id
        self.published_network_id = (
            network_id if published_network_id is None else published_network_id
        )
        self.known: dict[bytes, RouterInfo] = {}
        self.events: list[Event] = []
        self.endpoints: list[Endpoint] = []
        self.local = LocalRouter(
            self.keys.hash, self.static_key, self.iv, lambda: self.router_info.raw
        )
        context = TransportContext(
            self.keys.hash,
            lambda: self.router_info.raw,
            network_id,
            wall,
            self.entropy,
            self.known.get,
            limits or LinkLimits(),
            Bandwidth(outbound_bytes_s, inbound_bytes_s),
            reachability or Reachability(private=network_id != PUBLIC_NETWORK_ID),
        )
        self.ntcp2 = Ntcp2Endpoint(
            context,
            self.static_key,
            self.iv,
            published=[(host, self.port)] if host else [],
            hybrid=hybrid,
        )
        self.endpoints = [self.ntcp2, *add_endpoints(context)]
        self.publish()
        self.links = Links(context, self.endpoints)

    @property
    def hash(self) -> bytes:
        return self.keys.hash

    def publish(self, age_s: float = 0.0) -> RouterInfo:
        """Sign a new RouterInfo."""
        address = RouterAddress(
            3,
            0,
            "NTCP2",
            {
                "host": self.host,
                "port": str(self.port),
                "s": b64encode(self.published_key),
                "i": b64encode(self.iv),
                "v": "2",
            }
            | ({"pq": str(self.pq)} if self.pq else {}),
        )
        self.router_info = RouterInfo.build(
            self.keys,
            int((self.wall.now() - age_s) * 1000),
            [address, *(one for endpoint in self.endpoints[1:] for one in endpoint.addresses())],
            {
                "netId": str(self.published_network_id),
                "router.version": "0.9.67",
                "caps": self.caps,
            },
        )
        return self.router_info

    def handle_timer(self, now: float) -> None:
        """What the socket driver and the engine do when a deadline has come."""
        for endpoint in self.endpoints:
            endpoint.handle_timer(now)
        self.links.handle_timer(now)

    def next_timer(self) -> float | None:
        """The earliest deadline of all."""
        times = (*(one.next_timer() for one in self.endpoints), self.links.next_timer())
        return min((at for at in times if at is not None), default=None)

    def session_with(self, router_hash: bytes) -> Ntcp2Session | None:
        """The session that is used for sending to a router."""
        peer = self.links._peers.get(router_hash)
        link = None if peer is None else peer.link
        if link is None:
            return None
        assert isinstance(link.session, Ntcp2Session)
        return link.session

    def take_events(self) -> list[Event]:
        while (event := self.links.next_event()) is not None:
            self.events.append(event)
        events, self.events = self.events, []
        return events


class Wire:
    """Carries bytes between nodes; ``cut`` may change or drop what travels."""

    def __init__(self, *nodes: Node) -> None:
        self.nodes = {node.host: node for node in nodes}
        self.now = 1000.0
        self.ends: dict[tuple[str, int], tuple[str, int]] = {}
        self.cut: Callable[[bytes, str], bytes] = lambda data, _: data
        self.refused: set[str] = set()
        self.chunk = 1 << 20
        for node in nodes:
            for other in nodes:
                if other is not node:
                    node.known[other.hash] = other.router_info

    def step(self) -> bool:
        """Move what every node has for the others once; False if nothing moved."""
        moved = False
        for host, node in self.nodes.items():
            for link, data in node.ntcp2.take_output(self.now):
                moved = True
                self._carry((host, link), self.cut(data, host))
            for command in node.ntcp2.take_commands():
                moved = True
                if isinstance(command, Dial):
                    self._dial(host, command)
                elif isinstance(command, Close):
                    self._close((host, command.link))
        return moved

    def run(self) -> None:
        """Until nothing moves."""
        for _ in range(500):
            if not self.step():
                return
        raise AssertionError("the wire never rests")

    def advance(self, seconds: float, every: float = 1.0) -> None:
        """Let time pass in steps, serving timers."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + every)
            for node in self.nodes.values():
                node.handle_timer(self.now)
            self.run()

    def _carry(self, source: tuple[str, int], data: bytes) -> None:
        target = self.ends.get(source)
        if target is None:
            return
        links = self.nodes[target[0]].ntcp2
        for start in range(0, len(data), self.chunk):
            links.receive_data(target[1], data[start : start + self.chunk], self.now)

    def _dial(self, host: str, command: Dial) -> None:
        links = self.nodes[host].ntcp2
        target = self.nodes.get(command.host)
        if target is None or command.host in self.refused:
            links.dial_failed(command.link, self.now)
            return
        link = target.ntcp2.accepted(host, self.now)
        if link is None:
            links.dialed(command.link, self.now)
            links.lost(command.link, self.now)
            return
        self.ends[host, command.link] = (command.host, link)
        self.ends[command.host, link] = (host, command.link)
        links.dialed(command.link, self.now)

    def _close(self, end: tuple[str, int]) -> None:
        other = self.ends.pop(end, None)
        if other is not None:
            self.ends.pop(other, None)
            self.nodes[other[0]].ntcp2.lost(other[1], self.now)


def pair(**options: Any) -> tuple[Node, Node, Wire]:
    """Two nodes that know each other."""
    wall = FakeWallClock()
    alice = Node("alice", "127.0.0.2", wall, **options)
    bob = Node("bob", "127.0.0.3", wall, **options)
    return alice, bob, Wire(alice, bob)


def message(number: int, size: int = 100, expires_s: int = 2_000_000_000) -> bytes:
    """A short-form message with recognisable content."""
    header = bytes((20,)) + number.to_bytes(4, "big") + expires_s.to_bytes(4, "big")
    return header + bytes((number & 0xFF,)) * size
