"""The DH ratchet over many tag sets, in both directions, with loss and one-sided traffic."""

from __future__ import annotations

import random

import pytest

from core.base.errors import DecodeError
from core.crypto.x25519 import X25519Key
from core.garlic import tagset
from core.garlic.cloves import NextKey, parse_payload
from core.garlic.next_key import ReceiveRatchet, SendRatchet
from core.garlic.opened import MessageKind
from core.garlic.session import RatchetSession
from tests.garlic.parties import Party, established
from tests.support.deterministic import SeededEntropy


def session(party: Party) -> RatchetSession:
    found = party.sessions._remotes[party.other].current
    assert found is not None
    return found


def only_key(block: bytes) -> NextKey:
    keys = parse_payload(block).next_keys
    assert keys is not None and len(keys) == 1
    return keys[0]


# Specification, "Key and tag set ids": set id, sender's key id, receiver's, who brings a new key.
PROGRESSION = [
    (1, 0, 0, True, True),
    (2, 1, 0, True, False),
    (3, 1, 1, False, True),
    (4, 2, 1, True, False),
    (5, 2, 2, False, True),
    (6, 3, 2, True, False),
]


def test_ids_and_new_keys_follow_the_table() -> None:
    entropy = SeededEntropy(3)
    sender, receiver = SendRatchet(), ReceiveRatchet()
    keys = set()
    for target, sender_id, receiver_id, sender_new, receiver_new in PROGRESSION:
        sender.start(target, entropy)
        forward = only_key(sender.block)
        assert forward.key_id == sender_id
        assert not forward.is_reverse
        assert forward.requests_reverse is receiver_new
        assert (forward.public is not None) is sender_new
        assert ReceiveRatchet.target_of(forward) == target
        key = receiver.on_forward(forward, target, entropy)
        reverse = only_key(receiver.block)
        assert reverse.key_id == receiver_id
        assert reverse.is_reverse
        assert (reverse.public is not None) is receiver_new
        assert target == 1 + sender_id + receiver_id
        assert sender.on_reverse(reverse) == key
        assert sender.block == b""
        assert sender.on_reverse(reverse) is None  # repeated
        keys.add(key)
    assert len(keys) == len(PROGRESSION)


def test_answers_that_do_not_fit() -> None:
    entropy = SeededEntropy(4)
    sender, receiver = SendRatchet(), ReceiveRatchet()
    public = X25519Key.generate(entropy).public
    assert sender.on_reverse(NextKey(0, True, False, public)) is None
    sender.start(1, entropy)
    assert sender.on_reverse(NextKey(1, True, False, public)) is None
    assert sender.on_reverse(NextKey(0, True, False, None)) is None
    with pytest.raises(DecodeError):
        sender.on_reverse(NextKey(0, True, False, bytes(32)))
    assert sender.block
    with pytest.raises(DecodeError):
        receiver.on_forward(NextKey(0, False, True, None), 1, entropy)
    with pytest.raises(DecodeError):
        receiver.on_forward(NextKey(1, False, False, public), 2, entropy)
    with pytest.raises(DecodeError):
        receiver.on_forward(NextKey(1, False, True, None), 3, entropy)
    assert receiver.block == b""


def test_ten_thousand_messages_through_many_sets() -> None:
    alice, bob = established(next_key_after=400, receive_window=128)
    for step in range(10_000):
        body = step.to_bytes(4, "big")
        assert bob.bodies(alice.say(body)) == [body]
        if step % 20 == 0:
            assert alice.bodies(bob.say(body)) == [body]
    assert session(alice)._send.set_id >= 20
    assert session(alice)._send.set_id == session(bob)._receive.set_id
    assert session(bob)._send.set_id >= 1
    assert len(bob.sessions._all.tags) < 128 * 3 + 2048 * 2
    assert bob.sessions.counters.forged == 0


def test_both_directions_at_once_with_loss_and_reordering() -> None:
    rng = random.Random(21)
    alice, bob = established(next_key_after=60)
    flying: list[tuple[Party, bytes, bytes]] = []
    lost = 0
    for step in range(4000):
        sender, receiver = (alice, bob) if rng.random() < 0.5 else (bob, alice)
        body = step.to_bytes(4, "big")
        flying.append((receiver, sender.say(body), body))
        while len(flying) > 8:
            to, message, expected = flying.pop(rng.randrange(len(flying)))
            if rng.random() < 0.2:
                lost += 1
                continue
            assert to.bodies(message) == [expected]
    assert lost > 500
    for party in (alice, bob):
        assert session(party)._send.set_id >= 15
        assert party.sessions.counters.not_ours == 0


def test_the_old_set_stays_good_for_three_minutes() -> None:
    alice, bob = established(next_key_after=5)
    late = [alice.say(b"late one"), alice.say(b"later one")]
    while session(alice)._send.set_id == 0:
        bob.hear(alice.say(b"x"))
        alice.hear(bob.say(b"y"))
    assert session(bob)._older
    bob.hear(alice.say(b"on the new set"))
    assert bob.bodies(late[0], 170.0) == [b"late one"]
    bob.sessions.handle_timer(181.0)
    assert bob.sessions.open(late[1], 181.0) is None
    assert not session(bob)._older
    assert bob.bodies(alice.say(b"fine", 181.0), 181.0) == [b"fine"]


def test_one_sided_traffic_keeps_asking_and_the_receiver_owes_an_answer() -> None:
    alice, bob = established(next_key_after=10)
    for _ in range(40):
        bob.hear(alice.say(b"x"))
    assert session(alice)._send.set_id == 0
    assert bob.sessions.replies_due(2.0) == [alice.static.public]
    alice.hear(bob.say_nothing(2.0), 2.0)
    assert session(alice)._send.set_id == 1
    bob.hear(alice.say(b"new set", 2.0), 2.0)
    assert session(bob)._receive_ratchet.block == b""


def test_a_used_up_set_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagset, "MESSAGES_MAX", 50)
    monkeypatch.setattr("core.garlic.session.MESSAGES_MAX", 50)
    alice, bob = established()
    for _ in range(49):
        bob.hear(alice.say(b"x"))
    assert alice.sessions.next_kind(alice.other, 0.0) is MessageKind.NEW_SESSION
    opened = bob.hear(alice.say(b"anew"))
    assert opened.is_new_session
