"""NTCP2 handshake steps, joined without a socket."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, PeerError
from core.crypto.aes import cbc_encrypt
from core.crypto.noise import SymmetricState
from core.crypto.x25519 import X25519Key
from core.transport.ntcp2 import blocks, handshake, keys, variants
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.transport.ntcp2.parties import ALICE, BOB, NETWORK_ID, ROUTER_INFO


def begin(seed: str = "a", network_id: int = NETWORK_ID) -> tuple[handshake.AwaitCreated, bytes]:
    return handshake.initiate(
        ALICE,
        BOB.hash,
        BOB.static_key.public,
        BOB.iv,
        network_id,
        FakeWallClock(),
        SeededEntropy(seed),
    )


def answer(seed: str = "b") -> handshake.AwaitRequest:
    return handshake.respond(BOB, NETWORK_ID, FakeWallClock(), SeededEntropy(seed))


def run(seed: str = "") -> tuple[keys.SessionKeys, keys.SessionKeys, list[bytes]]:
    awaited_a, request = begin("a" + seed)
    padding_b = answer("b" + seed).step(request[:64])
    assert padding_b.wanted == len(request) - 64
    assert padding_b.peer_time_s == 1_700_000_000
    confirmed_b, created = padding_b.step(request[64:])
    padding_a = awaited_a.step(created[:64])
    assert padding_a.wanted == len(created) - 64
    keys_a, confirmed = padding_a.step(created[64:])
    assert confirmed_b.wanted == len(confirmed)
    return keys_a, confirmed_b.step(confirmed), [request, created, confirmed]


@pytest.mark.parametrize("seed", list("12345678"))
def test_both_sides_agree_on_keys_and_who_alice_is(seed: str) -> None:
    keys_a, keys_b, messages = run(seed)
    assert keys_a.send == keys_b.receive and keys_a.receive == keys_b.send
    assert keys_a.send != keys_a.receive
    assert keys_b.remote_static == ALICE.static_key.public
    assert keys_a.remote_static == BOB.static_key.public
    flag, router_info, options = blocks.parse_confirmed_payload(keys_b.payload)
    assert (flag, router_info, options) == (0, ROUTER_INFO, blocks.Options())
    # i2pd and Java refuse longer ones.
    assert all(64 <= len(message) <= 287 for message in messages[:2])


def test_keys_follow_the_specification_step_by_step() -> None:
    """Written out once more from the spec, with hmac of the standard library."""
    import hmac

    def mac(key: bytes, data: bytes) -> bytes:
        return hmac.digest(key, data, "sha256")

    state = SymmetricState(variants.PLAIN.protocol_name)
    assert state.ck == hashlib.sha256(variants.PLAIN.protocol_name).digest()
    state.mix_key(b"some Diffie-Hellman result")
    ab, ba = keys.data_phase_keys(state)
    temp = mac(state.ck, b"")
    k_ab = mac(temp, b"\1")
    assert ab.cipher == k_ab and ba.cipher == mac(temp, k_ab + b"\2")
    ask_master = mac(temp, b"ask\1")
    sip_master = mac(mac(ask_master, state.h + b"siphash"), b"\1")
    temp = mac(sip_master, b"")
    sip_ab = mac(temp, b"\1")
    sip_ba = mac(temp, sip_ab + b"\2")
    assert ab.siphash + ab.siphash_iv == sip_ab[:24]
    assert ba.siphash + ba.siphash_iv == sip_ba[:24]


def test_transcript_is_what_it_always_was() -> None:
    """Real i2pd routers accepted these bytes' format; a change here breaks the network."""
    _, _, messages = run("kat")
    digest = hashlib.sha256(b"".join(messages)).hexdigest()
    assert digest == "979535c9b21ceb6c735c989b4915528f310307b88c01afdd4865a1a79c2d7db3"


def test_every_flipped_bit_of_a_message_is_noticed() -> None:
    _, request = begin()
    for position in range(0, 64, 3):
        forged = bytearray(request[:64])
        forged[position] ^= 0x10
        with pytest.raises((DecodeError, PeerError)):
            answer().step(bytes(forged))


def test_changed_padding_fails_the_next_message() -> None:
    for seed in map(str, range(20)):
        awaited_a, request = begin(seed)
        padding = request[64:]
        if not padding:
            continue
        _, created = answer().step(request[:64]).step(bytes((padding[0] ^ 1,)) + padding[1:])
        with pytest.raises(DecodeError):
            awaited_a.step(created[:64])
        return
    raise AssertionError("no padding in twenty tries")


def test_another_network_is_told_apart() -> None:
    _, request = begin(network_id=5)
    with pytest.raises(handshake.WrongNetworkError) as caught:
        answer().step(request[:64])
    assert caught.value.network_id == 5


def test_network_zero_of_old_routers_is_accepted() -> None:
    _, request = begin(network_id=0)
    assert answer().step(request[:64]).peer_time_s


def forged_request(options: bytes) -> bytes:
    """Message 1 with any options, as anybody who knows Bob's RouterInfo can make it."""
    ephemeral = X25519Key.generate(SeededEntropy("forger"))
    state = SymmetricState(variants.PLAIN.protocol_name)
    state.mix_hash(BOB.static_key.public)
    state.mix_hash(ephemeral.public)
    state.mix_key(ephemeral.exchange(BOB.static_key.public))
    hidden = cbc_encrypt(BOB.hash, BOB.iv, ephemeral.public)
    return hidden + state.encrypt_and_hash(options)


@pytest.mark.parametrize(
    "options",
    [
        bytes((NETWORK_ID, 1, 0, 0, 2, 0)) + bytes(10),  # version
        bytes((NETWORK_ID, 2, 0xFF, 0xFF, 2, 0)) + bytes(10),  # padding
        bytes((NETWORK_ID, 2, 0, 0, 0, 16)) + bytes(10),  # message 3 too short
        bytes((NETWORK_ID, 2, 0, 0, 0xFF, 0xFF)) + bytes(10),  # and too long
    ],
)
def test_unreasonable_options_of_message_1(options: bytes) -> None:
    with pytest.raises(PeerError):
        answer().step(forged_request(options))


@pytest.mark.parametrize("public", [bytes(32), bytes(31) + b"\x80", b"\1" + bytes(31)])
def test_ephemeral_keys_that_are_no_points(public: bytes) -> None:
    hidden = cbc_encrypt(BOB.hash, BOB.iv, public)
    with pytest.raises((DecodeError, PeerError)):
        answer().step(hidden + bytes(32))


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=64, max_size=64), st.binary(min_size=64, max_size=64))
def test_junk_raises_decode_or_peer_errors_only(one: bytes, two: bytes) -> None:
    with pytest.raises((DecodeError, PeerError)):
        answer().step(one)
    with pytest.raises((DecodeError, PeerError)):
        begin()[0].step(two)


def test_junk_in_message_3() -> None:
    _, request = begin()
    awaited, _ = answer().step(request[:64]).step(request[64:])
    with pytest.raises(DecodeError):
        awaited.step(bytes(awaited.wanted))


def test_a_published_key_of_low_order_is_refused() -> None:
    with pytest.raises(DecodeError):
        handshake.initiate(ALICE, BOB.hash, bytes(32), BOB.iv, 2, FakeWallClock(), SeededEntropy(1))


def test_only_new_routers_get_long_padding_and_all_padding_of_today_is_taken() -> None:
    def request(version: tuple[int, ...], seed: int) -> bytes:
        return handshake.initiate(
            ALICE,
            BOB.hash,
            BOB.static_key.public,
            BOB.iv,
            NETWORK_ID,
            FakeWallClock(),
            SeededEntropy(seed),
            version,
        )[1]

    old = [len(request((0, 9, 68), seed)) - 64 for seed in range(200)]
    new = [len(request((0, 9, 69), seed)) - 64 for seed in range(200)]
    assert max(old) <= 63 and 600 < max(new) <= 880 and min(new) < 100
    longest = request((0, 9, 70), new.index(max(new)))
    assert answer().step(longest[:64]).wanted == max(new)
    assert variants.PLAIN.padding_accepted_max >= 880  # specs/ntcp2, from API 0.9.69
