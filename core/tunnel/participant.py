"""Tunnels of others that pass through us: participant, endpoint (OBEP) and gateway (IBGW).

All work on batches of short-form TunnelData messages whose length, expiration and uniqueness the
dispatcher has checked. Cipher contexts are made at the first message: many tunnels are built as
spares and never used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import InitVar, dataclass, field
from typing import Protocol

from core.base.ports import Entropy
from core.base.rates import TokenBucket
from core.base.reassembly import ReassemblyMemory
from core.i2np.message import LIFETIME_S
from core.tunnel.constants import (
    MESSAGE_BYTES_MAX,
    MESSAGE_PAST_S,
    SHORT_IV_OFFSET,
)
from core.tunnel.delivery import DeliveryTuple
from core.tunnel.drops import Drop
from core.tunnel.endpoint import Endpoint
from core.tunnel.fragments import Reassembler
from core.tunnel.gateway import Gateway
from core.tunnel.hop_cipher import HopEncryptor, LayerDecryptor

_ENDPOINT_BYTES_MAX = 192 * 1024
_ENDPOINT_PARTIALS_MAX = 128
_GATEWAY_BYTES_MAX = 512 * 1024
_MESSAGE_COST = 100
"""Bytes of memory for a message that waits for the end of a turn, beside its own."""
_TARGETS_MAX = 64
_TARGETS_PERIOD_S = 30.0


class Flushable(Protocol):
    """A gateway with messages waiting."""

    def flush(self, sink: Sink) -> None:
        """Hand what waits to the sink."""


class Sink(Protocol):
    """What tunnels see of the dispatcher."""

    entropy: Entropy
    router_hash: bytes
    delivered: list[tuple[object, int, bytes]]
    own_memory: ReassemblyMemory
    transit_memory: ReassemblyMemory

    def wall_now(self) -> int:
        """Unix seconds."""
        ...

    def queue(self, router_hash: bytes, is_transit: bool) -> list[bytes]:
        """The list of short-form messages that go to a router; append to it."""
        ...

    def forward(
        self, deliveries: Iterable[DeliveryTuple], is_transit: bool, tunnel_id: int
    ) -> None:
        """Send on what an endpoint (or a tunnel of zero hops) may deliver anywhere."""
        ...

    def touch(self, gateway: Flushable) -> None:
        """Have ``gateway`` flushed at the end of the batch."""
        ...


def emit_tunnel_data(
    cipher: HopEncryptor | LayerDecryptor,
    plain: list[bytes],
    next_id: bytes,
    sink: Sink,
    out: list[bytes],
) -> None:
    """Append short-form TunnelData messages of our own making to ``out``."""
    ids = sink.entropy.random_bytes(4 * len(plain))
    expires = (sink.wall_now() + LIFETIME_S).to_bytes(4, "big")
    cipher.emit(plain, ids, expires + next_id, out)


@dataclass(slots=True, eq=False, repr=False)
class TransitTunnel:
    """What the three kinds have in common. ``previous`` is the hop before us (None for gateways),
    ``next_hash`` the hop after us; ``expires_at`` is monotonic."""

    tunnel_id: int
    previous: bytes | None
    next_hash: bytes
    next_tunnel_id: InitVar[int]
    layer_key: InitVar[bytes]
    iv_key: InitVar[bytes]
    expires_at: float
    is_used: bool = field(default=False, init=False)
    """Whether anything came through it."""
    _next_id: bytes = field(init=False)
    _keys: tuple[bytes, bytes] = field(init=False)
    _encryptor: HopEncryptor | None = field(default=None, init=False)

    def __post_init__(self, next_tunnel_id: int, layer_key: bytes, iv_key: bytes) -> None:
        self._next_id = next_tunnel_id.to_bytes(4, "big")
        self._keys = (layer_key, iv_key)

    def encryptor(self) -> HopEncryptor:
        """The cipher of this hop, made at first use."""
        if self._encryptor is None:
            self._encryptor = HopEncryptor(*self._keys)
        return self._encryptor

    def receive(self, group: list[bytes], sink: Sink, now: float) -> None:
        """Short-form TunnelData messages from the hop before us."""

    def tick(self, now: float) -> None:
        """Give up what waited too long."""

    def close(self) -> None:
        """The tunnel is gone."""

    def add_drops(self, counts: dict[Drop, int]) -> None:
        """Add what this tunnel dropped."""


@dataclass(slots=True, eq=False, repr=False)
class Participant(TransitTunnel):
    """Encrypts and passes on."""

    def receive(self, group: list[bytes], sink: Sink, now: float) -> None:
        """Encrypt TunnelData messages and queue them for the next hop."""
        encryptor = self._encryptor or self.encryptor()
        self.is_used = True
        count = len(group)
        ids = sink.entropy.random_bytes(4 * count)
        encryptor.relay(group, ids, self._next_id, sink.queue(self.next_hash, True))


@dataclass(slots=True, eq=False, repr=False)
class TransitEndpoint(TransitTunnel):
    """The last hop of an outbound tunnel: delivers to routers and to other tunnels' gateways."""

    dropped: int = field(default=0, init=False)
    _endpoint: Endpoint | None = field(default=None, init=False)
    _targets: set[bytes] = field(default_factory=set, init=False)
    _targets_until: float = field(default=0.0, init=False)

    def receive(self, group: list[bytes], sink: Sink, now: float) -> None:
        """Decrypt, reassemble and send on what is complete."""
        self.is_used = True
        layers = (self._encryptor or self.encryptor()).encrypt_at(group, SHORT_IV_OFFSET)
        endpoint = self._endpoint
        if endpoint is None:
            reassembler = Reassembler(
                _ENDPOINT_BYTES_MAX, _ENDPOINT_PARTIALS_MAX, memory=sink.transit_memory
            )
            endpoint = self._endpoint = Endpoint(reassembler)
        # A message may end a minute ago (delivery.expiration_s rounds up).
        oldest_ms = (sink.wall_now() - MESSAGE_PAST_S - 1) * 1000
        targets = self._targets
        allowed: list[DeliveryTuple] = []
        for delivery in endpoint.receive(layers, now):
            if int.from_bytes(delivery[3][5:13], "big") > oldest_ms and (
                delivery[1] in targets or self._is_target_allowed(delivery[1], now)
            ):
                allowed.append(delivery)
            else:
                self.dropped += 1
        if allowed:
            sink.forward(allowed, True, self.tunnel_id)

    def _is_target_allowed(self, router_hash: bytes | None, now: float) -> bool:
        """Java: an endpoint reaches a limited number of routers in a period, so that nobody can
        make it open connections to the whole network."""
        if router_hash is None or router_hash in self._targets:
            return True
        if now >= self._targets_until:
            self._targets.clear()
            self._targets_until = now + _TARGETS_PERIOD_S
        if len(self._targets) >= _TARGETS_MAX:
            return False
        self._targets.add(router_hash)
        return True

    def tick(self, now: float) -> None:
        """Give up fragments that have waited too long."""
        if self._endpoint is not None:
            self._endpoint.reassembler.expire(now)

    def close(self) -> None:
        """Give up what is incomplete."""
        if self._endpoint is not None:
            self._endpoint.reassembler.close()

    def add_drops(self, counts: dict[Drop, int]) -> None:
        """Add what was malformed, incomplete, or for a router too many."""
        counts[Drop.TARGET] += self.dropped
        if self._endpoint is not None:
            counts[Drop.MALFORMED] += self._endpoint.malformed
            counts[Drop.INCOMPLETE] += self._endpoint.reassembler.dropped


@dataclass(slots=True, eq=False, repr=False)
class TransitGateway(TransitTunnel):
    """The first hop of an inbound tunnel: takes whole messages from anyone."""

    dropped: int = field(default=0, init=False)
    _gateway: Gateway | None = field(default=None, init=False)
    _waiting_bytes: int = field(default=0, init=False)
    _bucket: TokenBucket | None = field(default=None, init=False)

    def limit(self, bytes_s: float) -> None:
        """Let so much through at most, as its creator asked (``l`` of proposal 168)."""
        self._bucket = TokenBucket(bytes_s, max(bytes_s, float(MESSAGE_BYTES_MAX)))

    def accept(self, message: bytes, sink: Sink, now: float) -> None:
        """Take one standard-form message; what exceeds the bounds is dropped and counted."""
        self.is_used = True
        if self._bucket is not None and not self._bucket.take(now, float(len(message))):
            self.dropped += 1
            return
        self._waiting_bytes += len(message) + _MESSAGE_COST
        if self._waiting_bytes > _GATEWAY_BYTES_MAX:
            self.dropped += 1
            return
        if self._gateway is None:
            self._gateway = Gateway(sink.entropy)
        self._gateway.put((0, None, None, message))
        sink.touch(self)

    def flush(self, sink: Sink) -> None:
        """Pack what waits, encrypt it and queue it for the next hop."""
        self._waiting_bytes = 0
        if self._gateway is None:
            return
        plain = self._gateway.take()
        queue = sink.queue(self.next_hash, True)
        emit_tunnel_data(self._encryptor or self.encryptor(), plain, self._next_id, sink, queue)

    def add_drops(self, counts: dict[Drop, int]) -> None:
        """Add what found too much waiting."""
        counts[Drop.FULL] += self.dropped
