"""Whole SSU2 transports with their link tables, joined by datagrams in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from core.crypto.x25519 import X25519Key
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.data.transport_address import RouterAddress
from core.transport.bandwidth import Bandwidth
from core.transport.context import TransportContext
from core.transport.events import Event, MessagesReceived, PeerConnected
from core.transport.links import Links
from core.transport.reachability import Reachability
from core.transport.records import LinkLimits
from core.transport.ssu2.endpoint import Ssu2Endpoint
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.path_mtu import LocalMtu
from core.transport.ssu2.session import Ssu2Session
from core.transport.ssu2.variants import Variant
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.world.models import LinkModel, Ways
from tests.support.world.schedule import Dice, Schedule
from tests.support.world.udp import UdpNet, UdpSocket

NETWORK_ID = 77
ROUNDS_MAX = 1000


class Ssu2Node:
    """A router identity with an SSU2 endpoint and a link table, behind one socket."""

    def __init__(
        self,
        name: str,
        address: SocketAddress,
        wall: FakeWallClock,
        *,
        is_published: bool = True,
        mtu: int = 1500,
        network_id: int = NETWORK_ID,
        limits: LinkLimits | None = None,
        outbound_bytes_s: float | None = None,
        hybrid: Variant | None = None,
        publishes_pq: bool = False,
    ) -> None:
        self.address = address
        self.wall = wall
        self.entropy = SeededEntropy(name)
        self.keys = PrivateKeys.generate_router(self.entropy)
        self.known: dict[bytes, RouterInfo] = {}
        self.network_id = network_id
        self.events: list[Event] = []
        self.bandwidth = Bandwidth(outbound_bytes_s)
        context = TransportContext(
            self.keys.hash,
            lambda: self.router_info.raw,
            network_id,
            wall,
            self.entropy,
            self.known.get,
            limits or LinkLimits(),
            self.bandwidth,
            Reachability(private=True, ipv6=True),
        )
        self.ssu2 = Ssu2Endpoint(
            context,
            X25519Key.generate(self.entropy),
            self.entropy.random_bytes(32),
            published=[address] if is_published else [],
            mtu=LocalMtu(mtu, mtu),
            hybrid=hybrid,
        )
        self.publishes_pq = publishes_pq
        self.links = Links(context, [self.ssu2])
        self.socket: UdpSocket
        self.publish()

    @property
    def hash(self) -> bytes:
        return self.keys.hash

    @property
    def stats(self):  # type: ignore[no-untyped-def]
        return self.ssu2.stats

    def publish(self, age_s: float = 0.0) -> RouterInfo:
        """Sign a new RouterInfo."""
        self.router_info = RouterInfo.build(
            self.keys,
            int((self.wall.now() - age_s) * 1000),
            [self._published(address) for address in self.ssu2.addresses()],
            {"netId": str(self.network_id), "router.version": "0.9.67", "caps": "LR"},
        )
        return self.router_info

    def _published(self, address: RouterAddress) -> RouterAddress:
        """``publishes_pq``: what it says it takes, but does not."""
        more = {"pq": "4"} if self.publishes_pq else {}
        return replace(address, options=dict(address.options) | more)

    def session_with(self, router_hash: bytes) -> Ssu2Session | None:
        """The session that is used for sending to a router."""
        peer = self.links._peers.get(router_hash)
        link = None if peer is None else peer.link
        if link is None:
            return None
        assert isinstance(link.session, Ssu2Session)
        return link.session

    def messages(self) -> list[bytes]:
        """All messages received so far."""
        return [
            message
            for event in self.events
            if isinstance(event, MessagesReceived)
            for message in event.messages
        ]

    def connected(self) -> list[bytes]:
        """Who connected so far."""
        return [event.router_hash for event in self.events if isinstance(event, PeerConnected)]

    def serve(self, now: float) -> None:
        """One turn, as the driver and the engine do it."""
        socket = self.socket
        while socket.received:
            data, source = socket.received.popleft()
            self.ssu2.receive(data, SocketAddress(*source), now)
        self.ssu2.handle_timer(now)
        self.links.handle_timer(now)
        for _ in range(ROUNDS_MAX):
            output = self.ssu2.take_output(now)
            for data, target in output:
                socket.send(data, target)
            if not output:
                break
        else:
            raise AssertionError("output never ends")
        while (event := self.links.next_event()) is not None:
            self.events.append(event)

    def next_timer(self) -> float | None:
        times = (self.ssu2.next_timer(), self.links.next_timer())
        return min((at for at in times if at is not None), default=None)


class Ssu2Net:
    """Nodes on one network. ``wall`` is the clock of all that were made with it."""

    def __init__(self, model: LinkModel | None = None, seed: int = 1) -> None:
        self.schedule = Schedule()
        self.ways = Ways(model or LinkModel())
        self.net = UdpNet(self.schedule, self.ways, Dice(seed, "net"))
        self.wall = FakeWallClock(1_699_999_000.0)
        self.nodes: list[Ssu2Node] = []

    @property
    def now(self) -> float:
        return self.schedule.now

    def add(self, node: Ssu2Node, *, is_known: bool = True) -> Ssu2Node:
        """Put a node on the network; all know each other."""
        node.socket = self.net.host(node.address.host).bind(node.address.port)
        for other in self.nodes if is_known else ():
            node.known[other.hash] = other.router_info
            other.known[node.hash] = node.router_info
        self.nodes.append(node)
        return node

    def run(self, until: Callable[[], bool] | None = None, seconds: float = 60.0) -> bool:
        """Until it is true or the time is over; False then, unless there is nothing to wait for."""
        schedule = self.schedule
        end_tick = schedule.tick_of(self.now + seconds)
        # In the first turn everybody is served: a test may have given them something to send.
        timers: dict[Ssu2Node, float | None] = dict.fromkeys(self.nodes, self.now)
        while True:
            schedule.run_due()
            for node, at in timers.items():
                if node.socket.received or (at is not None and at <= self.now):
                    node.serve(self.now)
                    timers[node] = node.next_timer()
            if until is not None and until():
                return True
            ticks = [schedule.tick_of(at) for at in timers.values() if at is not None]
            if (tick := schedule.next_tick()) is not None:
                ticks.append(tick)
            tick = max(min(ticks, default=end_tick + 1), schedule.tick + 1)
            if tick > end_tick:
                self._move(end_tick)
                return until is None
            self._move(tick)

    def _move(self, tick: int) -> None:
        self.wall.advance((tick - self.schedule.tick) / 1000)
        self.schedule.tick = tick
