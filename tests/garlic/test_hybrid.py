"""Ratchet handshakes with ML-KEM: types 6 and 7, beside type 4, on one destination."""

from __future__ import annotations

import pytest

from core.base.errors import DecodeError, LocalError
from core.base.rates import FairShares
from core.crypto.x25519 import X25519Key
from core.data.encryption_keys import EncryptionKeys
from core.garlic.cloves import write_cloves, write_date_time
from core.garlic.handshake import (
    open_new_session,
    responder_state,
    seal_new_session,
    seal_unbound,
)
from core.garlic.opened import MessageKind
from core.garlic.sessions import RatchetSessions
from core.garlic.suites import (
    DEFAULT_TYPES,
    MLKEM768_X25519,
    MLKEM1024_X25519,
    SUITES,
    X25519,
    Suite,
    usable_types,
)
from tests.garlic.parties import clove
from tests.support.deterministic import FakeWallClock, SeededEntropy

ENTROPY = SeededEntropy("hybrid")
HYBRIDS = [MLKEM768_X25519, MLKEM1024_X25519]
#: PQ hybrid spec, "NS Format" and "NSR Format": bytes besides the payload
SIZES = {6: (1296, 1176), 7: (1680, 1656)}


class Party:
    """A destination with several keys."""

    def __init__(self, name: str, types: tuple[int, ...], shares: FairShares | None = None) -> None:
        self.keys = EncryptionKeys.derive(types, SeededEntropy(name).random_bytes(32))
        self.sessions = RatchetSessions(
            self.keys.ratchet, FakeWallClock(), SeededEntropy(f"{name} too"), shares=shares
        )

    def public(self, kind: int) -> bytes:
        return self.keys.ratchet[kind].public

    def say(self, other: Party, kind: int, body: bytes, now: float = 0.0) -> bytes:
        cloves = [clove(body)] if body else []
        return self.sessions.seal(other.public(kind), cloves, now, crypto_type=kind)

    def hear(self, message: bytes, now: float = 0.0) -> list[bytes]:
        opened = self.sessions.open(message, now)
        assert opened is not None
        return [item.body for item in opened.cloves]


@pytest.mark.parametrize("suite", HYBRIDS)
def test_sizes_are_those_of_the_specification(suite: Suite) -> None:
    alice, bob = X25519Key.generate(ENTROPY), X25519Key.generate(ENTROPY)
    _, message = seal_new_session(alice, bob.public, b"payload", ENTROPY, suite)
    sizes = SIZES[suite.crypto_type]
    assert len(message) == sizes[0] + 7 == suite.new_session_bytes_min + 7
    opened = open_new_session(bob, responder_state(bob.public, suite), message, suite=suite)
    assert opened.handshake is not None and opened.payload == b"payload"
    reply, _ = opened.handshake.seal_reply(b"reply", ENTROPY)
    assert len(reply) == sizes[1] + 5 == opened.handshake.overhead + 5


@pytest.mark.parametrize("suite", HYBRIDS)
def test_both_sides_have_the_same_keys_after_any_of_several_replies(suite: Suite) -> None:
    alice, bob = X25519Key.generate(ENTROPY), X25519Key.generate(ENTROPY)
    outgoing, message = seal_new_session(alice, bob.public, b"x", ENTROPY, suite)
    start = responder_state(bob.public, suite)
    incoming = open_new_session(bob, start, message, suite=suite).handshake
    assert incoming is not None and incoming.remote_static == alice.public
    made = [incoming.seal_reply(bytes([n]), ENTROPY) for n in range(4)]
    assert len({reply[40:72] for reply, _ in made}) == 4  # each with a ciphertext of its own
    assert len({keys for _, keys in made}) == 4
    for n in (2, 0, 3, 1):
        reply, keys = made[n]
        assert outgoing.open_reply(reply) == (bytes([n]), keys)


@pytest.mark.parametrize("suite", HYBRIDS)
def test_a_changed_byte_anywhere_is_refused_and_changes_nothing(suite: Suite) -> None:
    alice, bob = X25519Key.generate(ENTROPY), X25519Key.generate(ENTROPY)
    outgoing, message = seal_new_session(alice, bob.public, b"payload", ENTROPY, suite)
    start = responder_state(bob.public, suite)
    sections = (40, suite.kem_key_bytes + 20, suite.kem_key_bytes + 40, len(message) - 1)
    for at in sections:
        broken = bytearray(message)
        broken[at] ^= 1
        with pytest.raises(DecodeError):
            open_new_session(bob, start, bytes(broken), suite=suite)
    for length in (0, 95, suite.new_session_bytes_min - 1):
        with pytest.raises(DecodeError):
            open_new_session(bob, start, message[:length], suite=suite)
    incoming = open_new_session(bob, start, message, suite=suite).handshake
    assert incoming is not None
    reply, keys = incoming.seal_reply(b"reply", ENTROPY)
    for at in (3, 45, 40 + suite.kem_ciphertext_bytes, len(reply) - 1):
        broken = bytearray(reply)
        broken[at] ^= 1
        with pytest.raises(DecodeError):
            outgoing.open_reply(bytes(broken))
    with pytest.raises(DecodeError):
        outgoing.open_reply(reply[: suite.reply_bytes_min - 1])
    assert outgoing.open_reply(reply) == (b"reply", keys)


@pytest.mark.parametrize("suite", HYBRIDS)
def test_an_unbound_message_has_no_handshake(suite: Suite) -> None:
    bob = X25519Key.generate(ENTROPY)
    message = seal_unbound(bob.public, b"raw", ENTROPY, suite)
    opened = open_new_session(bob, responder_state(bob.public, suite), message, suite=suite)
    assert (opened.handshake, opened.payload) == (None, b"raw")


@pytest.mark.parametrize("kind", [4, 6, 7])
@pytest.mark.parametrize("size", [0, 100, 1500, 3000])
def test_a_destination_with_three_keys_tells_the_types_apart(kind: int, size: int) -> None:
    """A plain message may be as long as a hybrid one: then it is tried as such first."""
    alice, bob = Party("alice", (7, 6, 4)), Party("bob", (7, 6, 4))
    body = b"b" * size
    assert bob.hear(alice.say(bob, kind, body)) == ([body] if body else [])
    reply = bob.sessions.seal(alice.public(kind), [clove(b"reply")], 0.0)
    assert alice.hear(reply) == [b"reply"]
    assert bob.hear(alice.say(bob, kind, b"first")) == [b"first"]
    assert bob.sessions.next_kind(alice.public(kind), 0.0) == MessageKind.EXISTING
    assert bob.sessions.counters.not_ours == 0


def test_a_destination_without_the_type_takes_it_for_noise() -> None:
    alice, bob, modern = Party("a", (6, 4)), Party("b", (4,)), Party("b", (6, 4))
    message = alice.sessions.seal(modern.public(6), [clove(b"x")], 0.0, crypto_type=6)
    assert bob.sessions.open(message, 0.0) is None
    assert bob.sessions.counters.not_ours == 1


def test_a_session_is_only_started_with_a_key_of_its_type() -> None:
    alice, bob = Party("a", (4,)), Party("b", (6, 4))
    with pytest.raises(LocalError):
        alice.say(bob, 6, b"x")


def test_the_first_reply_is_followed_by_a_message_at_once_even_an_empty_one() -> None:
    """i2pd 2.58, 2.59: what it sends until then comes in replies that nobody can open."""
    alice, bob = Party("alice", (6, 4)), Party("bob", (6, 4))
    bob.hear(alice.say(bob, 6, b"hello"))
    others = [Party(f"other {n}", (6, 4)) for n in range(3)]
    for other in others:
        alice.hear(other.say(alice, 6, b"who is there", 0.5), 0.5)
    first = bob.sessions.seal(alice.public(6), [clove(b"one")], 1.0)
    assert alice.hear(first, 1.0) == [b"one"]
    assert alice.sessions.next_timer() == 1.0
    assert alice.sessions.replies_due(1.0) == [bob.public(6)]
    bob.hear(alice.say(bob, 6, b"", 1.0), 1.0)
    assert bob.sessions.next_kind(alice.public(6), 1.0) == MessageKind.EXISTING
    # Nobody is forgotten over it.
    due = alice.sessions.replies_due(1.5)
    assert sorted(due) == sorted(other.public(6) for other in others)


def test_a_reply_with_the_ciphertext_of_another_one_is_ignored() -> None:
    """i2pd 2.58, 2.59 do that from the second reply on; the first one is as good as ever."""
    alice, bob = Party("alice", (6,)), Party("bob", (6,))
    bob.hear(alice.say(bob, 6, b"hello"))
    first = bob.sessions.seal(alice.public(6), [clove(b"one")], 0.0)
    second = bob.sessions.seal(alice.public(6), [clove(b"two")], 0.0)
    section = slice(40, 40 + 1088 + 16)
    broken = second[:40] + first[section] + second[section.stop :]
    assert alice.sessions.open(broken, 0.0) is None
    assert alice.sessions.counters.forged == 1
    assert alice.hear(first) == [b"one"]
    assert bob.hear(alice.say(bob, 6, b"three")) == [b"three"]


def test_a_new_session_with_a_key_that_is_none_gets_no_reply() -> None:
    """FIPS 203, 7.2: all its coefficients must be below the modulus."""
    alice, bob = Party("alice", (6, 4)), Party("bob", (6, 4))
    payload = write_date_time(int(FakeWallClock().now())) + write_cloves([clove(b"x")])
    suite = MLKEM768_X25519
    state = responder_state(bob.public(6), suite)
    static, ephemeral = alice.keys.ratchet[6], _encodable()
    state.mix_hash(ephemeral[0].public)
    state.mix_key(ephemeral[0].exchange(bob.public(6)))
    message = ephemeral[1] + state.encrypt_and_hash(b"\xff" * 1184)
    message += state.encrypt_and_hash(static.public)
    state.mix_key(static.exchange(bob.public(6)))
    message += state.encrypt_and_hash(payload)
    assert bob.hear(message) == [b"x"]
    with pytest.raises(DecodeError):
        bob.sessions.seal(static.public, [], 0.0)
    assert bob.sessions.next_kind(static.public, 0.0) == MessageKind.NEW_SESSION


def _encodable() -> tuple[X25519Key, bytes]:
    from core.crypto.elligator2 import generate_encodable

    return generate_encodable(ENTROPY)


def test_junk_is_charged_for_each_type_as_which_it_is_tried() -> None:
    shares = FairShares(1e-3)  # seven attempts
    bob = Party("bob", (7, 6, 4), shares)
    for _ in range(20):
        bob.sessions.open(ENTROPY.random_bytes(2000), 0.0)
    counters = bob.sessions.counters
    assert counters.over_rate and counters.not_ours + counters.over_rate == 20
    assert counters.not_ours <= 3


def test_types_that_can_be_used() -> None:
    assert DEFAULT_TYPES == (6, 4)
    assert usable_types(()) == usable_types((5, 99)) == (6, 4)
    assert usable_types((0, 4, 5)) == (4, 0) and usable_types((0,)) == (0,)
    assert usable_types((4, 7, 6, 4)) == (7, 6, 4)
    assert set(SUITES) == {4, 6, 7} and SUITES[4] is X25519


def test_every_type_has_a_key_of_its_own_and_type_4_the_one_that_was_kept() -> None:
    secret = ENTROPY.random_bytes(32)
    keys = EncryptionKeys.derive((4, 6, 7), secret)
    assert [kind for kind, _ in keys.public] == [7, 6, 4]
    assert len({key for _, key in keys.public}) == 3
    assert keys.ratchet[4].private == secret
    assert EncryptionKeys.derive((4, 6, 7), secret).public == keys.public
    assert EncryptionKeys.of_private(keys.private, (4, 6)).public == keys.public[1:]
