"""A whole router with SSU2, and a stranger who has all keys that one can have.

What he sends reaches the endpoint as it came, damaged, or sealed as it should be around a payload
that is damaged: every type of packet, in and outside of handshakes and sessions.
"""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

from core.crypto.mlkem import DecapsulationKey
from core.crypto.noise import begin_xk
from core.crypto.x25519 import X25519Key
from core.router.config import RouterConfig
from core.router.engine import RouterEngine
from core.router.identity import RouterKeys
from core.router.transports import configured
from core.transport.ssu2 import handshake, outside
from core.transport.ssu2.blocks import Block, DateTime, PeerTest, RelayResponse
from core.transport.ssu2.confirmed import confirmed_payload
from core.transport.ssu2.framing import SocketAddress, write_padding
from core.transport.ssu2.handshake import ConnectionIds
from core.transport.ssu2.header import (
    COVERED_BYTES,
    LongHeader,
    PacketType,
    ShortHeader,
    mask,
)
from core.transport.ssu2.variants import HYBRID_768, PLAIN
from tests.fuzz.core_targets import ENTROPY, NOW_S
from tests.fuzz.core_targets import TARGETS as CORE_TARGETS
from tests.fuzz.runner import Target
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.link_nodes import message
from tests.support.ssu2_nodes import NETWORK_ID, Ssu2Node

HERE = SocketAddress("127.0.0.1", 4567)
STRANGER = SocketAddress("127.0.0.2", 4001)
_COVERED = COVERED_BYTES[PacketType.SESSION_REQUEST]
_TICK_S = 0.05


class Scene:
    """The router, and a node whose packets we make and read ourselves."""

    def __init__(self, name: str) -> None:
        self.wall = FakeWallClock(NOW_S)
        self.entropy = SeededEntropy(name)
        config = RouterConfig(
            Path("."),
            network_id=NETWORK_ID,
            host=HERE.host,
            ntcp2=False,
            ssu2_pq=HYBRID_768.version,
            allow_private_addresses=True,
        )
        keys = RouterKeys.generate(self.entropy)
        self.now = 1000.0
        self.router = RouterEngine(
            config,
            keys,
            HERE.port,
            self.wall,
            self.entropy,
            self.now,
            make_endpoints=configured(config, keys, HERE.port),
        )
        self.router.start(self.now)
        assert self.router.ssu2 is not None
        self.ssu2 = self.router.ssu2
        self.ssu2.publish(False, (HERE.host, HERE.port), self.now)
        self.intro = self.ssu2.context.local.intro
        self.static = self.ssu2.context.local.static_key
        self.node = Ssu2Node(f"{name}, a stranger", STRANGER, self.wall)
        self.sent: list[tuple[bytes, SocketAddress]] = []
        self._number = 0

    def give(self, packet: bytes, source: SocketAddress = STRANGER) -> None:
        """Bring the router a packet, and let time pass."""
        self.now += _TICK_S
        self.wall.advance(_TICK_S)
        self.ssu2.receive_run(packet, max(len(packet), 1), source, self.now)
        self.ssu2.handle_timer(self.now)
        self.router.run(self.now)
        self.sent = self.ssu2.take_output(self.now)

    def ids(self) -> ConnectionIds:
        """Others each time."""
        self._number += 2
        return ConnectionIds(self._number, self._number + 1)

    def header(self, kind: int, token: int = 0) -> LongHeader:
        ids = self.ids()
        return LongHeader(ids.remote, 1, kind, ids.local, token, NETWORK_ID)

    def outside(self, kind: PacketType, payload: bytes) -> bytes:
        return outside.seal(self.header(kind), payload.ljust(8, b"\xfe"), self.intro)

    def session_request(self, payload: bytes) -> bytes:
        """With a token that holds."""
        token = self.ssu2.context.mint.retry_token(STRANGER, self.now)
        header = self.header(PacketType.SESSION_REQUEST, token).write()
        ephemeral = X25519Key.generate(ENTROPY)
        state = begin_xk(PLAIN.protocol_name, self.static.public)
        state.mix_hash(header)
        state.mix_hash(ephemeral.public)
        state.mix_key(ephemeral.exchange(self.static.public))
        sealed = state.encrypt_and_hash(payload.ljust(8, b"\xfe"))
        return mask(header + ephemeral.public + sealed, self.intro.header, self.intro.header, 48)

    def hybrid_request(self, key: bytes, payload: bytes) -> bytes:
        """With an encapsulation key that may be none."""
        token = self.ssu2.context.mint.retry_token(STRANGER, self.now)
        ids, version = self.ids(), HYBRID_768.version
        kind = PacketType.SESSION_REQUEST
        header = LongHeader(ids.remote, 1, kind, ids.local, token, NETWORK_ID, version).write()
        ephemeral = X25519Key.generate(ENTROPY)
        local = self.ssu2.context.local
        state = handshake._begin(HYBRID_768, self.static.public, local.hash, header)
        state.mix_hash(ephemeral.public)
        state.mix_key(ephemeral.exchange(self.static.public))
        sealed = state.encrypt_and_hash(key) + state.encrypt_and_hash(payload.ljust(8, b"\xfe"))
        return mask(header + ephemeral.public + sealed, self.intro.header, self.intro.header, 48)

    def session_confirmed(self, payload: bytes) -> tuple[bytes, list[bytes]]:
        """A genuine SessionRequest is given; what follows the answer, in one or more pieces."""
        ids = self.ids()
        token = self.ssu2.context.mint.retry_token(STRANGER, self.now)
        awaited, packet = handshake.request(
            ids,
            self.static.public,
            self.intro,
            token,
            NETWORK_ID,
            self.wall,
            ENTROPY,
            room=1252,
            peer_hash=b"",
        )
        self.give(packet)
        for answer, _ in self.sent:
            try:
                created = awaited.step(answer)
            except outside.DecodeError:
                continue
            context = self.node.ssu2.context
            with patch.object(handshake, "confirmed_payload", lambda *_: payload.ljust(8, b"\0")):
                made = created.confirm(
                    context.local.static_key, context.local.intro.raw, b"", 1252, ENTROPY
                )
            return answer, list(made.packets)
        return b"", []

    def dialled(self) -> bytes:
        """The first packet of the router's dial to the stranger."""
        self.ssu2._dials._unconfirmed.clear()
        info = self.node.router_info
        bid = self.ssu2.bid(info, self.now)
        assert bid is not None
        self.ssu2.dial(info, bid, self.now)
        return next(data for data, to in self.ssu2.take_output(self.now) if to == STRANGER)

    def answer_to_dial(self, kind: PacketType, payload: bytes) -> bytes:
        """A Retry or a SessionCreated, around a payload."""
        own = self.node.ssu2.context.local
        tokens = self.ssu2.context.tokens
        tokens.forget()
        if kind == PacketType.SESSION_CREATED:
            tokens.put(STRANGER, 9, NOW_S + 10**9)
        packet = self.dialled()
        if kind == PacketType.RETRY:
            asked, _ = outside.open_packet(packet, own.intro)
            header = LongHeader(
                asked.source_id, 1, kind, asked.destination_id, len(payload) % 3, NETWORK_ID
            )
            return outside.seal(header, payload.ljust(8, b"\xfe"), own.intro)
        request = handshake.Request(packet, own, NETWORK_ID, (2,))
        state, asked = request._state, request.header
        ephemeral = X25519Key.generate(ENTROPY)
        key_2 = handshake._created_key(state)
        answer = LongHeader(asked.source_id, 1, kind, asked.destination_id, 0, NETWORK_ID).write()
        state.mix_hash(answer)
        state.mix_hash(ephemeral.public)
        state.mix_key(ephemeral.exchange(request.ephemeral))
        sealed = state.encrypt_and_hash(payload.ljust(8, b"\xfe"))
        return mask(answer + ephemeral.public + sealed, own.intro.header, key_2, _COVERED)


class InSession(Scene):
    """The node has a session with the router, and seals what it likes in it."""

    def connect(self) -> None:
        """Another session, as genuine as can be."""
        node = self.node
        for session in [*node.ssu2.established()]:
            node.ssu2.drop(session)
        self.router.links.bans.expire(float("inf"))  # it has broken the protocol before
        self.now += 40
        self.wall.advance(40)
        node.publish()
        self.router.run(self.now)
        node.known[self.router.router_info.hash] = self.router.router_info
        node.links.send(self.router.router_info.hash, [message(1)], self.now)
        for _ in range(6):
            for packet, _ in node.ssu2.take_output(self.now):
                self.give(packet)
                self.hear()

    def hear(self) -> None:
        """The node gets its answers."""
        for answer, to in self.sent:
            if to == STRANGER:
                self.node.ssu2.receive(answer, HERE, self.now)
        self.node.ssu2.handle_timer(self.now)
        self.node.links.handle_timer(self.now)
        while self.node.links.next_event() is not None:
            pass

    def say(self, payload: bytes) -> None:
        """One sealed packet, in a session that is there."""
        here = [one for one in self.ssu2.established() if one.router_hash == self.node.hash]
        sessions = [*self.node.ssu2.established()]
        if not sessions or not here:
            self.connect()
            sessions = [*self.node.ssu2.established()]
            assert sessions, "no session"
        connection = sessions[-1].connection
        assert connection is not None
        flags = len(payload) & 1
        self.give(connection._sender.sealer.seal(payload[:1400].ljust(8, b"\xfe"), flags))
        self.hear()


def _blocks() -> bytes:
    (payload,) = next(one.seeds for one in CORE_TARGETS if one.name == "ssu2 blocks")
    return payload


def _outside_payloads(scene: Scene) -> list[bytes]:
    clock = DateTime.at(NOW_S).write()
    blocks: list[Block] = [
        PeerTest(5, 0, bytes(32), 2, 1, NOW_S, STRANGER, bytes(64)),
        PeerTest(6, 0, bytes(32), 2, 1, NOW_S, STRANGER, bytes(64)),
        RelayResponse(0, 1, NOW_S, 2, STRANGER, bytes(64), 3),
    ]
    return [clock + one.write() for one in blocks] + [clock + write_padding(9), _blocks()]


def _plain() -> Target:
    """Damaged packets of every type."""
    scene = Scene("ssu2 plain")
    payloads = _outside_payloads(scene)
    seeds = [scene.outside(kind, one) for kind in PacketType for one in payloads[:4]]
    seeds += [scene.session_request(one) for one in payloads]
    answer, confirmed = scene.session_confirmed(_blocks())
    seeds += [answer, *confirmed]
    seeds += [
        mask(
            ShortHeader(7, 1, kind, 1).write() + bytes(200), scene.intro.header, scene.intro.header
        )
        for kind in PacketType
    ]

    def parse(raw: bytes) -> None:
        scene.give(raw, SocketAddress("127.0.0.2", 4001 + len(raw) % 3))

    return Target("ssu2 router, plain packets", parse, tuple(seeds), ())


def _sealed_outside() -> Target:
    """Damaged payloads in packets of every type outside of sessions, and in handshakes."""
    scene = Scene("ssu2 sealed")
    kinds = list(PacketType)
    seeds = [bytes((n,)) + one for n in range(len(kinds)) for one in _outside_payloads(scene)]
    info = scene.node.router_info.raw
    whole = confirmed_payload(info, 1236, ENTROPY)
    seeds += [bytes((kinds.index(PacketType.SESSION_CONFIRMED),)) + whole] * 3

    def parse(raw: bytes) -> None:
        kind = kinds[(raw[:1] or b"\0")[0] % len(kinds)]
        payload = raw[1:1200]
        if kind == PacketType.SESSION_REQUEST:
            scene.give(scene.session_request(payload))
        elif kind == PacketType.SESSION_CONFIRMED:
            for packet in scene.session_confirmed(raw[1:5000])[1]:
                scene.give(packet)
        elif kind in (PacketType.RETRY, PacketType.SESSION_CREATED):
            scene.give(scene.answer_to_dial(kind, payload))
        else:
            scene.give(scene.outside(kind, payload))

    return Target("ssu2 router, sealed handshakes", parse, tuple(seeds), ())


def _hybrid() -> Target:
    """Damaged ML-KEM keys and payloads of hybrid SessionRequests, of all lengths."""
    scene = Scene("ssu2 hybrid")
    assert HYBRID_768.kem is not None
    size = HYBRID_768.kem.key_length
    key = DecapsulationKey.generate(HYBRID_768.kem, ENTROPY).public
    seeds = [key + one for one in _outside_payloads(scene)]

    def parse(raw: bytes) -> None:
        scene.give(scene.hybrid_request(raw[:size], raw[size:1250]))

    return Target("ssu2 router, hybrid requests", parse, tuple(seeds), ())


def _sealed_in_session() -> Target:
    """Damaged blocks in a genuine session."""
    scene = InSession("ssu2 in session")
    info = scene.node.router_info.raw
    more = outside.write_padding(3) + confirmed_payload(info, 1200, ENTROPY)
    seeds = (_blocks(), *_outside_payloads(scene), more)
    return Target("ssu2 router, sealed data", scene.say, seeds, ())


TARGETS: tuple[Target, ...] = (_plain(), _sealed_outside(), _hybrid(), _sealed_in_session())
