"""Hybrid NTCP2: steps, lengths, tampering, who takes what, and plain dials after failures."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, PeerError
from core.crypto.aes import cbc_decrypt, cbc_encrypt
from core.crypto.hfs import write_e1
from core.crypto.mlkem import DecapsulationKey
from core.crypto.noise import SymmetricState
from core.crypto.x25519 import X25519Key
from core.transport.hybrid_dials import PLAIN_S
from core.transport.ntcp2 import blocks, handshake
from core.transport.ntcp2.keys import SessionKeys
from core.transport.ntcp2.local import LocalRouter
from core.transport.ntcp2.states import State
from core.transport.ntcp2.variants import (
    HYBRID_768,
    HYBRID_1024,
    LONG_PADDING_VERSION_MIN,
    PLAIN,
    Variant,
)
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.link_nodes import Node, Wire, message
from tests.transport.ntcp2.parties import ALICE, BOB, NETWORK_ID, ROUTER_INFO

each_variant = pytest.mark.parametrize(
    "variant", [HYBRID_768, HYBRID_1024], ids=lambda variant: variant.kem_name
)


def begin(
    variant: Variant, seed: object = "a", version: tuple[int, ...] = (), bob: LocalRouter = BOB
) -> tuple[handshake.AwaitCreated, bytes]:
    return handshake.initiate(
        ALICE,
        bob.hash,
        bob.static_key.public,
        bob.iv,
        NETWORK_ID,
        FakeWallClock(),
        SeededEntropy(seed),
        version,
        variant,
    )


def answer(variant: Variant | None, seed: object = "b") -> handshake.AwaitRequest:
    return handshake.respond(BOB, NETWORK_ID, FakeWallClock(), SeededEntropy(seed), variant)


def read_request(
    variant: Variant, request: bytes, seed: object = "b"
) -> handshake.AwaitRequestPadding:
    """Bob's steps up to the padding."""
    rest = answer(variant, seed).step(request[:64])
    assert isinstance(rest, handshake.AwaitHybridRequest)
    assert 64 + rest.wanted == variant.request_length
    return rest.step(request[64 : variant.request_length])


def run(
    variant: Variant, seed: str = "", version: tuple[int, ...] = ()
) -> tuple[SessionKeys, SessionKeys, list[bytes]]:
    awaited_a, request = begin(variant, "a" + seed, version)
    padding_b = read_request(variant, request, "b" + seed)
    assert padding_b.peer_time_s == 1_700_000_000
    assert padding_b.wanted == len(request) - variant.request_length
    confirmed_b, created = padding_b.step(request[variant.request_length :])
    assert awaited_a.wanted == variant.created_length
    padding_a = awaited_a.step(created[: variant.created_length])
    assert padding_a.wanted == len(created) - variant.created_length
    keys_a, confirmed = padding_a.step(created[variant.created_length :])
    assert confirmed_b.wanted == len(confirmed)
    return keys_a, confirmed_b.step(confirmed), [request, created, confirmed]


@each_variant
def test_both_sides_agree(variant: Variant) -> None:
    for seed in "123456":
        keys_a, keys_b, _ = run(variant, seed)
        assert keys_a.send == keys_b.receive and keys_a.receive == keys_b.send
        assert keys_b.remote_static == ALICE.static_key.public
        assert keys_a.variant is keys_b.variant is variant
        flag, router_info, _ = blocks.parse_confirmed_payload(keys_b.payload)
        assert (flag, router_info) == (0, ROUTER_INFO)


def test_lengths_are_those_of_the_specification() -> None:
    # specs/ntcp2-hybrid; the table's 1136 and 1616 of message 2 leave out 32 bytes of its layout
    lengths = [(one.request_length, one.created_length) for one in (HYBRID_768, HYBRID_1024)]
    assert lengths == [(1264, 1168), (1648, 1648)]
    # i2pd 2.60 pads with as much as the message has
    assert HYBRID_768.padding_accepted_max >= 1264
    assert HYBRID_1024.padding_accepted_max >= 1648
    assert PLAIN.padding_accepted_max >= 880


@each_variant
def test_the_secret_of_the_kem_is_in_the_keys(variant: Variant) -> None:
    """With the same entropy on both sides, only the KEM's own randomness differs."""
    first, again = run(variant, "x")[0], run(variant, "x")[0]
    assert first.send != again.send and first.receive != again.receive


@each_variant
def test_the_mark_is_in_the_hidden_key_and_not_in_the_transcript(variant: Variant) -> None:
    _, request = begin(variant)
    shown = cbc_decrypt(BOB.hash, BOB.iv, request[:32])
    assert shown[31] & 0x80
    _, plain = begin(PLAIN)
    assert not cbc_decrypt(BOB.hash, BOB.iv, plain[:32])[31] & 0x80
    # the same handshake, written out: the hash has the key as it is without the mark
    ephemeral = shown[:31] + bytes((shown[31] & 0x7F,))
    state = SymmetricState(variant.protocol_name)
    state.mix_hash(BOB.static_key.public)
    state.mix_hash(ephemeral)
    state.mix_key(BOB.static_key.exchange(ephemeral))
    assert variant.kem is not None
    public = state.decrypt_and_hash(request[32 : variant.request_length - 32])
    assert len(public) == variant.kem.key_length
    options = state.decrypt_and_hash(request[variant.request_length - 32 : variant.request_length])
    assert options[:2] == bytes((NETWORK_ID, 2))  # the version is 2 for all variants


def test_noise_names() -> None:
    # SHA-256 of the names, as i2pd has them in its tables (PostQuantum.cpp)
    begins = {HYBRID_768: "b9c344561", HYBRID_1024: "97e68d274"}
    for variant, digest in begins.items():
        assert hashlib.sha256(variant.protocol_name).hexdigest().startswith(digest)


def test_bob_takes_plain_ones_at_the_same_port() -> None:
    for seed in range(20):
        _, request = begin(PLAIN, seed)
        assert isinstance(answer(HYBRID_768).step(request[:64]), handshake.AwaitRequestPadding)


def test_bob_without_a_variant_refuses_the_mark() -> None:
    _, request = begin(HYBRID_768)
    with pytest.raises(PeerError):
        answer(None).step(request[:64])


@each_variant
def test_bob_with_another_variant_opens_nothing(variant: Variant) -> None:
    other = HYBRID_1024 if variant is HYBRID_768 else HYBRID_768
    _, request = begin(variant)
    rest = answer(other).step(request[:64])
    assert isinstance(rest, handshake.AwaitHybridRequest)
    with pytest.raises(DecodeError):
        rest.step((request[64:] + bytes(2000))[: rest.wanted])


@each_variant
def test_every_flipped_bit_is_noticed(variant: Variant) -> None:
    awaited, request = begin(variant)
    end = variant.request_length
    _, created = read_request(variant, request).step(request[end:])
    for position in (*range(0, 64, 5), *range(64, end, 97), end - 33, end - 32, end - 1):
        forged = bytearray(request)
        forged[position] ^= 0x04
        with pytest.raises((DecodeError, PeerError)):
            read_request(variant, bytes(forged))
    end = variant.created_length
    for position in (0, 31, 32, 500, end - 33, end - 32, end - 1):
        forged = bytearray(created[:end])
        forged[position] ^= 0x04
        with pytest.raises((DecodeError, PeerError)):
            begin(variant)[0].step(bytes(forged))
    assert awaited.step(created[:end])


@each_variant
def test_changed_padding_fails_the_next_message(variant: Variant) -> None:
    awaited, request = begin(variant, "p", LONG_PADDING_VERSION_MIN)
    end = variant.request_length
    assert len(request) > end
    padding = bytes((request[end] ^ 1,)) + request[end + 1 :]
    _, created = read_request(variant, request).step(padding)
    with pytest.raises(DecodeError):
        awaited.step(created[: variant.created_length])


@each_variant
def test_a_key_that_is_none_is_refused_before_message_2(variant: Variant) -> None:
    kem = variant.kem
    assert kem is not None
    junk = DecapsulationKey.generate(kem, SeededEntropy("junk"))
    junk.public = b"\xff" * kem.key_length
    ephemeral = X25519Key.generate(SeededEntropy("forger"))
    state = SymmetricState(variant.protocol_name)
    state.mix_hash(BOB.static_key.public)
    state.mix_hash(ephemeral.public)
    state.mix_key(ephemeral.exchange(BOB.static_key.public))
    marked = ephemeral.public[:31] + bytes((ephemeral.public[31] | 0x80,))
    request = cbc_encrypt(BOB.hash, BOB.iv, marked) + write_e1(state, junk)
    options = bytes((NETWORK_ID, 2, 0, 0, 2, 0)) + bytes(10)
    request += state.encrypt_and_hash(options)
    with pytest.raises(DecodeError, match="not usable"):
        read_request(variant, request).step(b"")


@each_variant
def test_alice_gets_message_2_before_her_padding_was_read(variant: Variant) -> None:
    """i2pd: whose clock is wrong is answered so."""
    awaited, request = begin(variant, "skew", LONG_PADDING_VERSION_MIN)
    assert len(request) > variant.request_length
    _, created = read_request(variant, request).step(b"")
    assert awaited.step(created[: variant.created_length]).peer_time_s == 1_700_000_000


@each_variant
def test_padding_is_long_for_new_routers_only(variant: Variant) -> None:
    old = [len(begin(variant, n, (0, 9, 68))[1]) - variant.request_length for n in range(100)]
    new = [len(begin(variant, n, (0, 9, 69))[1]) - variant.request_length for n in range(100)]
    assert max(old) <= 63
    assert min(new) < 200 and variant.request_length * 0.8 < max(new) <= variant.request_length
    # Bob learns Alice's version only from what she sends.
    lengths = {}
    for number, padding in enumerate(new):
        request = begin(variant, number, (0, 9, 69))[1]
        step = read_request(variant, request, number)
        lengths[padding] = len(step.step(request[-padding:] if padding else b"")[1])
    short = [v for k, v in lengths.items() if k <= variant.old_padding_max]
    long = [v for k, v in lengths.items() if k > variant.old_padding_max]
    assert max(short) <= variant.created_length + 63
    assert variant.created_length * 1.5 < max(long) <= variant.created_length * 2


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=64, max_size=64), st.binary(min_size=1200, max_size=1200))
def test_junk_raises_decode_or_peer_errors_only(one: bytes, two: bytes) -> None:
    with pytest.raises((DecodeError, PeerError)):
        step = answer(HYBRID_768).step(one)
        assert isinstance(step, handshake.AwaitHybridRequest)
        step.step(two)
    with pytest.raises((DecodeError, PeerError)):
        begin(HYBRID_768)[0].step(two[:1168])


# Whole transports


def pair(
    alice: dict[str, Any] | None = None, bob: dict[str, Any] | None = None
) -> tuple[Node, Node, Wire]:
    wall = FakeWallClock()
    one = Node("alice", "127.0.0.2", wall, **({"hybrid": HYBRID_768} if alice is None else alice))
    two = Node("bob", "127.0.0.3", wall, **({"hybrid": HYBRID_768} if bob is None else bob))
    return one, two, Wire(one, two)


def kem(node: Node, other: Node) -> str | None:
    session = node.session_with(other.hash)
    assert session is not None and session.is_established
    return session.kem


@pytest.mark.parametrize("chunk", [1, 63, 64, 65, 1264, 1 << 20])
def test_a_link_over_any_segmentation(chunk: int) -> None:
    alice, bob, wire = pair()
    wire.chunk = chunk
    alice.links.send(bob.hash, [message(1)], wire.now)
    wire.run()
    assert kem(alice, bob) == kem(bob, alice) == "ML-KEM-768"
    assert alice.links.stats.hybrid_out == bob.links.stats.hybrid_in == 1
    assert bob.links.stats.messages_received == 1


@pytest.mark.parametrize(
    ("alice", "bob", "expected"),
    [
        ({"hybrid": HYBRID_768}, {"hybrid": HYBRID_1024}, "ML-KEM-1024"),
        ({"hybrid": HYBRID_1024}, {"hybrid": HYBRID_768}, "ML-KEM-768"),
        ({}, {"hybrid": HYBRID_768}, None),
        ({"hybrid": HYBRID_768}, {}, None),
        ({"hybrid": HYBRID_768}, {"publishes_pq": 3}, None),
    ],
)
def test_what_bob_publishes_is_dialled(
    alice: dict[str, Any], bob: dict[str, Any], expected: str | None
) -> None:
    one, two, wire = pair(alice, bob)
    one.links.send(two.hash, [message(1)], wire.now)
    wire.run()
    assert kem(one, two) == kem(two, one) == expected
    assert one.links.stats.hybrid_fallbacks == 0


def test_a_router_that_cannot_keep_what_it_publishes_is_dialled_plainly_next() -> None:
    alice, bob, wire = pair(bob={"publishes_pq": 4})
    alice.links.send(bob.hash, [message(1)], wire.now)
    wire.advance(20)
    assert alice.session_with(bob.hash) is None
    assert alice.links.stats.hybrid_fallbacks == 1
    wire.advance(40)  # i2pd's and our own pause after a failed handshake
    alice.links.send(bob.hash, [message(2)], wire.now)
    wire.run()
    assert kem(alice, bob) is None
    assert alice.links.stats.hybrid_fallbacks == 1
    # some time later it is asked again
    wire.advance(PLAIN_S)
    assert alice.session_with(bob.hash) is None  # idle
    alice.links.send(bob.hash, [message(3)], wire.now)
    wire.advance(20)
    assert alice.links.stats.hybrid_fallbacks == 2


def test_a_clock_that_is_wrong_is_not_blamed_on_the_variant() -> None:
    alice, bob, wire = pair()
    bob.wall = FakeWallClock(1_700_000_000.0 + 3600)
    bob.ntcp2._context.wall = bob.wall
    alice.links.send(bob.hash, [message(1)], wire.now)
    wire.advance(2)
    assert alice.session_with(bob.hash) is None
    assert alice.links.stats.hybrid_fallbacks == 0


def test_a_replayed_message_1_ends_in_silence() -> None:
    alice, bob, wire = pair()
    requests: list[bytes] = []
    wire.cut = lambda data, host: requests.append(data) or data if host == alice.host else data  # type: ignore[func-returns-value]
    alice.links.send(bob.hash, [message(1)], wire.now)
    wire.run()
    number = bob.ntcp2.accepted("127.0.0.9", wire.now)
    assert number is not None
    bob.ntcp2.receive_data(number, requests[0], wire.now)
    assert bob.links.stats.replays == 1
    connection = bob.ntcp2._sessions[number].connection
    assert connection is not None and connection.state is State.DRAINING
    assert not bob.ntcp2.take_output(wire.now)


def test_a_prober_learns_nothing_from_the_first_64_bytes() -> None:
    """Half of all junk bears the mark: it waits for more, or reads on, and says nothing."""
    _, bob, wire = pair()
    states = set()
    for seed in range(40):
        number = bob.ntcp2.accepted(f"127.0.1.{seed}", wire.now)
        assert number is not None
        bob.ntcp2.receive_data(number, SeededEntropy(seed).random_bytes(64), wire.now)
        session = bob.ntcp2._sessions.get(number)
        if session is not None and session.connection is not None:
            states.add(session.connection.state)
    assert states == {State.AWAIT_HYBRID_REQUEST, State.DRAINING}
    assert not bob.ntcp2.take_output(wire.now)
    wire.advance(15)
    assert not bob.ntcp2._sessions


def test_both_publish_what_they_take() -> None:
    alice, bob, _ = pair(bob={})
    assert [one.options.get("pq") for one in alice.ntcp2.addresses()] == ["4"]
    assert [one.options.get("pq") for one in bob.ntcp2.addresses()] == [None]
    assert all(one != two for one, two in pairwise([PLAIN, HYBRID_768, HYBRID_1024]))
