"""The machines of core: each lives through all its inputs, so what they leave behind adds up.

Nothing a peer sends may come out of a machine as an exception.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from core.base.errors import DecodeError
from core.client.config import SessionConfig
from core.crypto.elgamal import ElGamalKey
from core.crypto.x25519 import X25519Key
from core.data.encryption_keys import EncryptionKeys
from core.data.private_keys import PrivateKeys
from core.datagram.manager import DatagramManager
from core.garlic import cloves
from core.garlic.aes_block import iv_of, seal_block
from core.garlic.clove_set import write_clove_set
from core.garlic.elgamal_sessions import ElGamalSessions
from core.garlic.opened import RatchetCounters
from core.garlic.router import RouterGarlic, seal_to_router
from core.garlic.sessions import RatchetSessions
from core.i2np.message import make_short
from core.router.config import RouterConfig
from core.router.engine import RouterEngine
from core.router.identity import RouterKeys
from core.router.ports import local_clove
from core.streaming import packet as p
from core.streaming.manager import StreamManager
from core.streaming.options import StreamingOptions
from core.streaming.packet import build_packet
from core.transport.events import MessagesReceived
from core.transport.ntcp2.connection import Connection
from core.transport.ntcp2.variants import HYBRID_768, PLAIN, Variant
from core.transport.ssu2.blocks import (
    Block,
    DateTime,
    RelayIntro,
    RelayResponse,
    RelayTag,
    RelayTagRequest,
    parse_block,
)
from core.transport.ssu2.connection import RARE_BLOCKS_MAX
from core.transport.ssu2.framing import SocketAddress, split_blocks
from core.transport.ssu2.header import LongHeader, PacketType
from core.transport.ssu2.traversal import connection_ids
from core.tunnel.dispatch import TunnelDispatcher
from core.tunnel.endpoint import Endpoint
from core.tunnel.participant import TransitGateway
from tests.fuzz.core_targets import ALICE, BOB, ENTROPY, NOW_S
from tests.fuzz.core_targets import TARGETS as CORE_TARGETS
from tests.fuzz.runner import Target
from tests.garlic.parties import established
from tests.i2np.wires import WIRES
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.introduction_bench import Bench, Peer, offer, request
from tests.support.link_nodes import Node, Wire, message, pair
from tests.support.ssu2_nodes import Ssu2Net, Ssu2Node
from tests.support.ssu2_path import ALICE as ALICE_ADDRESS
from tests.support.ssu2_path import BOB as BOB_ADDRESS
from tests.support.ssu2_path import Pair

_PEER = b"\x07" * 32


def _seeds_of(name: str) -> tuple[bytes, ...]:
    return next(target.seeds for target in CORE_TARGETS if target.name == name)


# NTCP2


def _links_in_handshake(as_bob: bool, variant: Variant = PLAIN) -> Target:
    """Damaged messages of a genuine handshake, to a fresh connection each."""
    alice, bob, wire = pair(hybrid=None if variant is PLAIN else variant)
    sent: list[bytes] = []
    seen: dict[str, list[bytes]] = {alice.host: [], bob.host: []}

    def listen(data: bytes, host: str) -> bytes:
        seen[host].append(data)
        return data

    wire.cut = listen
    alice.links.send(bob.hash, [message(1)], wire.now)
    wire.run()
    sent = seen[alice.host] if as_bob else seen[bob.host]

    def parse(raw: bytes) -> None:
        machine: Connection
        context = (bob if as_bob else alice).ntcp2._context
        if as_bob:
            machine = Connection.accept(context, wire.now)
        else:
            machine = Connection.initiate(
                context, bob.hash, bob.static_key.public, bob.iv, wire.now, variant=variant
            )
        for start in range(0, len(raw), 200):
            machine.receive_data(raw[start : start + 200], wire.now)
        machine.handle_timer(wire.now + 40)

    kind = "ntcp2" if variant is PLAIN else "ntcp2 hybrid"
    return Target(f"{kind} handshake as {'bob' if as_bob else 'alice'}", parse, tuple(sent), ())


def _links_established() -> Target:
    """A peer that proved itself sends junk frames; a new link whenever it ended."""
    wall = FakeWallClock(NOW_S)
    alice, bob = Node("alice", "127.0.0.2", wall), Node("bob", "127.0.0.3", wall)
    wire = Wire(alice, bob)

    def parse(raw: bytes) -> None:
        session = alice.session_with(bob.hash)
        connection = None if session is None else session.connection
        if session is None or connection is None or connection._sealer is None:
            wire.now += 7200
            for node in (alice, bob):
                node.handle_timer(wire.now)
                node.publish()
            alice.links.send(bob.hash, [message(1)], wire.now)
            wire.run()
            return
        connection.output.append(connection._sealer.seal(raw[:65519]))
        session.wake()
        wire.run()
        alice.take_events()
        bob.take_events()

    return Target("ntcp2 data phase", parse, _seeds_of("ntcp2 blocks"), ())


# SSU2


def _ssu2_data_phase() -> Target:
    """A peer with a genuine session sends junk blocks; a new session whenever it ended."""
    pair = Pair()

    def parse(raw: bytes) -> None:
        nonlocal pair
        if pair.alice.ends() or pair.bob.ends():
            pair = Pair()
        pair.bob.waiting.append(message(1, 40))
        flags = raw[0] & 1 if raw else 0
        sender = pair.alice.connection._sender
        sender.outgoing.push([raw[9:]] if len(raw) % 2 else [])
        if len(raw) >= 8:
            pair.alice.socket.send(sender.sealer.seal(raw[:1440], flags), BOB_ADDRESS)
        pair.run(seconds=0.1)
        pair.bob.received.clear()
        pair.alice.sent.clear()
        pair.bob.sent.clear()
        ends = [*pair.alice.ends(), *pair.bob.ends()]
        pair.alice.notices, pair.bob.notices = list(ends), []

    return Target("ssu2 data phase", parse, _seeds_of("ssu2 blocks"), ())


def _ssu2_datagrams() -> Target:
    """Damaged packets of a genuine session, from anywhere."""
    pair = Pair()
    pair.alice.waiting += [message(n, 900) for n in range(20)]
    pair.run(seconds=1)
    seeds = tuple(pair.alice.sent)
    bob = pair.bob.connection

    def parse(raw: bytes) -> None:
        source = SocketAddress("192.0.2.1", len(raw))
        bob.receive(raw, source, pair.now)
        bob.notices.clear()
        assert all(to == bob.remote for _, to in bob.take_packets(pair.now, 10_000))

    return Target("ssu2 datagrams", parse, seeds, ())


def _nat_traversal(role: str) -> Target:
    """Junk blocks of peer tests and introductions, from a peer or outside of all sessions."""
    bench, peers = Bench(), [Peer("alice"), Peer("charlie", "7.7.7.7")]
    sessions = [bench.join(peer, is_outbound=False) for peer in peers]
    alice, charlie = peers
    bench.known[alice.hash] = alice.info
    first = request(alice, bench.me.hash)
    asked = request(alice, charlie.hash)
    wanted = offer(alice, charlie.hash, bench.me.hash, 3)
    seeds: list[Block] = [
        *(first, replace(asked, message=2, router_hash=alice.hash), replace(first, message=3)),
        *(replace(first, message=4, router_hash=charlie.hash), replace(first, message=5)),
        *(replace(first, message=6), replace(first, message=7), RelayTagRequest(), RelayTag(3)),
        *(wanted, RelayIntro(alice.hash, wanted.offer, wanted.signature)),
        RelayResponse(0, 7, 1_700_000_000, 2, alice.remote, bytes(64), 9),
        RelayResponse(5, 7, 0, 0, None, b""),
    ]

    def parse(raw: bytes) -> None:
        bench.pass_time(0.5)
        # What one packet may bring.
        for kind, data in split_blocks(raw[:1500])[0][:RARE_BLOCKS_MAX]:
            try:
                block = parse_block(kind, data)
                if block is None:
                    continue
                if role == "in a session":
                    for session in sessions:
                        bench.tell(session, block)
                    continue
                for packet_type in (PacketType.PEER_TEST, PacketType.HOLE_PUNCH):
                    ids = connection_ids(getattr(block, "nonce", 0))
                    header = LongHeader(ids[0], 1, packet_type, ids[1], 1, 2)
                    blocks = [DateTime.at(bench.wall.time), block]
                    bench.nat.packet_received(header, blocks, alice.remote, bench.now)
            except DecodeError:
                continue
        bench.nat.take_actions()

    return Target(f"ssu2 nat traversal {role}", parse, tuple(one.write() for one in seeds), ())


# Tunnels


def _endpoint() -> Target:
    endpoint = Endpoint()
    now = 0.0

    def parse(raw: bytes) -> None:
        nonlocal now
        now += 0.01
        iv, content = bytes(16), raw[:1003]
        head = sha256(content + iv).digest()[:4]
        padding = b"\1" * (1003 - len(content))
        endpoint.receive([(iv, head + padding + b"\0" + content)], now)
        endpoint.reassembler.expire(now)

    return Target("tunnel endpoint", parse, _seeds_of("tunnel fragments"), ())


def _gateway() -> Target:
    wall = FakeWallClock(NOW_S)
    dispatcher = TunnelDispatcher(b"\1" * 32, wall, SeededEntropy("gateway"))
    dispatcher.add_transit(TransitGateway(5, None, b"\2" * 32, 6, bytes(32), bytes(range(32)), 1e9))
    body = make_short(20, 1, (NOW_S + 10) * 1000, bytes(40))[:0] + bytes.fromhex("00000005 0024")
    body += b"\x14" + bytes(4) + ((NOW_S + 10) * 1000).to_bytes(8, "big") + b"\0\x14\0" + bytes(20)

    def parse(raw: bytes) -> None:
        dispatcher.receive_tunnel_gateways([bytes(9) + raw], 1.0)
        dispatcher.flush(1.0)
        dispatcher.outgoing.clear()
        dispatcher.transit_outgoing.clear()

    return Target("tunnel gateway", parse, (body,), ())


# Garlic


def _router_garlic() -> Target:
    wall = FakeWallClock(NOW_S)
    key = X25519Key.generate(ENTROPY)
    garlic = RouterGarlic(key, wall)
    genuine = seal_to_router(key.public, [local_clove(10, 1, NOW_S + 10, bytes(12))], ENTROPY, wall)
    return Target("garlic to the router", lambda raw: garlic.open(raw, 0.0), (genuine,), ())


def _ratchet(is_sealed: bool) -> Target:
    alice, bob = established(FakeWallClock(NOW_S), receive_window=16)
    now = 0.0
    started = alice.sessions._remotes[alice.other].current
    assert started is not None

    def parse(raw: bytes) -> None:
        nonlocal now
        now += 0.01
        if not is_sealed:
            bob.sessions.open(raw, now)
            return
        remote = alice.sessions._remotes.get(alice.other)
        session = None if remote is None else remote.current
        if remote is not None and session is not None and session.messages_left < 10:
            alice.sessions._all.drop(remote)
            session = None
        if session is None or not bob.sessions._remotes:
            now += 30.0
            bob.sessions.open(alice.say(b"again", now), now)
            answer = bob.sessions._remotes and bob.say(b"yes", now)
            if answer:
                alice.sessions.open(answer, now)
            return
        bob.sessions.open(session.seal(raw[:1700], now), now)
        if bob.sessions._remotes and session.can_send() < 8:
            alice.sessions.open(bob.say(b"more", now), now)

    seeds = _seeds_of("garlic payload") if is_sealed else (alice.say(b"x"), started.seal(b"", 0.0))
    return Target(f"ratchet, {'authentic junk' if is_sealed else 'junk'}", parse, seeds, ())


# Streaming and datagrams


def _hybrid() -> Target:
    """Damaged new session messages, to a destination with a key of each type."""
    keys = EncryptionKeys.derive((7, 6, 4), bytes(range(32)))
    wall = FakeWallClock(NOW_S)
    bob = RatchetSessions(keys.ratchet, wall, ENTROPY)
    alice = RatchetSessions(EncryptionKeys.derive((7, 6, 4), b"a" * 32).ratchet, wall, ENTROPY)
    seeds = tuple(
        alice.seal(key.public, [], 0.0, crypto_type=kind) for kind, key in keys.ratchet.items()
    )
    now = 0.0

    def parse(raw: bytes) -> None:
        nonlocal now
        now += 0.01
        bob.open(raw, now)

    return Target("hybrid new sessions", parse, seeds, ())


def _elgamal(is_sealed: bool) -> Target:
    """Damaged messages, or damaged clove sets that somebody really sent."""
    wall = FakeWallClock(NOW_S)
    key = ElGamalKey.generate(ENTROPY)
    sessions = ElGamalSessions(wall, ENTROPY, RatchetCounters())
    sessions.use([key])
    genuine = sessions.seal(
        key.public, [local_clove(10, 1, NOW_S + 10, bytes(12))], 0.0, reply_path=None
    )
    secret, tag, now = bytes(range(32)), b"t" * 32, 0.0

    def parse(raw: bytes) -> None:
        nonlocal now
        now += 0.01
        message = raw
        if is_sealed:
            sessions._tags.put(tag, (secret, now + 1))
            message = tag + seal_block(secret, iv_of(tag), (), raw, ENTROPY)
        if sessions.is_ours(message):
            sessions.open_existing(message, now)
        else:
            sessions.open_new(message, now, (None, 0))

    seeds = _seeds_of("clove set") if is_sealed else (genuine,)
    return Target(f"elgamal, {'authentic junk' if is_sealed else 'junk'}", parse, seeds, ())


def _streams() -> Target:
    keys = PrivateKeys.generate_destination(SeededEntropy("streams"))
    manager = StreamManager(keys, StreamingOptions(), FakeWallClock(NOW_S), SeededEntropy(3))
    now = 1.0
    syn = build_packet(
        0,
        7,
        0,
        0,
        recipient_hash=keys.hash,
        flags=p.SYNCHRONIZE | p.NO_ACK,
        sender=ALICE.destination,
        payload_max=1812,
        signer=ALICE,
        payload=b"hello",
    )
    manager.receive_packets([(ALICE.hash, 0, 0, syn)], now)
    ours = manager.streams[0].local_id
    seeds = (
        syn,
        build_packet(ours, 7, 1, 0, payload=b"data"),
        build_packet(ours, 7, 4, 0, nacks=(1, 2), delay_ms=5, payload=b"data"),
        build_packet(ours, 7, 2, 0, flags=p.CLOSE, signer=ALICE),
        build_packet(9, 0, 0, 0, flags=p.ECHO, sender=ALICE.destination, signer=ALICE),
    )

    def parse(raw: bytes) -> None:
        nonlocal now
        now += 0.05
        manager.receive_packets([((ALICE.hash, None)[raw[-1:] > b"\x80"], 0, 0, raw)], now)
        due = manager.next_timer()
        if due is not None and due <= now:
            manager.handle_timer(now)
        manager.packets_to_send(now)
        while manager.next_event() is not None:
            pass
        for stream in manager.streams:
            stream.read()

    return Target("streams", parse, seeds, ())


def _datagrams() -> Target:
    manager = DatagramManager(BOB, FakeWallClock(NOW_S))
    mailbox = manager.bind()
    protocols = {17: "datagram 17", 19: "datagram 19", 20: "datagram 20", 18: "datagram 18"}

    def parse(raw: bytes) -> None:
        for protocol in protocols:
            manager.receive_datagrams([(None, protocol, 1, 2, raw)])
        while mailbox.take() is not None:
            pass

    seeds = tuple(seed for name in protocols.values() for seed in _seeds_of(name))
    return Target("datagrams", parse, seeds, ())


# The whole router


def _engine(how: str) -> Target:
    """Everything behind the links: over a link, sealed to the router, through a client's tunnel."""
    wall = FakeWallClock(NOW_S)
    entropy = SeededEntropy(how)
    config = RouterConfig(Path("."), network_id=77, host="127.0.0.1", floodfill=True)
    engine = RouterEngine(config, RouterKeys.generate(entropy), 4567, wall, entropy, 1.0)
    engine.start(1.0)
    session = SessionConfig("fuzz")
    client = engine.open_client(session, ALICE, 1.0)
    engine.run(1.0)
    now = 1.0

    def expires_s() -> int:
        return int(wall.now()) + 10

    def over_link(kind: int, body: bytes) -> None:
        data = make_short(kind, 5, expires_s() * 1000, body)
        engine.links._events.append(MessagesReceived(_PEER, [data, body]))

    def sealed(kind: int, body: bytes) -> None:
        clove = local_clove(kind, 5, expires_s(), body[:1700])
        data = seal_to_router(engine.keys.crypto.public, [clove], entropy, wall)
        over_link(11, len(data).to_bytes(4, "big") + data)

    def through_tunnel(kind: int, body: bytes) -> None:
        message = make_short(kind, 5, expires_s() * 1000, body)
        standard = message[:5] + bytes(2) + message[5:9] + bytes(2)
        standard += len(body).to_bytes(2, "big") + b"\0" + body
        dispatcher = engine.tunnels.dispatcher
        dispatcher.delivered += [(client.owner, 1, standard), (None, 1, standard), (None, 2, body)]

    def in_ratchet(kind: int, body: bytes) -> None:
        body, ends = body[:800], expires_s()
        batch = [
            cloves.Clove(cloves.Delivery.LOCAL, None, None, kind, 1, ends, body),
            cloves.Clove(cloves.Delivery.DESTINATION, ALICE.hash, None, 20, 1, ends, body),
        ]
        client.receive_garlic(client_peer.seal_unbound(own_key, batch), now)
        engine.touch(client)

    def in_elgamal(kind: int, body: bytes) -> None:
        body, ends = body[:800], expires_s()
        batch = [
            cloves.Clove(cloves.Delivery.LOCAL, None, None, kind, 1, ends, body),
            cloves.Clove(cloves.Delivery.DESTINATION, ALICE.hash, None, 20, 1, ends, body),
            cloves.Clove(cloves.Delivery.TUNNEL, bytes(32), 1, kind, 1, ends, body),
        ]
        secret, tag = bytes(range(32)), b"t" * 32
        client.elgamal._tags.put(tag, (secret, now + 1))
        payload = write_clove_set(batch, 1, ends * 1000)
        client.receive_garlic(tag + seal_block(secret, iv_of(tag), (), payload, entropy), now)
        engine.touch(client)

    feed: Callable[[int, bytes], None] = {
        "over a link": over_link,
        "sealed to it": sealed,
        "through a tunnel": through_tunnel,
        "to a client": in_ratchet,
        "to a client by elgamal": in_elgamal,
    }[how]
    own_key = client.ratchet.keys[4].public if how == "to a client" else b""
    client_peer = established(wall)[0].sessions

    def parse(raw: bytes) -> None:
        nonlocal now
        now += 0.01
        wall.advance(0.01)
        feed((raw[:1] or b"\1")[0] % 27, raw[1:])
        engine.run(now)
        engine.ntcp2.take_output(now)
        engine.ntcp2.take_commands()

    seeds = [bytes((kind,)) + body for kind, bodies in WIRES.items() for body in bodies]
    seeds += [b"\1" + seed for seed in _seeds_of("stored entries")]
    return Target(f"router, {how}", parse, tuple(seeds), ())


def _ssu2_handshake() -> Target:
    """Damaged packets of a genuine handshake, to who listens and to who dials."""
    net = Ssu2Net()
    alice = net.add(Ssu2Node("alice", ALICE_ADDRESS, net.wall))
    bob = net.add(Ssu2Node("bob", BOB_ADDRESS, net.wall))
    sent: list[bytes] = []
    for node in (alice, bob):
        send = node.socket.send

        def spy(
            data: bytes,
            target: tuple[str, int],
            send: Callable[[bytes, tuple[str, int]], None] = send,
        ) -> None:
            sent.append(data)
            send(data, target)

        node.socket.send = spy  # type: ignore[method-assign]
    alice.links.send(bob.hash, [message(1)], net.now)
    net.run(lambda: bool(bob.connected()))
    now = net.now

    def parse(raw: bytes) -> None:
        nonlocal now
        now += 0.05
        if not alice.ssu2._dials:
            bid = alice.ssu2.bid(bob.router_info, now)
            assert bid is not None
            alice.ssu2.dial(bob.router_info, bid, now)
        for node, source in ((alice, BOB_ADDRESS), (bob, ALICE_ADDRESS)):
            node.ssu2.receive(raw, source, now)
            node.ssu2.handle_timer(now)
            node.ssu2.take_output(now)

    return Target("ssu2 handshake", parse, tuple(sent), ())


TARGETS: tuple[Target, ...] = (
    _links_in_handshake(as_bob=True),
    _links_in_handshake(as_bob=False),
    _links_in_handshake(as_bob=True, variant=HYBRID_768),
    _links_in_handshake(as_bob=False, variant=HYBRID_768),
    _links_established(),
    _ssu2_handshake(),
    _ssu2_data_phase(),
    _ssu2_datagrams(),
    _nat_traversal("in a session"),
    _nat_traversal("outside of sessions"),
    _endpoint(),
    _gateway(),
    _router_garlic(),
    _ratchet(is_sealed=False),
    _ratchet(is_sealed=True),
    _hybrid(),
    _elgamal(is_sealed=False),
    _elgamal(is_sealed=True),
    _streams(),
    _datagrams(),
    _engine("over a link"),
    _engine("sealed to it"),
    _engine("through a tunnel"),
    _engine("to a client"),
    _engine("to a client by elgamal"),
)
