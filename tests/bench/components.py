"""What one message costs in each component of the hot path, in microseconds of CPU.

No sockets, no other process: only the machines of the flat rooms, fed as the router feeds them,
16 messages at a time. Every function builds its own ground and returns microseconds for each
message (tunnel messages of 1028 bytes, stream packets of 1812, as the name says).

Figures depend on the machine, so each is also given relative to :func:`calibrate`, a fixed mix of
interpreter and OpenSSL work done in the same process.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from core.base import native
from core.crypto.aes import CbcDecryptor, EcbDecryptor
from core.crypto.x25519 import X25519Key
from core.data import payload
from core.data.private_keys import PrivateKeys
from core.garlic.cloves import write_data_head
from core.garlic.sessions import RatchetSessions
from core.i2np.message import MessageType, make_standard
from core.io.system import SystemEntropy
from core.streaming.events import StreamOpened
from core.streaming.manager import StreamManager
from core.streaming.options import StreamingOptions
from core.transport.ntcp2.connection import Connection
from core.transport.ntcp2.context import Context
from core.transport.ntcp2.variants import HYBRID_768 as NTCP2_HYBRID
from core.transport.ssu2.variants import HYBRID_768 as SSU2_HYBRID
from core.transport.stats import LinkStats
from core.tunnel.delivery import Delivery as TunnelDelivery
from core.tunnel.delivery import DeliveryKind
from core.tunnel.dispatch import TunnelDispatcher
from core.tunnel.endpoint import Endpoint
from core.tunnel.fragments import pack
from core.tunnel.gateway import Preprocessor
from core.tunnel.hop_cipher import HopEncryptor, LayerDecryptor
from core.tunnel.participant import Participant, TransitEndpoint, TransitGateway
from core.tunnel.tunnels import InboundTunnel, OutboundTunnel
from tests.bench.clients import client_in, client_out
from tests.bench.datagrams import ssu2_in, ssu2_out
from tests.bench.handshakes import ntcp2_handshake, ssu2_handshake
from tests.bench.links import link_out_and_in
from tests.bench.stopwatch import Stopwatch
from tests.support.deterministic import FakeWallClock
from tests.support.link_nodes import NETWORK_ID
from tests.support.link_nodes import Node as LinkNode

BATCH = 16
BATCHES = 24
PACKET_BYTES = 1812
"""A stream packet that becomes two tunnel messages."""
GARLIC_BYTES = 1900
_ENTROPY = SystemEntropy()
_PEER, _NEXT = b"\x01" * 32, b"\x02" * 32
_NOW = 1000.0


def calibrate() -> float:
    """Microseconds of a fixed mix: hashing, AES, slicing, dictionary and list work."""
    data = bytes(range(256)) * 4
    ecb, cbc = EcbDecryptor(bytes(32)).update, CbcDecryptor(bytes(32), bytes(16)).update
    watch = Stopwatch()
    with watch.around(2000):
        table: dict[int, list[bytes]] = {}
        for index in range(2000):
            digest = sha256(data).digest()
            plain = cbc(ecb(digest[:16]) + data)[16:]
            group = table.get(index & 15)
            if group is None:
                group = table[index & 15] = []
            group.append(b"".join((plain[:16], digest[4:9], plain[24:512])))
            if len(group) == 16:
                group.clear()
    return watch.us


def _batches(make: Callable[[int], list[bytes]]) -> list[list[bytes]]:
    return [make(index) for index in range(BATCHES)]


def _keys(hops: int) -> list[tuple[bytes, bytes]]:
    return [(os.urandom(32), os.urandom(32)) for _ in range(hops)]


def _wall() -> FakeWallClock:
    return FakeWallClock()


def _tunnel_data(layers: Sequence[bytes], tunnel_id: int, wall: FakeWallClock) -> list[bytes]:
    """Short-form TunnelData with these ``IV || data`` of 1024 bytes."""
    expires = (int(wall.now()) + 8).to_bytes(4, "big")
    head = tunnel_id.to_bytes(4, "big")
    return [b"\x12" + os.urandom(4) + expires + head + layer for layer in layers]


def _garlic_message(size: int, wall: FakeWallClock) -> bytes:
    body = size.to_bytes(4, "big") + os.urandom(size)
    message_id = int.from_bytes(os.urandom(4), "big")
    return make_standard(MessageType.GARLIC, message_id, int(wall.now() * 1000) + 8000, body)


# Links


def _connections() -> tuple[Connection, Connection]:
    wall = _wall()
    nodes = [LinkNode(name, host, wall) for name, host in (("a", "127.0.0.2"), ("b", "127.0.0.3"))]
    contexts = [
        Context(
            n.local,
            NETWORK_ID,
            wall,
            _ENTROPY,
            n.known.get,
            LinkStats(),
        )
        for n in nodes
    ]
    bob_node = nodes[1]
    alice = Connection.initiate(
        contexts[0], bob_node.hash, bob_node.static_key.public, bob_node.iv, _NOW
    )
    bob = Connection.accept(contexts[1], _NOW)
    while alice.output or bob.output:
        for source, target in ((alice, bob), (bob, alice)):
            data, source.output = b"".join(source.output), []
            if data:
                target.receive_data(data, _NOW)
    if not (alice.is_established and bob.is_established):
        raise RuntimeError("no NTCP2 session")
    return alice, bob


def ntcp2_codec(per_frame: int = 5) -> float:
    """One tunnel message sealed into a frame and opened again (both directions of a hop)."""
    alice, bob = _connections()
    watch = Stopwatch()
    messages = [os.urandom(1037) for _ in range(per_frame)]
    messages = [b"\x14" + message[1:] for message in messages]
    for _ in range(BATCHES * BATCH // per_frame):
        with watch.around(per_frame):
            frame = memoryview(alice.seal_messages(messages, _NOW))
            got = bob.receive_data(frame, _NOW)
        if len(got) != per_frame:
            raise RuntimeError("a frame was lost")
    return watch.us


# Hops


def hop_cipher_participant() -> float:
    """One layer of one tunnel message."""
    encryptor = HopEncryptor(*_keys(1)[0])
    watch = Stopwatch()
    for messages in _batches(lambda _: [os.urandom(1037) for _ in range(BATCH)]):
        with watch.around(BATCH):
            encryptor.encrypt_at(messages, 13)
    return watch.us


def hop_cipher_creator(hops: int = 2) -> float:
    """All layers of one tunnel message taken off by its creator."""
    decryptor = LayerDecryptor(_keys(hops))
    watch = Stopwatch()
    for messages in _batches(lambda _: [os.urandom(1037) for _ in range(BATCH)]):
        with watch.around(BATCH):
            decryptor.decrypt_at(messages, 13)
    return watch.us


def participant() -> float:
    """A tunnel message through the dispatcher and a participant."""
    wall = _wall()
    dispatcher = TunnelDispatcher(b"\0" * 32, wall, _ENTROPY)
    dispatcher.add_transit(Participant(7, _PEER, _NEXT, 8, *_keys(1)[0], _NOW + 600))
    watch = Stopwatch()
    for messages in _batches(
        lambda _: _tunnel_data([os.urandom(1024) for _ in range(BATCH)], 7, wall)
    ):
        with watch.around(BATCH):
            dispatcher.receive_tunnel_data(messages, _PEER, _NOW)
            dispatcher.flush(_NOW)
            out = dispatcher.transit_outgoing.pop(_NEXT)
        if len(out) != BATCH:
            raise RuntimeError("a message was lost")
    return watch.us


def outbound_endpoint() -> float:
    """A tunnel message through the end of someone's outbound tunnel, reassembled and sent on."""
    wall = _wall()
    dispatcher = TunnelDispatcher(b"\0" * 32, wall, _ENTROPY)
    keys = _keys(1)
    dispatcher.add_transit(TransitEndpoint(7, _PEER, _NEXT, 8, *keys[0], _NOW + 600))
    creator, preprocessor = LayerDecryptor(keys), Preprocessor(_ENTROPY)

    def make(_: int) -> list[bytes]:
        deliveries = [
            TunnelDelivery(DeliveryKind.TUNNEL, _NEXT, 9, _garlic_message(GARLIC_BYTES, wall))
            for _ in range(BATCH // 2)
        ]
        layers = creator.decrypt(preprocessor.wrap(pack(deliveries)))
        return _tunnel_data([iv + data for iv, data in layers], 7, wall)

    watch = Stopwatch()
    for messages in _batches(make):
        with watch.around(len(messages)):
            dispatcher.receive_tunnel_data(messages, _PEER, _NOW)
            dispatcher.flush(_NOW)
            out = dispatcher.transit_outgoing.pop(_NEXT)
        if len(out) != BATCH // 2:
            raise RuntimeError("a message was lost")
    return watch.us


def inbound_gateway() -> float:
    """A tunnel message made by the beginning of someone's inbound tunnel."""
    wall = _wall()
    dispatcher = TunnelDispatcher(b"\0" * 32, wall, _ENTROPY)
    dispatcher.add_transit(TransitGateway(7, None, _NEXT, 8, *_keys(1)[0], _NOW + 600))

    def make(_: int) -> list[bytes]:
        messages = [_garlic_message(GARLIC_BYTES, wall) for _ in range(BATCH // 2)]
        return [bytes(12) + b"\7" + len(m).to_bytes(2, "big") + m for m in messages]

    watch = Stopwatch()
    for bodies in _batches(make):
        with watch.around(BATCH):
            dispatcher.receive_tunnel_gateways(bodies, _NOW)
            dispatcher.flush(_NOW)
            out = dispatcher.transit_outgoing.pop(_NEXT)
        if len(out) != BATCH:
            raise RuntimeError(f"{len(out)} messages instead of {BATCH}")
    return watch.us


def fragment() -> float:
    """A tunnel message packed and preprocessed, without encryption."""
    wall = _wall()
    preprocessor = Preprocessor(_ENTROPY)
    watch = Stopwatch()
    for _ in range(BATCHES):
        deliveries = [
            TunnelDelivery(DeliveryKind.TUNNEL, _NEXT, 9, _garlic_message(GARLIC_BYTES, wall))
            for _ in range(BATCH // 2)
        ]
        with watch.around(BATCH):
            preprocessor.wrap(pack(deliveries))
    return watch.us


def reassemble() -> float:
    """A decrypted tunnel message checked, parsed and reassembled."""
    wall = _wall()
    preprocessor = Preprocessor(_ENTROPY)
    endpoint = Endpoint()
    watch = Stopwatch()
    for _ in range(BATCHES):
        deliveries = [
            TunnelDelivery(DeliveryKind.LOCAL, None, None, _garlic_message(GARLIC_BYTES, wall))
            for _ in range(BATCH // 2)
        ]
        plain = preprocessor.wrap(pack(deliveries))
        layers = [(message[:16], message[16:]) for message in plain]
        with watch.around(len(layers)):
            complete = endpoint.receive(layers, _NOW)
        if len(complete) != BATCH // 2:
            raise RuntimeError("a message was lost")
    return watch.us


# Ends


def own_outbound(hops: int = 2) -> float:
    """A tunnel message of our own: packed, layers taken off, ready for the link."""
    wall = _wall()
    dispatcher = TunnelDispatcher(b"\0" * 32, wall, _ENTROPY)
    tunnel = OutboundTunnel("me", 7, [_NEXT] * hops, _keys(hops), dispatcher, _NOW)
    watch = Stopwatch()
    for _ in range(BATCHES):
        messages = [_garlic_message(GARLIC_BYTES, wall) for _ in range(BATCH // 2)]
        with watch.around(BATCH):
            tunnel.send([(DeliveryKind.TUNNEL, _PEER, 9, m) for m in messages], _NOW)
            dispatcher.flush(_NOW)
            out = dispatcher.outgoing.pop(_NEXT)
        if len(out) != BATCH:
            raise RuntimeError(f"{len(out)} messages instead of {BATCH}")
    return watch.us


def own_inbound(hops: int = 2) -> float:
    """A tunnel message that arrives for us: layers taken off, reassembled."""
    wall = _wall()
    dispatcher = TunnelDispatcher(b"\0" * 32, wall, _ENTROPY)
    keys = _keys(hops)
    tunnel = InboundTunnel("me", 7, [_PEER] * hops, 5, keys[::-1], dispatcher, _NOW)
    dispatcher.add_inbound(tunnel)
    encryptors = [HopEncryptor(*pair) for pair in keys]
    preprocessor = Preprocessor(_ENTROPY)

    def make(_: int) -> list[bytes]:
        deliveries = [
            TunnelDelivery(DeliveryKind.LOCAL, None, None, _garlic_message(GARLIC_BYTES, wall))
            for _ in range(BATCH // 2)
        ]
        layers = preprocessor.wrap(pack(deliveries))
        for encryptor in encryptors:
            layers = [iv + data for iv, data in encryptor.encrypt(layers)]
        return _tunnel_data(layers, 7, wall)

    watch = Stopwatch()
    for messages in _batches(make):
        with watch.around(len(messages)):
            dispatcher.receive_tunnel_data(messages, _PEER, _NOW)
        if len(dispatcher.delivered) != BATCH // 2:
            raise RuntimeError("a message was lost")
        dispatcher.delivered.clear()
    return watch.us


class _Ratchets:
    """Two parties with a live session."""

    def __init__(self) -> None:
        wall = _wall()
        statics = [X25519Key.generate(_ENTROPY) for _ in range(2)]
        self.alice, self.bob = (RatchetSessions({4: s}, wall, _ENTROPY) for s in statics)
        self.to_alice, self.to_bob = (s.public for s in statics)
        self._expires = int(wall.now()) + 60
        for source, target, key in (
            (self.alice, self.bob, self.to_bob),
            (self.bob, self.alice, self.to_alice),
            (self.alice, self.bob, self.to_bob),
        ):
            target.open(source.seal_body(key, b"".join(self.blocks()[0]), _NOW)[4:], _NOW)

    def blocks(self) -> list[tuple[bytes, bytes]]:
        head = write_data_head(_PEER, 1, self._expires, 1836)
        return [(head, os.urandom(1836)) for _ in range(BATCH)]


def _ratchet(is_seal_timed: bool) -> float:
    pair = _Ratchets()
    seal_watch, open_watch = Stopwatch(), Stopwatch()
    for _ in range(BATCHES):
        batch = pair.blocks()
        with seal_watch.around(BATCH):
            bodies = pair.alice.seal_bodies(pair.to_bob, batch, _NOW)
        messages = [body[4:] for body in bodies]
        with open_watch.around(BATCH):
            opened = [pair.bob.open_data(message, _NOW) for message in messages]
        if not all(opened):
            raise RuntimeError("a message was lost")
        if (back := pair.bob.seal(pair.to_alice, [], _NOW)) is not None:
            pair.alice.open(back, _NOW)
    return (seal_watch if is_seal_timed else open_watch).us


def ratchet_seal() -> float:
    """A stream packet sealed for a live ratchet session."""
    return _ratchet(True)


def ratchet_open() -> float:
    """A stream packet found by its tag, opened and parsed."""
    return _ratchet(False)


def gzip_wrap() -> float:
    """A stream packet wrapped as the payload of a Data message and unwrapped."""
    packets = [os.urandom(PACKET_BYTES) for _ in range(BATCH)]
    watch = Stopwatch()
    for _ in range(BATCHES):
        with watch.around(BATCH):
            for packet in packets:
                payload.unwrap(payload.wrap(payload.PROTOCOL_STREAMING, 1, 2, packet))
    return watch.us


def _stream(is_sender_timed: bool) -> float:
    wall = _wall()
    options = StreamingOptions()
    keys = [PrivateKeys.generate_destination(_ENTROPY) for _ in range(2)]
    alice, bob = (StreamManager(k, options, wall, _ENTROPY) for k in keys)
    sender_watch, receiver_watch = Stopwatch(), Stopwatch()
    now = _NOW
    block = os.urandom(65536)
    writer = alice.connect(keys[1].destination, to_port=80, now=now)
    reader = None
    packets_wanted = BATCHES * BATCH * 4
    sent = 0
    waiting: list[tuple[object, int, int, bytes]] = []
    while sent < packets_wanted:
        now += 0.010
        timed = reader is not None
        acks = waiting
        with (sender_watch if timed else Stopwatch()).around(0):
            if acks:
                alice.receive_packets(acks, now)
            alice.handle_timer(now)
            while writer.write(block) == len(block):
                pass
            out = alice.packets_to_send(now)
            alice.take_delivered()
        while alice.next_event() is not None:
            pass
        inward = [(keys[0].hash, p.from_port, p.to_port, p.packet) for p in out]
        now += 0.010
        with (receiver_watch if timed else Stopwatch()).around(0):
            bob.receive_packets(inward, now)
            bob.handle_timer(now)
            if reader is not None:
                while reader.read(65536):
                    pass
            back = bob.packets_to_send(now)
        while (event := bob.next_event()) is not None:
            if isinstance(event, StreamOpened):
                reader = event.stream
        waiting = [(keys[1].hash, p.from_port, p.to_port, p.packet) for p in back]
        if timed:
            sent += len(out)
            sender_watch.count(len(out))
            receiver_watch.count(len(out))
    return (sender_watch if is_sender_timed else receiver_watch).us


def stream_sender() -> float:
    """A stream packet made, remembered and later acknowledged."""
    return _stream(True)


def stream_receiver() -> float:
    """A stream packet parsed, put in order, read and acknowledged."""
    return _stream(False)


COMPONENTS: dict[str, Callable[[], float]] = {
    "NTCP2 out and in, 1 per frame": lambda: ntcp2_codec(1),
    "NTCP2 out and in, 5 per frame": lambda: ntcp2_codec(5),
    "NTCP2 out and in, 15 per frame": lambda: ntcp2_codec(15),
    "SSU2 packet out": ssu2_out,
    "SSU2 packet in": ssu2_in,
    "NTCP2 handshake": ntcp2_handshake,
    "NTCP2 handshake, ML-KEM-768": lambda: ntcp2_handshake(NTCP2_HYBRID),
    "SSU2 handshake": ssu2_handshake,
    "SSU2 handshake, ML-KEM-768": lambda: ssu2_handshake(SSU2_HYBRID),
    "link out and in, 1 per turn": lambda: link_out_and_in(1),
    "link out and in, 4 per turn": lambda: link_out_and_in(4),
    "hop cipher, participant": hop_cipher_participant,
    "hop cipher, creator, 2 hops": lambda: hop_cipher_creator(2),
    "hop cipher, creator, 3 hops": lambda: hop_cipher_creator(3),
    "participant": participant,
    "outbound endpoint": outbound_endpoint,
    "inbound gateway": inbound_gateway,
    "fragment": fragment,
    "reassemble": reassemble,
    "own outbound tunnel, 2 hops": own_outbound,
    "own inbound tunnel, 2 hops": own_inbound,
    "ratchet seal": ratchet_seal,
    "ratchet open": ratchet_open,
    "gzip wrap and unwrap": gzip_wrap,
    "stream sender": stream_sender,
    "stream receiver": stream_receiver,
    "client session, out": client_out,
    "client session, in": client_in,
}
_WITH_DOUBLES = ("client session, out", "client session, in")


@dataclass(frozen=True)
class Cost:
    """Least of several rounds; ``relative`` to the calibration loop."""

    us: float
    relative: float


def measure(names: Sequence[str], rounds: int) -> dict[str, Cost]:
    """The least cost of each component; rounds of all take turns, with calibration among them."""
    least: dict[str, float] = {}
    unit = calibrate()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            unit = min(unit, calibrate())
            for name in names:
                us = COMPONENTS[name]()
                least[name] = min(us, least.get(name, us))
            gc.collect()
    finally:
        if was_enabled:
            gc.enable()
    return {name: Cost(us, us / unit) for name, us in least.items()}


def measure_all(rounds: int) -> dict[str, Cost]:
    """Every component that can be measured; compiled code takes no doubles."""
    left_out = _WITH_DOUBLES if native.is_compiled else ()
    return measure([name for name in COMPONENTS if name not in left_out], rounds)


def as_text(costs: dict[str, Cost]) -> str:
    """A table."""
    lines = [f"{'component':34}{'us each':>9}{'relative':>10}"]
    lines += [f"{name:34}{cost.us:9.2f}{cost.relative:10.2f}" for name, cost in costs.items()]
    return "\n".join(lines)
