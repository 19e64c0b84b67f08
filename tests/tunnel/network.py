"""Routers of nothing but tunnels, joined in memory, for the tests of this room."""

from __future__ import annotations

from abc import ABC, abstractmethod

from core.base.errors import DecodeError
from core.crypto.aead import ChaChaPoly
from core.crypto.noise import SymmetricState
from core.crypto.x25519 import X25519Key
from core.i2np.message import make_standard, short_to_standard
from core.tunnel.build import BuildHop, TunnelBuild, random_id
from core.tunnel.dispatch import TunnelDispatcher
from core.tunnel.records import SHORT, HopIdentity, RecordFormat
from core.tunnel.transit import TransitHops, TransitLimits
from core.tunnel.tunnels import InboundTunnel, OutboundTunnel, ZeroHopInbound
from tests.support.deterministic import FakeWallClock, SeededEntropy


class PlainSealer:
    """The garlic room reduced to what a tunnel sees of it: one message, sealed."""

    def __init__(self, entropy: SeededEntropy) -> None:
        self._entropy = entropy

    def seal_one_shot(self, tag: bytes, key: bytes, message: bytes) -> bytes:
        return tag + ChaChaPoly(key).seal(0, message, tag)

    def seal_to_router(self, public_key: bytes, message: bytes) -> bytes:
        ephemeral = X25519Key.generate(self._entropy)
        state = SymmetricState(b"test")
        state.mix_key(ephemeral.exchange(public_key))
        return ephemeral.public + state.encrypt_and_hash(message)


def open_one_shot(keys: dict[bytes, bytes], data: bytes) -> bytes | None:
    key = keys.pop(data[:8], None)
    return None if key is None else ChaChaPoly(key).open(0, data[8:], data[:8])


def open_to_router(key: X25519Key, data: bytes) -> bytes | None:
    state = SymmetricState(b"test")
    try:
        state.mix_key(key.exchange(data[:32]))
        return state.decrypt_and_hash(data[32:])
    except DecodeError:
        return None


class Receiver(ABC):
    """Sorts what arrives as a router engine does: tunnel messages to the dispatcher."""

    dispatcher: TunnelDispatcher

    def receive(self, sender: bytes, messages: list[bytes], now: float) -> None:
        data = [m for m in messages if m[0] == 18]
        if data:
            self.dispatcher.receive_tunnel_data(data, sender, now)
        self.dispatcher.receive_tunnel_gateways([m for m in messages if m[0] == 19], now)
        for message in messages:
            if message[0] not in (18, 19):
                self.handle(message, sender, now)

    @abstractmethod
    def handle(self, message: bytes, sender: bytes | None, now: float) -> None:
        """Any other message; ``sender`` is None for what came inside another."""


class Node(Receiver):
    """A dispatcher with transit, and what a router engine would do around them."""

    def __init__(self, name: str, wall: FakeWallClock, limits: TransitLimits | None = None) -> None:
        self.entropy = SeededEntropy(name)
        self.wall = wall
        self.key = X25519Key.generate(self.entropy)
        self.hash = self.entropy.random_bytes(32)
        self.dispatcher = TunnelDispatcher(self.hash, wall, self.entropy)
        self.sealer = PlainSealer(self.entropy)
        self.transit = TransitHops(
            HopIdentity(self.hash, self.key),
            self.dispatcher,
            self.sealer,
            wall,
            self.entropy,
            limits,
        )
        self.keys: dict[bytes, bytes] = {}
        self.replies: list[tuple[int, int, bytes]] = []
        self.router_messages: list[bytes] = []
        self.inbox: list[tuple[object, int, bytes]] = []
        self.waiting: set[int] = set()

    @property
    def hop(self) -> BuildHop:
        return BuildHop(self.hash, self.key.public)

    def handle(self, message: bytes, sender: bytes | None, now: float) -> None:
        kind, message_id = message[0], int.from_bytes(message[1:5], "big")
        if kind == 11:
            inner = open_to_router(self.key, message[13:]) or open_one_shot(self.keys, message[13:])
            if inner is not None:
                self.handle(inner, None, now)
        elif message_id in self.waiting and kind in (23, 24, 25, 26):
            self.replies.append((kind, message_id, message[9:]))
        elif kind in (23, 25):
            self.transit.receive(kind, message[9:], sender, now)
        else:
            self.router_messages.append(message)

    def drain(self, now: float) -> dict[bytes, list[bytes]]:
        self.dispatcher.flush(now)
        delivered, self.dispatcher.delivered[:] = list(self.dispatcher.delivered), []
        for owner, tunnel_id, message in delivered:
            short = message[:5] + (int.from_bytes(message[5:13], "big") // 1000).to_bytes(4, "big")
            if message[0] in (11, 24, 26) or owner is None:
                self.handle(short + message[16:], None, now)
            else:
                self.inbox.append((owner, tunnel_id, message))
        self.dispatcher.flush(now)
        result: dict[bytes, list[bytes]] = {}
        for outgoing in (self.dispatcher.outgoing, self.dispatcher.transit_outgoing):
            for peer, messages in outgoing.items():
                result.setdefault(peer, []).extend(messages)
            outgoing.clear()
        return result


class Network:
    """Delivers until nothing moves. ``loss`` drops every n-th message."""

    def __init__(self, count: int, wall: FakeWallClock | None = None) -> None:
        self.wall = wall or FakeWallClock()
        self.nodes = [Node(f"node {i}", self.wall) for i in range(count)]
        self.by_hash = {node.hash: node for node in self.nodes}
        self.down: set[bytes] = set()
        self.now = 100.0

    def run(self, rounds: int = 200) -> int:
        moved = 0
        for _ in range(rounds):
            batches = [(node.hash, node.drain(self.now)) for node in self.nodes]
            batches = [(sender, out) for sender, out in batches if out]
            if not batches:
                return moved
            for sender, out in batches:
                for peer, messages in out.items():
                    moved += len(messages)
                    if peer in self.by_hash and peer not in self.down:
                        self.by_hash[peer].receive(sender, messages, self.now)
        raise AssertionError("the network does not come to rest")

    def build_inbound(
        self, owner: Node, hops: list[Node], fmt: RecordFormat = SHORT
    ) -> tuple[TunnelBuild, tuple[int, ...], InboundTunnel | None]:
        tunnel_id = owner.dispatcher.unused_id()
        build = TunnelBuild(
            [hop.hop for hop in hops],
            is_inbound=True,
            end_hash=owner.hash,
            end_tunnel_id=tunnel_id,
            fmt=fmt,
            reply_message_id=random_id(owner.entropy),
            wall_now_s=self.wall.now(),
            entropy=owner.entropy,
            own_hash=owner.hash,
        )
        codes = self._request(owner, build)
        if any(codes):
            return build, codes, None
        tunnel = InboundTunnel(
            owner,
            tunnel_id,
            [hop.hash for hop in hops],
            build.hops[0].receive_tunnel_id,
            build.layer_keys(),
            owner.dispatcher,
            self.now,
        )
        owner.dispatcher.add_inbound(tunnel)
        return build, codes, tunnel

    def build_outbound(
        self,
        owner: Node,
        hops: list[Node],
        fmt: RecordFormat = SHORT,
        reply: InboundTunnel | None = None,
    ) -> tuple[TunnelBuild, tuple[int, ...], OutboundTunnel | None]:
        if reply is None:
            reply = ZeroHopInbound(owner, owner.dispatcher.unused_id(), owner.dispatcher, self.now)
            owner.dispatcher.add_inbound(reply)
        build = TunnelBuild(
            [hop.hop for hop in hops],
            is_inbound=False,
            end_hash=reply.gateway_hash,
            end_tunnel_id=reply.gateway_tunnel_id,
            fmt=fmt,
            reply_message_id=random_id(owner.entropy),
            wall_now_s=self.wall.now(),
            entropy=owner.entropy,
            own_hash=owner.hash,
        )
        keys = build.hops[-1].keys
        if keys.garlic_tag:
            owner.keys[keys.garlic_tag] = keys.garlic_key
        codes = self._request(owner, build)
        if any(codes):
            return build, codes, None
        tunnel = OutboundTunnel(
            owner,
            build.hops[0].receive_tunnel_id,
            [hop.hash for hop in hops],
            build.layer_keys(),
            owner.dispatcher,
            self.now,
        )
        return build, codes, tunnel

    def _request(self, owner: Node, build: TunnelBuild) -> tuple[int, ...]:
        expires = int(self.wall.now() + 10) * 1000
        standard = make_standard(build.message_type, random_id(owner.entropy), expires, build.body)
        first = build.hops[0].router_hash
        short = standard[:5] + (expires // 1000).to_bytes(4, "big") + standard[16:]
        owner.waiting.add(build.reply_message_id)
        owner.dispatcher.queue(first, False).append(short)
        self.run()
        replies = [body for _, mid, body in owner.replies if mid == build.reply_message_id]
        owner.replies.clear()
        assert len(replies) == 1, "no reply to the build"
        return build.open_reply(replies[0]).codes


def message(body: bytes, wall: FakeWallClock, message_id: int = 77) -> bytes:
    """A standard-form Data message that expires in a minute."""
    return make_standard(20, message_id, int(wall.now() + 60) * 1000, body)


__all__ = ["Network", "Node", "PlainSealer", "message", "short_to_standard"]
