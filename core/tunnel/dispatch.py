"""All tunnels of one router by receive id: batches in, batches out. The hot path of transit.

The engine feeds ``receive_tunnel_data`` and ``receive_tunnel_gateways``, calls ``flush`` once when
its batch is through, and takes out:

* ``take_outgoing``: short-form messages by router. ``outgoing`` are our own traffic and control
  messages; ``transit_outgoing`` is traffic of others, which may be shed first;
  ``transit_endpoints``: for some of these routers a tunnel that ends here and led to it;
* ``take_delivered``: (owner, tunnel id, standard-form message) from our own inbound tunnels. Owner
  None: the message reached us as a router, through a tunnel of someone unknown;
* ``build_requests``: (tunnel id, standard-form build request) that reached us in that way: an
  outbound tunnel ends here and the new inbound tunnel begins here. Its manager takes them.

What always holds: nothing a peer sends raises; what is dropped is counted in ``dropped``. Tunnel
data is taken only from the hop before us (as in Java), once, unexpired, and exactly 1037 bytes
long, which keeps the cipher chains whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from struct import Struct
from typing import Protocol

from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy, WallClock
from core.base.rates import Source
from core.base.reassembly import ReassemblyMemory
from core.i2np.message import LIFETIME_S, standard_to_short
from core.tunnel.build import random_id
from core.tunnel.constants import (
    MESSAGE_BYTES_MAX,
    MESSAGE_FUTURE_S,
    MESSAGE_PAST_S,
    SHORT_HEADER_BYTES,
    STANDARD_HEADER_BYTES,
)
from core.tunnel.delivery import DeliveryKind, DeliveryTuple, make_gateway
from core.tunnel.drops import Drop
from core.tunnel.meter import TransitMeter, all_headroom
from core.tunnel.pacing import BuildPacer
from core.tunnel.participant import (
    Flushable,
    Sink,
    TransitGateway,
    TransitTunnel,
)
from core.tunnel.sorter import TunnelDataSorter
from core.tunnel.tunnels import InboundTunnel, ZeroHopInbound

_GATEWAY_BODY = Struct(">IH")
_SHORT_GATEWAY_BYTES = SHORT_HEADER_BYTES + _GATEWAY_BODY.size
_TICK_S = 5.0
_REPLAY_PERIOD_S = 600.0
_REPLAY_MAX = 200_000
_LOOPBACK_MAX = 4096
_BUILD_REQUESTS = (23, 25)


_SORTED_OUT = (Drop.MALFORMED, Drop.EXPIRED, Drop.UNKNOWN_TUNNEL, Drop.DUPLICATE)


class _Receiver(Protocol):
    previous: bytes | None

    def receive(self, group: list[bytes], sink: Sink, now: float) -> None: ...

    def tick(self, now: float) -> None: ...

    def add_drops(self, counts: dict[Drop, int]) -> None: ...


class _Accepter(Protocol):
    def accept(self, message: bytes, sink: Sink, now: float) -> None: ...

    def add_drops(self, counts: dict[Drop, int]) -> None: ...


class TunnelDispatcher:
    """See the module. One per router; ``router_hash`` is our own.

    ``headroom``: see :class:`TransitMeter`.
    """

    def __init__(
        self,
        router_hash: bytes,
        wall: WallClock,
        entropy: Entropy,
        headroom: Callable[[float], float] = all_headroom,
    ) -> None:
        self.router_hash = router_hash
        self.entropy = entropy
        self.outgoing: dict[bytes, list[bytes]] = {}
        self.transit_outgoing: dict[bytes, list[bytes]] = {}
        self.transit_endpoints: dict[bytes, int] = {}
        self.delivered: list[tuple[object, int, bytes]] = []
        self.build_requests: list[tuple[int, bytes]] = []
        self.dropped: dict[Drop, int] = dict.fromkeys(Drop, 0)
        self.meter = TransitMeter(headroom=headroom)
        self.own_memory = ReassemblyMemory()
        self.transit_memory = ReassemblyMemory()
        self._pacer = BuildPacer()
        self._wall = wall
        self._receivers: dict[int, _Receiver] = {}
        self._transit_ids: set[int] = set()
        self._accepters: dict[int, _Accepter] = {}
        self._touched: dict[Flushable, None] = {}
        self._loopback: list[tuple[int, bytes]] = []
        self._sorter = TunnelDataSorter(_REPLAY_PERIOD_S, _REPLAY_MAX)
        self._tick_at: float | None = None

    # Messages in

    def receive_tunnel_data(self, messages: list[bytes], from_router: bytes, now: float) -> None:
        """Short-form TunnelData messages that one link brought."""
        wall_now = int(self._wall.now())
        oldest, newest = wall_now - MESSAGE_PAST_S, wall_now + MESSAGE_FUTURE_S
        groups, dropped = self._sorter.sort(messages, self._receivers, oldest, newest, now)
        if any(dropped):
            for why, count in zip(_SORTED_OUT, dropped, strict=True):
                self.dropped[why] += count
        for tunnel_id, group in groups.items():
            receiver = self._receivers.get(tunnel_id)
            if receiver is None or receiver.previous != from_router:
                self.dropped[Drop.WRONG_HOP] += len(group)
                continue
            if tunnel_id in self._transit_ids:
                allowed = self.meter.take(len(group), now)
                if allowed < len(group):
                    size = len(group)
                    self.dropped[Drop.BANDWIDTH] += size - allowed
                    if not allowed:
                        continue
                    group = [group[number * size // allowed] for number in range(allowed)]
            receiver.receive(group, self, now)

    def receive_tunnel_gateways(self, messages: Iterable[bytes], now: float) -> None:
        """Short-form TunnelGateway messages, known not to be expired; anyone may send them."""
        for data in messages:
            if len(data) >= _SHORT_GATEWAY_BYTES:
                tunnel_id, length = _GATEWAY_BODY.unpack_from(data, SHORT_HEADER_BYTES)
                end = _SHORT_GATEWAY_BYTES + length
                if end <= len(data):
                    self._accept(tunnel_id, data[_SHORT_GATEWAY_BYTES:end], now)
                    continue
            self.dropped[Drop.MALFORMED] += 1

    def _accept(self, tunnel_id: int, message: bytes, now: float) -> None:
        accepter = self._accepters.get(tunnel_id)
        if accepter is None:
            self.dropped[Drop.UNKNOWN_TUNNEL] += 1
            return
        # Whole (what delivery.check_standard checks), and small enough to fragment.
        size = len(message)
        length = size - STANDARD_HEADER_BYTES
        if length < 0 or size > MESSAGE_BYTES_MAX or (message[13] << 8 | message[14]) > length:
            self.dropped[Drop.MALFORMED] += 1
            return
        if tunnel_id in self._transit_ids and not self.meter.take_whole(1 + size // 1003, now):
            self.dropped[Drop.BANDWIDTH] += 1
            return
        accepter.accept(message, self, now)

    def flush(self, now: float) -> None:
        """Finish what the batch touched: gateways pack and encrypt, own deliveries loop back."""
        budget = _LOOPBACK_MAX
        while self._touched or self._loopback:
            touched, self._touched = self._touched, {}
            for gateway in touched:
                gateway.flush(self)
            loopback, self._loopback = self._loopback, []
            for tunnel_id, message in loopback:
                budget -= 1
                if budget < 0:
                    # An outbound tunnel that ends here can point at an inbound one that begins
                    # here, but never at itself; the bound only guards against our own mistakes.
                    self.dropped[Drop.LOOP] += 1
                    continue
                self._accept(tunnel_id, message, now)

    # Messages out

    def take_delivered(self) -> list[tuple[object, int, bytes]]:
        """What came through tunnels for us; see the module."""
        delivered, self.delivered = self.delivered, []
        return delivered

    def take_outgoing(self) -> list[tuple[bytes, list[bytes], Source | None]]:
        """(router, messages, source); ``source``: the stranger's tunnel that they come out of."""
        taken: list[tuple[bytes, list[bytes], Source | None]] = []
        if self.outgoing:
            outgoing, self.outgoing = self.outgoing, {}
            taken += [(router, messages, None) for router, messages in outgoing.items()]
        if self.transit_outgoing:
            transit, self.transit_outgoing = self.transit_outgoing, {}
            endpoints, self.transit_endpoints = self.transit_endpoints, {}
            for router_hash, messages in transit.items():
                source = self.source(endpoints.get(router_hash, 0))
                taken.append((router_hash, messages, source))
        return taken

    # What tunnels see (participant.Sink)

    def wall_now(self) -> int:
        """Seconds since 1970."""
        return int(self._wall.now())

    def queue(self, router_hash: bytes, is_transit: bool) -> list[bytes]:
        """The messages that wait for a router, to append to."""
        outgoing = self.transit_outgoing if is_transit else self.outgoing
        messages = outgoing.get(router_hash)
        if messages is None:
            messages = outgoing[router_hash] = []
        return messages

    def queue_build(self, router_hash: bytes, message: bytes, now: float) -> None:
        """A build request for a router, sent when it takes one (see :mod:`core.tunnel.pacing`)."""
        self.pace_build(router_hash, lambda _: self.queue(router_hash, False).append(message), now)

    def pace_build(self, router_hash: bytes, send: Callable[[float], None], now: float) -> None:
        """The same for a request that others bring to the router: ``send(now)`` sends it off."""
        self._pacer.submit(router_hash, send, now)

    def touch(self, gateway: Flushable) -> None:
        """Have a gateway flushed at the end of the batch."""
        self._touched[gateway] = None

    def forward(
        self, deliveries: Iterable[DeliveryTuple], is_transit: bool, tunnel_id: int
    ) -> None:
        """Send what came out of a tunnel where its delivery instructions say."""
        expires = 0
        previous_hash: bytes | None = None
        queue: list[bytes] = []
        for kind, router_hash, target_id, message in deliveries:
            if kind == 0 or router_hash is None:
                self.delivered.append((None, tunnel_id, message))
                continue
            if router_hash == self.router_hash:
                self._forward_to_us(kind, target_id, message, tunnel_id)
                continue
            if router_hash != previous_hash:
                previous_hash = router_hash
                queue = self.queue(router_hash, is_transit)
                if is_transit:
                    self.transit_endpoints[router_hash] = tunnel_id
            if kind == 1:
                if not target_id:
                    self.dropped[Drop.MALFORMED] += 1
                    continue
                if not expires:
                    expires = int(self._wall.now()) + LIFETIME_S
                message_id = self.entropy.random_bytes(4)
                queue.append(make_gateway(message_id, expires, target_id, message))
                continue
            try:
                queue.append(standard_to_short(message))
            except DecodeError:
                self.dropped[Drop.MALFORMED] += 1

    def _forward_to_us(
        self, kind: int, target_id: int | None, message: bytes, tunnel_id: int
    ) -> None:
        if kind != DeliveryKind.ROUTER:
            if target_id:
                self._loopback.append((target_id, message))
            else:
                self.dropped[Drop.MALFORMED] += 1
        elif message[0] in _BUILD_REQUESTS:
            # i2pd: not sealed if endpoint and gateway are the same router.
            self.build_requests.append((tunnel_id, message))
        else:
            self.delivered.append((None, tunnel_id, message))

    def send_to_gateway(
        self, router_hash: bytes, tunnel_id: int, message: bytes, now: float
    ) -> None:
        """Send a standard-form message into someone's inbound tunnel, as a control message."""
        self.forward(((DeliveryKind.TUNNEL, router_hash, tunnel_id, message),), False, 0)

    # Tunnels

    def is_taken(self, tunnel_id: int) -> bool:
        """True if a receive id is in use."""
        return tunnel_id in self._receivers or tunnel_id in self._accepters

    def source(self, tunnel_id: int) -> Source:
        """Where a message comes from that a tunnel delivered here: the link, and the tunnel."""
        receiver = self._receivers.get(tunnel_id)
        return (None if receiver is None else receiver.previous), tunnel_id

    def unused_id(self) -> int:
        """A random receive id that is free."""
        while True:
            tunnel_id = random_id(self.entropy)
            if not self.is_taken(tunnel_id):
                return tunnel_id

    def add_inbound(self, tunnel: InboundTunnel) -> None:
        """Register a tunnel of our own; LocalError if its id is taken."""
        if self.is_taken(tunnel.tunnel_id):
            raise LocalError("tunnel id is in use")
        self._receivers[tunnel.tunnel_id] = tunnel
        if isinstance(tunnel, ZeroHopInbound):
            self._accepters[tunnel.tunnel_id] = tunnel

    def remove_inbound(self, tunnel: InboundTunnel) -> None:
        """An inbound tunnel of our own has ended."""
        if self._receivers.get(tunnel.tunnel_id) is tunnel:
            tunnel.add_drops(self.dropped)
            del self._receivers[tunnel.tunnel_id]
            self._accepters.pop(tunnel.tunnel_id, None)
        tunnel.close()

    def add_transit(self, tunnel: TransitTunnel) -> None:
        """Register a tunnel of others; LocalError if its id is taken."""
        if self.is_taken(tunnel.tunnel_id):
            raise LocalError("tunnel id is in use")
        self._transit_ids.add(tunnel.tunnel_id)
        if isinstance(tunnel, TransitGateway):
            self._accepters[tunnel.tunnel_id] = tunnel
        else:
            self._receivers[tunnel.tunnel_id] = tunnel

    def remove_transit(self, tunnel: TransitTunnel) -> None:
        """A tunnel of others has ended."""
        if tunnel.tunnel_id in self._transit_ids:
            tunnel.add_drops(self.dropped)
        self._transit_ids.discard(tunnel.tunnel_id)
        self._receivers.pop(tunnel.tunnel_id, None)
        self._accepters.pop(tunnel.tunnel_id, None)
        tunnel.close()

    def drops(self) -> dict[Drop, int]:
        """How many messages went no further, by reason."""
        counts = dict(self.dropped)
        for receiver in self._receivers.values():
            receiver.add_drops(counts)
        for tunnel_id, accepter in self._accepters.items():
            if tunnel_id not in self._receivers:
                accepter.add_drops(counts)
        return counts

    def transit_rate(self, now: float) -> float:
        """Transit in bytes per second over about the last 15 s."""
        return self.meter.rate(now)

    # Time

    def next_timer(self) -> float | None:
        """When to call :meth:`handle_timer`; None while there is nothing to wait for."""
        pacer_at = self._pacer.next_timer()
        if not self._receivers:
            return pacer_at
        tick_at = self._tick_at or 0.0
        return tick_at if pacer_at is None else min(tick_at, pacer_at)

    def handle_timer(self, now: float) -> None:
        """Give up incomplete messages, send what was held; early and late calls do no harm."""
        self._pacer.handle_timer(now)
        if self._tick_at is None or now >= self._tick_at:
            self._tick_at = now + _TICK_S
            for receiver in self._receivers.values():
                receiver.tick(now)
