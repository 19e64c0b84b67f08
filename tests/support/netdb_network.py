"""A network of NetDb objects in one process and in virtual time.

Links and tunnels are ideal pipes with a latency: a tunnel of an owner is a number that leads back
to it. What is checked on the way: messages for a tunnel are addressed to a live one, sealed answers
come with a key and tag that were announced, and owners never send over links.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from core.data.encoding import b64encode
from core.data.lease_set import Lease, LeaseSet2
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.data.transport_address import RouterAddress
from core.i2np.database import (
    DatabaseLookup,
    DatabaseSearchReply,
    DatabaseStore,
    DeliveryStatus,
)
from core.i2np.message import MessageType
from core.netdb.events import (
    Event,
    LookupFinished,
    Owner,
    RegisterReplyKey,
    SendDirect,
    SendThroughTunnel,
    SendToGateway,
)
from core.netdb.facade import NetDb
from core.netdb.ports import NetDbConfig
from tests.support.deterministic import FakeWallClock, SeededEntropy

WALL_START = 1_700_000_000.0
NETWORK_ID = 77


def build_router_info(
    keys: PrivateKeys,
    published_ms: int,
    *,
    floodfill: bool = False,
    host: str = "127.0.0.1",
    network_id: int = NETWORK_ID,
    caps: str | None = None,
    version: str = "0.9.67",
) -> RouterInfo:
    """A signed RouterInfo with one published NTCP2 address (none if ``host`` is empty)."""
    options = {"s": b64encode(bytes(31) + b"\1"), "v": "2"}
    if host:
        options |= {"host": host, "port": "4567", "i": b64encode(bytes(16))}
    address = RouterAddress(3, 0, "NTCP2", options)
    letters = caps if caps is not None else ("XfR" if floodfill else "XR")
    return RouterInfo.build(
        keys,
        published_ms,
        [address],
        {"caps": letters, "netId": str(network_id), "router.version": version},
    )


def build_lease_set(
    keys: PrivateKeys,
    wall_now: float,
    *,
    life_s: float = 600.0,
    unpublished: bool = False,
    gateway: bytes = b"g" * 32,
) -> LeaseSet2:
    """A signed LeaseSet2 with one lease."""
    ends = int((wall_now + life_s) * 1000)
    return LeaseSet2.build(
        keys,
        [(4, b"k" * 32)],
        [Lease(gateway, 7, ends)],
        int(wall_now * 1000),
        ends,
        unpublished,
    )


@dataclass(eq=False)
class Node:
    """One router; doubles as its own PeerView and ReplyPaths."""

    keys: PrivateKeys
    info: RouterInfo
    network: Network
    netdb: NetDb = field(init=False)
    is_down: bool = False
    has_tunnels: bool = True
    connected: set[bytes] = field(default_factory=set)
    banned: set[bytes] = field(default_factory=set)
    resting: set[bytes] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    reply_keys: dict[bytes, tuple[bytes, Owner]] = field(default_factory=dict)
    sent: list[tuple[str, int]] = field(default_factory=list)

    @property
    def hash(self) -> bytes:
        return self.info.hash

    def can_dial(self, info: RouterInfo) -> bool:
        return any(address.is_published for address in info.ntcp2_addresses())

    def is_connected(self, router_hash: bytes) -> bool:
        return router_hash in self.connected

    def is_banned(self, router_hash: bytes) -> bool:
        return router_hash in self.banned

    def is_resting(self, router_hash: bytes) -> bool:
        return router_hash in self.resting

    def inbound(self, owner: Owner) -> tuple[bytes, int] | None:
        if not self.has_tunnels:
            return None
        return self.network.open_tunnel(self, owner)

    def has_outbound(self, owner: Owner) -> bool:
        return self.has_tunnels

    def finished(self) -> list[LookupFinished]:
        return [event for event in self.events if isinstance(event, LookupFinished)]

    def count(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in self.events)


class Network:
    """Nodes, a clock, and messages under way."""

    def __init__(self, seed: int = 1, latency_s: float = 0.05) -> None:
        self.now = 100.0
        self.wall = FakeWallClock(WALL_START)
        self.entropy = SeededEntropy(seed)
        self.latency_s = latency_s
        self.tunnel_latency_s = 0.3
        self.nodes: dict[bytes, Node] = {}
        self.loses: Callable[[bytes | None, bytes, int], bool] = lambda *_: False
        self._tunnels: dict[int, tuple[Node, Owner]] = {}
        self._tunnel_of: dict[tuple[bytes, Owner], int] = {}
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def add(
        self, *, floodfill: bool = False, exploring: bool = False, host: str = "127.0.0.1"
    ) -> Node:
        keys = PrivateKeys.generate_router(self.entropy)
        published_ms = int(self.wall.now() * 1000)
        info = build_router_info(keys, published_ms, floodfill=floodfill, host=host)
        node = Node(keys, info, self)
        config = NetDbConfig(
            network_id=NETWORK_ID,
            is_floodfill=floodfill,
            is_exploring=exploring,
        )
        node.netdb = NetDb(node.hash, config, self.wall, self.entropy, node, node)
        node.netdb.set_own_router_info(info)
        node.netdb.start(self.now)
        self.nodes[node.hash] = node
        return node

    def introduce(self, node: Node, *others: Node) -> None:
        """Let ``node`` know the RouterInfos of ``others``."""
        node.netdb.import_routers(other.info for other in others)
        self.drain(node)

    def open_tunnel(self, node: Node, owner: Owner) -> tuple[bytes, int]:
        tunnel_id = self._tunnel_of.get((node.hash, owner))
        if tunnel_id is None:
            tunnel_id = len(self._tunnels) + 1
            self._tunnels[tunnel_id] = (node, owner)
            self._tunnel_of[node.hash, owner] = tunnel_id
        return b"gateway of tunnel".ljust(32, b"."), tunnel_id

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (self.now + delay_s, next(self._order), action))

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        end = self.now + seconds
        for node in self.nodes.values():
            self.drain(node)
        while True:
            timers = [
                (timer, node)
                for node in self.nodes.values()
                if not node.is_down and (timer := node.netdb.next_timer()) is not None
            ]
            next_timer, due = min(timers, key=lambda pair: pair[0], default=(end + 1, None))
            next_message = self._queue[0][0] if self._queue else end + 1
            moment = min(next_timer, next_message)
            if moment > end:
                self._move_to(end)
                return
            self._move_to(max(moment, self.now))
            if next_message <= next_timer:
                heapq.heappop(self._queue)[2]()
            else:
                assert due is not None
                due.netdb.handle_timer(self.now)
                self.drain(due)
                after = due.netdb.next_timer()
                assert after is None or after > self.now or after != next_timer, (
                    "timer stands still"
                )

    def run_until(self, done: Callable[[], bool], limit_s: float = 30.0) -> float:
        """Let time pass until ``done``; how long that took. Fails after ``limit_s``."""
        start = self.now
        while not done():
            assert self.now - start < limit_s, "it did not happen"
            self.run(0.05)
        return self.now - start

    def drain(self, node: Node) -> None:
        """Carry the events of one node."""
        while (event := node.netdb.next_event()) is not None:
            node.events.append(event)
            if isinstance(event, SendDirect):
                node.sent.append(("direct", event.message_type))
                self._deliver(
                    node.hash, event.router, event.message_type, event.body, self.latency_s
                )
            elif isinstance(event, SendThroughTunnel):
                node.sent.append(("tunnel", event.message_type))
                target = self.nodes.get(event.router)
                assert target is None or event.router_key == target.info.encryption_key
                self._deliver(
                    None, event.router, event.message_type, event.body, self.tunnel_latency_s
                )
            elif isinstance(event, RegisterReplyKey):
                node.reply_keys[event.tag] = (event.key, event.owner)
            elif isinstance(event, SendToGateway):
                self._deliver_to_tunnel(event)

    def _move_to(self, moment: float) -> None:
        self.wall.advance(moment - self.now)
        self.now = moment

    def _deliver(
        self, sender: bytes | None, router: bytes, message_type: int, body: bytes, latency_s: float
    ) -> None:
        def arrive() -> None:
            node = self.nodes.get(router)
            if node is None or node.is_down or self.loses(sender, router, message_type):
                if sender is not None and sender in self.nodes and (node is None or node.is_down):
                    origin = self.nodes[sender]
                    origin.netdb.router_failed(router, self.now)
                    self.drain(origin)
                return
            receive(node.netdb, message_type, body, sender, self.now)
            self.drain(node)

        self.after(latency_s, arrive)

    def _deliver_to_tunnel(self, event: SendToGateway) -> None:
        node, owner = self._tunnels[event.tunnel_id]
        assert (event.reply_key is None) == (event.reply_tag is None)

        def arrive() -> None:
            if node.is_down or self.loses(None, node.hash, event.message_type):
                return
            if event.reply_tag is not None:
                key, owner_of_key = node.reply_keys.pop(event.reply_tag)
                assert key == event.reply_key
                assert owner_of_key == owner
            receive(
                node.netdb,
                event.message_type,
                event.body,
                None,
                self.now,
                via_tunnel=True,
                owner=owner,
                reply_tag=event.reply_tag or b"",
            )
            self.drain(node)

        self.after(self.tunnel_latency_s, arrive)


def receive(
    netdb: NetDb,
    message_type: int,
    body: bytes,
    sender: bytes | None,
    now: float,
    *,
    via_tunnel: bool = False,
    owner: Owner = None,
    reply_tag: bytes = b"",
) -> None:
    """Parse one body and feed it, as the engine does."""
    if message_type == MessageType.DATABASE_STORE:
        netdb.receive_store(
            DatabaseStore.parse(body),
            sender,
            now,
            via_tunnel=via_tunnel,
            owner=owner,
            reply_tag=reply_tag,
        )
    elif message_type == MessageType.DATABASE_LOOKUP:
        netdb.receive_lookup(DatabaseLookup.parse(body), sender, now)
    elif message_type == MessageType.DATABASE_SEARCH_REPLY:
        netdb.receive_search_reply(DatabaseSearchReply.parse(body), now, owner=owner)
    else:
        assert message_type == MessageType.DELIVERY_STATUS
        netdb.receive_delivery_status(DeliveryStatus.parse(body).message_id, now)


def drain(netdb: NetDb) -> list[Event]:
    """All events of one NetDb."""
    events: deque[Event] = deque()
    while (event := netdb.next_event()) is not None:
        events.append(event)
    return list(events)
