"""New session and reply between two parties, and what must not pass."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from core.base.errors import DecodeError
from core.crypto.aead import ChaChaPoly
from core.crypto.elligator2 import decode
from core.crypto.x25519 import X25519Key
from core.garlic.handshake import (
    open_new_session,
    responder_state,
    seal_new_session,
    seal_unbound,
)
from tests.support.deterministic import SeededEntropy


def hkdf(salt: bytes, ikm: bytes, info: bytes = b"") -> tuple[bytes, bytes]:
    prk = hmac.new(salt, ikm, hashlib.sha256).digest()
    first = hmac.new(prk, info + b"\x01", hashlib.sha256).digest()
    return first, hmac.new(prk, first + info + b"\x02", hashlib.sha256).digest()


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def parties() -> tuple[SeededEntropy, X25519Key, X25519Key]:
    entropy = SeededEntropy("handshake")
    return entropy, X25519Key.generate(entropy), X25519Key.generate(entropy)


def test_bytes_follow_the_specification_step_by_step() -> None:
    entropy, alice, bob = parties()
    outgoing, message = seal_new_session(alice, bob.public, b"new session", entropy)
    assert len(message) == 96 + 11

    # Bob, spelled out.
    ck = sha(b"Noise_IKelg2+hs2_25519_ChaChaPoly_SHA256")
    assert ck.hex().startswith("4caf11ef2c8e3656")
    h = sha(ck)
    assert h.hex().startswith("9ccf852cc93bb950")
    h = sha(h, bob.public)
    alice_ephemeral = decode(message[:32])
    h = sha(h, alice_ephemeral)
    ck, k = hkdf(ck, bob.exchange(alice_ephemeral))
    assert ChaChaPoly(k).open(0, message[32:80], h) == alice.public
    h = sha(h, message[32:80])
    ck, k = hkdf(ck, bob.exchange(alice.public))
    assert ChaChaPoly(k).open(0, message[80:], h) == b"new session"
    h = sha(h, message[80:])

    opened = open_new_session(bob, responder_state(bob.public), message)
    assert opened.payload == b"new session"
    assert opened.ephemeral == alice_ephemeral
    assert opened.handshake is not None
    assert opened.handshake.remote_static == alice.public

    # The reply, with the tag from the reply tag set.
    root, key = outgoing.reply_tag_keys()
    assert (root, key) == (ck, hkdf(ck, b"", b"SessionReplyTags")[0])
    reply, bob_keys = opened.handshake.seal_reply(b"reply", entropy)
    assert len(reply) == 72 + 5
    h = sha(h, reply[:8])
    bob_ephemeral = decode(reply[8:40])
    h = sha(h, bob_ephemeral)
    # Alice's ephemeral key is private to the handshake object; use Bob's static side for the rest.
    payload, alice_keys = outgoing.open_reply(reply)
    assert payload == b"reply"
    assert alice_keys == bob_keys
    ck, k = hkdf(ck, outgoing._ephemeral.exchange(bob_ephemeral))
    ck, k = hkdf(ck, alice.exchange(bob_ephemeral))
    assert ChaChaPoly(k).open(0, reply[40:56], h) == b""
    h = sha(h, reply[40:56])
    alice_to_bob, bob_to_alice = hkdf(ck, b"")
    assert alice_keys == (ck, alice_to_bob, bob_to_alice)
    k = hkdf(bob_to_alice, b"", b"AttachPayloadKDF")[0]
    assert ChaChaPoly(k).open(0, reply[56:], h) == b"reply"


def test_several_replies_each_with_own_keys() -> None:
    entropy, alice, bob = parties()
    outgoing, message = seal_new_session(alice, bob.public, b"x", entropy)
    incoming = open_new_session(bob, responder_state(bob.public), message).handshake
    assert incoming is not None
    replies = [incoming.seal_reply(bytes((n,)), entropy) for n in range(3)]
    assert incoming.replies_sent == 3
    assert len({keys for _, keys in replies}) == 3
    for number in (2, 0, 1):
        reply, keys = replies[number]
        assert outgoing.open_reply(reply) == (bytes((number,)), keys)


def test_unbound() -> None:
    entropy, _, bob = parties()
    message = seal_unbound(bob.public, b"raw", entropy)
    assert len(message) == 96 + 3
    opened = open_new_session(bob, responder_state(bob.public), message)
    assert opened.handshake is None
    assert opened.payload == b"raw"


def test_every_byte_counts_but_the_two_free_bits() -> None:
    entropy, alice, bob = parties()
    _, message = seal_new_session(alice, bob.public, b"payload", entropy)
    start = responder_state(bob.public)
    for position in (0, 5, 30, 32, 50, 79, 80, 90, len(message) - 1):
        broken = bytearray(message)
        broken[position] ^= 0x01
        with pytest.raises(DecodeError):
            open_new_session(bob, start, bytes(broken))
    respelled = bytearray(message)
    respelled[31] ^= 0xC0
    assert open_new_session(bob, start, bytes(respelled)).ephemeral == decode(message[:32])
    for length in (0, 31, 95, len(message) - 1):
        with pytest.raises(DecodeError):
            open_new_session(bob, start, message[:length])


def test_a_forged_reply_leaves_the_handshake_usable() -> None:
    entropy, alice, bob = parties()
    outgoing, message = seal_new_session(alice, bob.public, b"x", entropy)
    incoming = open_new_session(bob, responder_state(bob.public), message).handshake
    assert incoming is not None
    reply, keys = incoming.seal_reply(b"reply", entropy)
    for position in (0, 8, 45, 56, len(reply) - 1):
        broken = bytearray(reply)
        broken[position] ^= 0x01
        with pytest.raises(DecodeError):
            outgoing.open_reply(bytes(broken))
    with pytest.raises(DecodeError):
        outgoing.open_reply(reply[:70])
    assert outgoing.open_reply(reply) == (b"reply", keys)


def test_low_order_keys_are_refused() -> None:
    entropy, alice, _ = parties()
    with pytest.raises(DecodeError):
        seal_new_session(alice, bytes(32), b"x", entropy)
