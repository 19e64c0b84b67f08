"""Hybrid SSU2: sizes, who takes what, tampering, tokens, narrow paths, and plain dials after."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from unittest.mock import patch

import pytest

from core.base.errors import DecodeError, PeerError
from core.crypto.hfs import write_e1
from core.crypto.mlkem import DecapsulationKey
from core.crypto.x25519 import X25519Key
from core.data.transport_address import Ssu2Address
from core.transport.ssu2 import handshake, outside
from core.transport.ssu2.blocks import DateTime, RelayTagRequest
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.handshake import ConnectionIds
from core.transport.ssu2.header import LongHeader, PacketType, mask
from core.transport.ssu2.path_mtu import LocalMtu
from core.transport.ssu2.states import State
from core.transport.ssu2.tokens import TokenMint
from core.transport.ssu2.variants import HYBRID_768, PLAIN, Variant
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.ssu2_nodes import Ssu2Net, Ssu2Node
from tests.support.ssu2_path import message
from tests.transport.ssu2.parties import ALICE_AT, NETWORK_ID, Party, retry_of

NOW = 1000.0
ONE, TWO = SocketAddress("192.0.2.1", 4001), SocketAddress("192.0.2.2", 4002)
ONE_V6, TWO_V6 = SocketAddress("2001:db8::1", 4001), SocketAddress("2001:db8::2", 4002)


def parties(hybrid: Variant | None = HYBRID_768, room: int = 1472) -> tuple[Party, Party]:
    wall = FakeWallClock()
    alice = Party("alice", wall)
    alice.room = room
    return alice, Party("bob", wall, hybrid=hybrid)


def take(output: list[bytes]) -> bytes:
    (packet,) = output
    output.clear()
    return packet


def begin(alice: Party, bob: Party, seed: object = 0, room: int = 1472) -> bytes:
    """A SessionRequest of ML-KEM-768."""
    return handshake.request(
        ConnectionIds(101, 202),
        bob.static_key.public,
        bob.intro,
        7,
        NETWORK_ID,
        alice.wall,
        SeededEntropy(seed),
        room=room,
        peer_hash=bob.keys.hash,
        variant=HYBRID_768,
    )[1]


def test_noise_name() -> None:
    # as i2pd has its SHA-256 in a table (PostQuantum.cpp)
    digest = hashlib.sha256(HYBRID_768.protocol_name).hexdigest()
    assert digest.startswith("06458d7f4a0e53d3")


def test_a_whole_handshake() -> None:
    alice, bob = parties()
    initiator = alice.dial(bob, NOW, variant=HYBRID_768)
    initiator.receive(retry_of(bob, take(initiator.output), NOW), NOW)
    request = take(initiator.output)
    assert 1290 <= len(request) <= 1290 + outside.REQUEST_PADDING_MAX
    responder = bob.answer(request, NOW)
    created = take(responder.output)
    assert 1184 + 7 + 9 + 3 <= len(created) <= 1290
    initiator.receive(created, NOW)
    assert initiator.variant is responder.variant is HYBRID_768
    accepted = None
    for packet in initiator.output:
        accepted = responder.receive(packet, NOW) or accepted
    assert accepted is not None and initiator.keys is not None
    assert accepted.keys.send_key == initiator.keys.receive_key
    assert accepted.keys.receive_key == initiator.keys.send_key
    assert accepted.router_info.hash == alice.keys.hash


@pytest.mark.parametrize(("mtu", "is_ipv6"), [(1318, False), (1338, True)])
def test_the_least_mtu_has_room_for_the_wish_for_a_tag(mtu: int, is_ipv6: bool) -> None:
    assert HYBRID_768.mtu_min(is_ipv6) == mtu
    alice, bob = parties()
    room = HYBRID_768.room(mtu, is_ipv6)
    assert room == 1290
    for seed in range(30):
        _, request = handshake.request(
            ConnectionIds(101, 202),
            bob.static_key.public,
            bob.intro,
            7,
            NETWORK_ID,
            alice.wall,
            SeededEntropy(seed),
            (RelayTagRequest(),),
            room=room,
            peer_hash=bob.keys.hash,
            variant=HYBRID_768,
        )
        assert len(request) == room
        opened = handshake.Request(request, bob.context.local, NETWORK_ID, (2, 4))
        assert RelayTagRequest() in opened.blocks
        # Bob answers within what came, or the least that the variant needs.
        assert len(opened.create(ALICE_AT, bob.wall, SeededEntropy(seed))[1]) <= room


def test_another_router_with_bobs_keys_in_its_address_gets_no_session() -> None:
    """The router hash is in the transcript of hybrid handshakes alone."""
    alice, bob = parties()
    other = Party("other", bob.wall, hybrid=HYBRID_768)
    request = begin(alice, bob)
    with pytest.raises(DecodeError):
        local = bob.context.local
        stolen = type(local)(other.keys.hash, local.static_key, local.intro, local.router_info)
        handshake.Request(request, stolen, NETWORK_ID, (2, 4))
    assert handshake.Request(request, bob.context.local, NETWORK_ID, (2, 4))


def test_every_flipped_bit_is_noticed() -> None:
    alice, bob = parties()
    initiator = alice.dial(bob, NOW, variant=HYBRID_768)
    initiator.receive(retry_of(bob, take(initiator.output), NOW), NOW)
    request = take(initiator.output)
    end = len(request)
    for position in (0, 9, 12, 16, 31, 32, 63, 64, 700, 64 + 1199, 64 + 1200, end - 25, end - 1):
        forged = bytearray(request)
        forged[position] ^= 0x02
        with pytest.raises((DecodeError, PeerError)):
            handshake.Request(bytes(forged), bob.context.local, NETWORK_ID, (2, 4))
    created = take(bob.answer(request, NOW).output)
    end = len(created)
    for position in (0, 9, 12, 16, 31, 32, 63, 64, 700, 64 + 1103, 64 + 1104, end - 25, end - 1):
        forged = bytearray(created)
        forged[position] ^= 0x02
        initiator.receive(bytes(forged), NOW)
        assert initiator.state is State.AWAIT_CREATED
    initiator.receive(created, NOW)
    assert initiator.state is State.AWAIT_DATA


@pytest.mark.parametrize("size", [40, 80, 88, 1279, 1287])
def test_short_packets(size: int) -> None:
    alice, bob = parties()
    with pytest.raises(DecodeError):
        handshake.Request(begin(alice, bob)[:size], bob.context.local, NETWORK_ID, (2, 4))


def test_a_key_that_is_none_is_refused() -> None:
    _, bob = parties()
    assert HYBRID_768.kem is not None
    junk = DecapsulationKey.generate(HYBRID_768.kem, SeededEntropy("junk"))
    junk.public = b"\xff" * HYBRID_768.kem.key_length
    header = LongHeader(202, 1, PacketType.SESSION_REQUEST, 101, 7, NETWORK_ID, 4).write()
    ephemeral = X25519Key.generate(SeededEntropy("forger"))
    state = handshake._begin(HYBRID_768, bob.static_key.public, bob.keys.hash, header)
    state.mix_hash(ephemeral.public)
    state.mix_key(ephemeral.exchange(bob.static_key.public))
    sealed = write_e1(state, junk) + state.encrypt_and_hash(DateTime.at(bob.wall.now()).write() * 2)
    packet = mask(header + ephemeral.public + sealed, bob.intro.header, bob.intro.header, 48)
    with pytest.raises(DecodeError, match="not usable"):
        bob.answer(packet, NOW)


def test_a_bob_without_it_says_so_and_gets_a_plain_one_in_the_same_dial() -> None:
    alice, bob = parties(hybrid=None)
    initiator = alice.dial(bob, NOW, variant=HYBRID_768)
    asked = take(initiator.output)
    initiator.receive(retry_of(bob, asked, NOW, refusal=20), NOW)
    assert initiator.state is State.AWAIT_RETRY and initiator.variant is PLAIN
    again = take(initiator.output)
    header, _ = outside.open_packet(again, bob.intro)
    assert header.version == 2
    initiator.receive(retry_of(bob, again, NOW), NOW)
    responder = bob.answer(take(initiator.output), NOW)
    initiator.receive(take(responder.output), NOW)
    assert initiator.state is State.AWAIT_DATA and initiator.variant is PLAIN


def test_a_plain_retry_to_a_hybrid_request_means_a_plain_handshake() -> None:
    """i2pd with hybrid handshakes off gives tokens whatever the version."""
    alice, bob = parties(hybrid=None)
    initiator = alice.dial(bob, NOW, variant=HYBRID_768)
    asked, _ = outside.open_packet(take(initiator.output), bob.intro)
    header = LongHeader(asked.source_id, 1, PacketType.RETRY, asked.destination_id, 9, NETWORK_ID)
    retry = outside.seal(header, DateTime.at(bob.wall.now()).write() * 2, bob.intro)
    initiator.receive(retry, NOW)
    assert initiator.variant is PLAIN
    assert handshake.Request(take(initiator.output), bob.context.local, NETWORK_ID, (2,))


def test_a_retry_of_a_version_that_nobody_asked_for_is_none() -> None:
    alice, bob = parties()
    initiator = alice.dial(bob, NOW, variant=HYBRID_768)
    asked, _ = outside.open_packet(take(initiator.output), bob.intro)
    header = LongHeader(
        asked.source_id, 1, PacketType.RETRY, asked.destination_id, 9, NETWORK_ID, 3
    )
    initiator.receive(outside.seal(header, DateTime.at(bob.wall.now()).write() * 2, bob.intro), NOW)
    assert initiator.state is State.AWAIT_RETRY and not initiator.output


# Whole transports


def net_of(
    one: dict[str, object] | None = None,
    two: dict[str, object] | None = None,
    *,
    ipv6: bool = False,
) -> tuple[Ssu2Net, Ssu2Node, Ssu2Node]:
    net = Ssu2Net()
    at = (ONE_V6, TWO_V6) if ipv6 else (ONE, TWO)
    settings = ({"hybrid": HYBRID_768} if some is None else some for some in (one, two))
    alice, bob = (
        net.add(Ssu2Node(name, where, net.wall, **some))  # type: ignore[arg-type]
        for name, where, some in zip(("alice", "bob"), at, settings, strict=True)
    )
    return net, alice, bob


def kem(node: Ssu2Node, other: Ssu2Node) -> str | None:
    session = node.session_with(other.hash)
    assert session is not None
    return session.kem


def send(net: Ssu2Net, alice: Ssu2Node, bob: Ssu2Node, number: int = 1) -> bool:
    alice.links.send(bob.hash, [message(number)], net.now)
    return net.run(lambda: message(number) in bob.messages(), 30)


@pytest.mark.parametrize("ipv6", [False, True])
def test_two_of_us(ipv6: bool) -> None:
    net, alice, bob = net_of(ipv6=ipv6)
    assert {address.pq for address in bob.router_info.ssu2_addresses()} == {(4,)}
    assert send(net, alice, bob)
    assert kem(alice, bob) == kem(bob, alice) == "ML-KEM-768"
    assert alice.stats.hybrid_out == bob.stats.hybrid_in == 1
    # with a token, a SessionRequest is the first packet
    net.run(seconds=1)
    alice.links.disconnect(bob.hash, net.now)
    net.run(seconds=10)
    assert send(net, alice, bob, 2)
    assert kem(alice, bob) == "ML-KEM-768"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({}, {"hybrid": HYBRID_768}),
        ({"hybrid": HYBRID_768}, {}),
        ({"hybrid": HYBRID_768, "mtu": 1317}, {"hybrid": HYBRID_768}),
        ({"hybrid": HYBRID_768}, {"hybrid": HYBRID_768, "mtu": 1317}),
    ],
)
def test_plain_where_one_cannot(one: dict[str, object], two: dict[str, object]) -> None:
    net, alice, bob = net_of(one, two)
    assert send(net, alice, bob)
    assert kem(alice, bob) is kem(bob, alice) is None
    assert alice.stats.hybrid_fallbacks == 0


def test_at_the_least_mtu() -> None:
    some: dict[str, object] = {"hybrid": HYBRID_768, "mtu": 1318}
    net, alice, bob = net_of(some, some)
    assert send(net, alice, bob)
    assert kem(alice, bob) == "ML-KEM-768"


def test_who_publishes_what_it_cannot_do_is_reached_by_the_same_dial() -> None:
    net, alice, bob = net_of(two={"publishes_pq": True})
    began = net.now
    assert send(net, alice, bob)
    assert net.now - began < 2
    assert kem(alice, bob) is None
    assert alice.stats.hybrid_fallbacks == 1
    # and is asked for plain ones from then on
    packets: list[int] = []
    watch(net, alice, bob, packets)
    net.run(seconds=1)
    alice.links.disconnect(bob.hash, net.now)
    net.run(seconds=10)
    assert send(net, alice, bob, 2)
    assert max(packets) < 1300 and alice.stats.hybrid_fallbacks == 1


def watch(net: Ssu2Net, alice: Ssu2Node, bob: Ssu2Node, sizes: list[int]) -> None:
    """Note how large the packets are that Alice sends before there is a session."""
    genuine: Callable[..., object] = alice.socket.send

    def noting(data: bytes, target: object) -> object:
        session = alice.session_with(bob.hash)
        if session is None:
            sizes.append(len(data))
        return genuine(data, target)

    alice.socket.send = noting  # type: ignore[method-assign, assignment]


def test_a_path_that_is_narrower_than_it_seems_gets_a_plain_session_later() -> None:
    net, alice, bob = net_of()
    genuine = alice.socket.send

    def narrow(data: bytes, target: object) -> object:
        return None if len(data) > 1280 - 28 else genuine(data, target)  # type: ignore[arg-type]

    alice.socket.send = narrow  # type: ignore[method-assign, assignment]
    assert not send(net, alice, bob)
    assert alice.stats.hybrid_fallbacks == 1
    net.run(seconds=20)
    assert send(net, alice, bob, 2)
    assert kem(alice, bob) is None


def test_silence_lets_the_next_dial_be_plain() -> None:
    net, alice, bob = net_of()
    net.ways.cut([TWO.host])
    assert not send(net, alice, bob)
    assert alice.stats.hybrid_fallbacks == 1
    assert not alice.ssu2._hybrid_dials.may_try(bob.hash, net.now)
    assert alice.ssu2._hybrid_dials.may_try(bob.hash, net.now + 60)


def test_an_answer_to_a_stranger_is_never_longer_than_the_question() -> None:
    """Before the token is proven, a forged source gains nothing, whatever the version."""
    net, _, bob = net_of()
    local = bob.ssu2.context.local
    for version in (2, 3, 4):
        for kind in (PacketType.SESSION_REQUEST, PacketType.TOKEN_REQUEST):
            header = LongHeader(11, 1, kind, 12, 0, NETWORK_ID, version)
            payload = DateTime.at(bob.wall.now()).write() + bytes.fromhex("fe0010") + bytes(16)
            packet = outside.seal(header, payload, local.intro)
            if kind == PacketType.SESSION_REQUEST:
                clear = header.write() + bytes(32 + 1200 if version == 4 else 32) + bytes(40)
                packet = mask(clear, local.intro.header, local.intro.header, 48)
            bob.ssu2.receive(packet, SocketAddress("198.51.100.7", 9), net.now)
            ((answer, to),) = bob.ssu2.take_output(net.now)
            assert to.host == "198.51.100.7"
            assert len(answer) <= 48 + 7 + 9 + 12 + 3 + outside.RETRY_PADDING_MAX
            answered = outside.open_packet(answer, local.intro)[0]
            assert answered.version == version
            assert bool(answered.token) == (version != 3)
    assert not bob.ssu2._sessions and bob.stats.hybrid_in == 0


def test_a_replay_is_refused() -> None:
    net, alice, bob = net_of()
    sent: list[bytes] = []
    genuine = alice.socket.send

    def noting(data: bytes, target: object) -> object:
        sent.append(data)
        return genuine(data, target)  # type: ignore[arg-type]

    alice.socket.send = noting  # type: ignore[method-assign, assignment]
    assert send(net, alice, bob)
    (request,) = [one for one in sent if len(one) >= 1290 and one[:8] != sent[-1][:8]][:1]
    # its token would not hold again: that it is a replay is known without
    with patch.object(TokenMint, "redeem", lambda *_: True):
        session, _ = bob.ssu2._listener.on_session_request(request, ONE, net.now)
    assert session is None and bob.stats.replays == 1


def test_what_is_published_where_nobody_can_dial() -> None:
    """Introduced routers need it, too; and never where a family is too narrow."""
    wall = FakeWallClock()
    some = {"hybrid": HYBRID_768, "is_published": False}
    hidden = Ssu2Node("hidden", ONE, wall, **some)  # type: ignore[arg-type]
    assert [one.options.get("pq") for one in hidden.ssu2.addresses()] == ["4"]
    hidden.ssu2._own_addresses._mtu = LocalMtu(1318, 1337)
    addresses = hidden.ssu2.addresses()
    pq = {one.options["caps"]: one.options.get("pq") for one in addresses}
    assert pq == {"4": "4", "6": None}
    parsed = [Ssu2Address.from_address(one) for one in addresses]
    assert [one.pq for one in parsed if one is not None] == [(4,), ()]
