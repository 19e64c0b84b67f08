"""Tunnels of our own: inbound, outbound, and both with zero hops.

``created_at``, ``expires_at``: monotonic seconds. ``hops``: router hashes in the direction of the
data. ``owner``: whatever the pool was made for; it comes back with every delivered message.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.tunnel.constants import LAYER_BYTES, SHORT_IV_OFFSET, TUNNEL_LIFETIME_S
from core.tunnel.delivery import DeliveryTuple
from core.tunnel.drops import Drop
from core.tunnel.endpoint import Endpoint
from core.tunnel.fragments import Reassembler
from core.tunnel.gateway import Gateway
from core.tunnel.hop_cipher import LayerDecryptor
from core.tunnel.participant import Sink, emit_tunnel_data

LOSS_GAIN = 0.2
"""What one test more is worth."""


class OwnTunnel:
    """What inbound and outbound tunnels share: age, and the evidence that they work."""

    __slots__ = (
        "_last_good_at",
        "_measured",
        "_sink",
        "created_at",
        "expires_at",
        "failures",
        "hops",
        "loss",
        "messages",
        "owner",
        "rtt_s",
        "tested_at",
        "tunnel_id",
    )

    def __init__(
        self, owner: object, tunnel_id: int, hops: Sequence[bytes], sink: Sink, now: float
    ) -> None:
        self.owner = owner
        self.tunnel_id = tunnel_id
        self.hops = tuple(hops)
        self._sink = sink
        self.created_at = now
        self.expires_at = now + TUNNEL_LIFETIME_S
        self.failures = 0
        """Tests that failed in a row."""
        self.loss = 0.0
        """The part of the last tests that was lost, of this tunnel or its partner; smoothed."""
        self.rtt_s: float | None = None
        """Round trip of the last tests through this tunnel and a partner, smoothed."""
        self.tested_at = now
        self._last_good_at = now
        self.messages = 0
        #: when the throughput was last measured, and how much had been carried until then
        self._measured = now, 0

    @property
    def last_good_at(self) -> float:
        """When there was last evidence that the tunnel carries messages."""
        return self._last_good_at

    def note_good(self, now: float, rtt_s: float | None = None) -> None:
        """A message is known to have passed: a test, or an answer to what was sent."""
        self._last_good_at = now
        self.failures = 0
        if rtt_s is not None:
            self.loss = (1 - LOSS_GAIN) * self.loss
            self.rtt_s = rtt_s if self.rtt_s is None else 0.75 * self.rtt_s + 0.25 * rtt_s

    def measure(self, now: float) -> float:
        """Bytes per second since the last call, headers and padding included."""
        since, before = self._measured
        self._measured = now, self.messages
        return (self.messages - before) * LAYER_BYTES / max(now - since, 1.0)

    def note_lost(self) -> None:
        """A test through this tunnel and a partner was lost, perhaps here."""
        self.failures += 1
        self.loss = (1 - LOSS_GAIN) * self.loss + LOSS_GAIN

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.tunnel_id}, hops={len(self.hops)})"


class InboundTunnel(OwnTunnel):
    """Receives for us. ``gateway_hash`` and ``gateway_tunnel_id`` are what a lease publishes;
    ``expires_ms`` is the unix time in milliseconds at which a lease must end."""

    __slots__ = (
        "_decryptor",
        "_endpoint",
        "expires_ms",
        "gateway_hash",
        "gateway_tunnel_id",
        "leaked",
        "previous",
    )

    def __init__(
        self,
        owner: object,
        tunnel_id: int,
        hops: Sequence[bytes],
        gateway_tunnel_id: int,
        keys: Sequence[tuple[bytes, bytes]],
        sink: Sink,
        now: float,
    ) -> None:
        super().__init__(owner, tunnel_id, hops, sink, now)
        self.gateway_hash = hops[0] if hops else sink.router_hash
        self.gateway_tunnel_id = gateway_tunnel_id
        self.expires_ms = int((sink.wall_now() + TUNNEL_LIFETIME_S) * 1000)
        self.previous: bytes | None = hops[-1] if hops else None
        self._decryptor = LayerDecryptor(keys)
        self._endpoint = Endpoint(Reassembler(memory=sink.own_memory))
        self.leaked = 0
        """Messages that asked us to deliver elsewhere; honouring them would unmask us."""

    def clock_changed(self, now: float) -> None:
        """The end of the lease by the wall clock, which was set."""
        self.expires_ms = int((self._sink.wall_now() + self.expires_at - now) * 1000)

    def receive(self, group: list[bytes], sink: Sink, now: float) -> None:
        """Short-form TunnelData messages from the hop before us."""
        layers = self._decryptor.decrypt_at(group, SHORT_IV_OFFSET)
        self.messages += len(group)
        delivered = sink.delivered
        for kind, _, _, message in self._endpoint.receive(layers, now):
            if kind:
                self.leaked += 1
                continue
            self._last_good_at = now
            delivered.append((self.owner, self.tunnel_id, message))

    def tick(self, now: float) -> None:
        """Give up fragments that have waited too long."""
        self._endpoint.reassembler.expire(now)

    def add_drops(self, counts: dict[Drop, int]) -> None:
        """Add what this tunnel dropped."""
        counts[Drop.MALFORMED] += self._endpoint.malformed
        counts[Drop.INCOMPLETE] += self._endpoint.reassembler.dropped
        counts[Drop.FOREIGN] += self.leaked

    def close(self) -> None:
        """The tunnel is gone: give up what is incomplete."""
        self._endpoint.reassembler.close()


class ZeroHopInbound(InboundTunnel):
    """We are our own gateway: used at the start, and by pools of length 0."""

    __slots__ = ()

    def __init__(self, owner: object, tunnel_id: int, sink: Sink, now: float) -> None:
        super().__init__(owner, tunnel_id, (), tunnel_id, (), sink, now)

    def accept(self, message: bytes, sink: Sink, now: float) -> None:
        """A whole message that was sent to us as the gateway."""
        self.messages += 1
        self._last_good_at = now
        sink.delivered.append((self.owner, self.tunnel_id, message))

    def receive(self, group: list[bytes], sink: Sink, now: float) -> None:
        """Nobody has a reason to send tunnel data to a tunnel without hops."""
        self.leaked += len(group)


class OutboundTunnel(OwnTunnel):
    """Sends for us. ``tunnel_id`` is the first hop's receive id."""

    __slots__ = ("_decryptor", "_gateway", "_next_id", "endpoint_hash")

    def __init__(
        self,
        owner: object,
        tunnel_id: int,
        hops: Sequence[bytes],
        keys: Sequence[tuple[bytes, bytes]],
        sink: Sink,
        now: float,
    ) -> None:
        super().__init__(owner, tunnel_id, hops, sink, now)
        self.endpoint_hash = hops[-1] if hops else sink.router_hash
        self._next_id = tunnel_id.to_bytes(4, "big")
        self._decryptor = LayerDecryptor(keys)
        self._gateway = Gateway(sink.entropy)

    def send(self, deliveries: Iterable[DeliveryTuple], now: float) -> None:
        """Queue ``(kind, router hash, tunnel id, standard-form message)`` until the next flush."""
        self._gateway.extend(deliveries)
        self._sink.touch(self)

    def flush(self, sink: Sink) -> None:
        """Pack what waits, take the layers off in advance, queue it for the first hop."""
        plain = self._gateway.take()
        if not plain:
            return
        self.messages += len(plain)
        queue = sink.queue(self.hops[0], False)
        emit_tunnel_data(self._decryptor, plain, self._next_id, sink, queue)


class ZeroHopOutbound(OutboundTunnel):
    """Delivers directly from us."""

    __slots__ = ()

    def __init__(self, owner: object, tunnel_id: int, sink: Sink, now: float) -> None:
        super().__init__(owner, tunnel_id, (), (), sink, now)

    def send(self, deliveries: Iterable[DeliveryTuple], now: float) -> None:
        """Send at once: there are no hops that anything could be hidden from."""
        for delivery in deliveries:
            self.messages += 1
            self._last_good_at = now
            self._sink.forward((delivery,), False, 0)

    def flush(self, sink: Sink) -> None:
        """Nothing waits here."""
