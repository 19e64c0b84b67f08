"""Datagram formats against the layouts of the spec; mailboxes; junk."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, LocalError, Unavailable
from core.data.private_keys import PrivateKeys
from core.datagram.formats import (
    DATAGRAM1,
    DATAGRAM2,
    DATAGRAM3,
    DATAGRAM_BYTES_MAX,
    RAW,
    build_datagram,
    parse_datagram,
)
from core.datagram.manager import MAILBOX_DATAGRAMS_MAX, OUTGOING_MAX, DatagramManager
from tests.support.deterministic import FakeWallClock, SeededEntropy

ALICE = PrivateKeys.generate_destination(SeededEntropy("alice"))
BOB = PrivateKeys.generate_destination(SeededEntropy("bob"))
NOW = 1_700_000_000.0


def test_datagram1_layout() -> None:
    message = build_datagram(DATAGRAM1, ALICE, BOB.hash, b"payload")
    size = len(ALICE.destination.raw)
    assert message[:size] == ALICE.destination.raw
    assert ALICE.destination.verify(b"payload", message[size : size + 64])
    assert message[size + 64 :] == b"payload"
    content = parse_datagram(DATAGRAM1, message, BOB.hash, None, NOW)
    assert content.payload == b"payload"
    assert content.sender == ALICE.destination
    assert content.is_authentic


def test_datagram1_of_dsa_signs_the_hash() -> None:
    keys = PrivateKeys.generate_destination(SeededEntropy("dsa"), signing_type=0)
    message = build_datagram(DATAGRAM1, keys, BOB.hash, b"old")
    size = len(keys.destination.raw)
    assert size == 387
    assert keys.destination.verify(hashlib.sha256(b"old").digest(), message[size : size + 40])
    assert parse_datagram(DATAGRAM1, message, BOB.hash, None, NOW).payload == b"old"


def test_datagram2_layout() -> None:
    message = build_datagram(DATAGRAM2, ALICE, BOB.hash, b"payload", {"a": "b"})
    size = len(ALICE.destination.raw)
    body = bytes.fromhex("0012000601613d01623b") + b"payload"
    assert message[size:-64] == body
    assert ALICE.destination.verify(BOB.hash + body, message[-64:])
    content = parse_datagram(DATAGRAM2, message, BOB.hash, None, NOW)
    assert (content.payload, content.options) == (b"payload", {"a": "b"})
    with pytest.raises(DecodeError):
        parse_datagram(DATAGRAM2, message, ALICE.hash, None, NOW)


def test_datagram2_as_i2pd_signs_it_needs_its_session() -> None:
    body = bytes.fromhex("0002") + b"payload"
    message = ALICE.destination.raw + body + ALICE.sign(ALICE.hash + body)
    assert parse_datagram(DATAGRAM2, message, BOB.hash, ALICE.hash, NOW).is_authentic
    with pytest.raises(DecodeError):
        parse_datagram(DATAGRAM2, message, BOB.hash, None, NOW)


def test_datagram2_offline_keys() -> None:
    keys = ALICE.authorise_transient(SeededEntropy("t"), int(NOW) + 100)
    message = build_datagram(DATAGRAM2, keys, BOB.hash, b"payload")
    assert message[len(ALICE.destination.raw) + 1] == 0x22
    assert parse_datagram(DATAGRAM2, message, BOB.hash, None, NOW).payload == b"payload"
    with pytest.raises(DecodeError, match="offline"):
        parse_datagram(DATAGRAM2, message, BOB.hash, None, NOW + 101)
    forged = BOB.authorise_transient(SeededEntropy("t"), int(NOW) + 100)
    mixed = ALICE.destination.raw + build_datagram(DATAGRAM2, forged, BOB.hash, b"x")[391:]
    with pytest.raises(DecodeError, match="offline"):
        parse_datagram(DATAGRAM2, mixed, BOB.hash, None, NOW)
    with pytest.raises(LocalError):
        build_datagram(DATAGRAM1, keys, BOB.hash, b"payload")


def test_datagram3_layout() -> None:
    message = build_datagram(DATAGRAM3, ALICE, BOB.hash, b"payload")
    assert message == ALICE.hash + bytes.fromhex("0003") + b"payload"
    content = parse_datagram(DATAGRAM3, message, BOB.hash, None, NOW)
    assert content.sender_hash == ALICE.hash
    assert not content.is_authentic
    assert parse_datagram(DATAGRAM3, message, BOB.hash, ALICE.hash, NOW).is_authentic
    with_options = build_datagram(DATAGRAM3, ALICE, BOB.hash, b"p", {"k": "v"})
    assert with_options[32:34].hex() == "0013"
    assert parse_datagram(DATAGRAM3, with_options, BOB.hash, None, NOW).options == {"k": "v"}


@pytest.mark.parametrize("protocol", [DATAGRAM1, DATAGRAM2, DATAGRAM3])
def test_another_session_than_the_senders(protocol: int) -> None:
    message = build_datagram(protocol, ALICE, BOB.hash, b"payload")
    with pytest.raises(DecodeError):
        parse_datagram(protocol, message, BOB.hash, BOB.hash, NOW)


def test_limits_of_building() -> None:
    with pytest.raises(LocalError):
        build_datagram(RAW, ALICE, BOB.hash, bytes(DATAGRAM_BYTES_MAX + 1))
    with pytest.raises(LocalError):
        build_datagram(RAW, ALICE, BOB.hash, b"", {"a": "b"})


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from([RAW, DATAGRAM1, DATAGRAM2, DATAGRAM3, 99]),
    st.binary(max_size=60),
    st.integers(0, 600),
    st.integers(1, 255),
)
def test_junk_and_mutations(protocol: int, data: bytes, position: int, change: int) -> None:
    message = bytearray(build_datagram(protocol, ALICE, BOB.hash, data))
    if message:
        message[position % len(message)] ^= change
    for junk in (bytes(message), bytes(message[:position]), data):
        try:
            content = parse_datagram(protocol, junk, BOB.hash, None, NOW)
        except DecodeError:
            continue
        # Neither format signs the destination itself: another one with the same signing key may
        # come out, but never Alice's.
        assert not (content.is_authentic and content.sender_hash == ALICE.hash)


def test_mailboxes_from_the_most_specific_to_any() -> None:
    manager = DatagramManager(BOB, FakeWallClock())
    exact = manager.bind(RAW, 7)
    protocol = manager.bind(RAW)
    port = manager.bind(port=7)
    anything = manager.bind()
    with pytest.raises(Unavailable):
        manager.bind(RAW, 7)
    with pytest.raises(Unavailable):
        manager.bind(6)
    signed = build_datagram(DATAGRAM1, ALICE, BOB.hash, b"")
    batch = [
        (None, RAW, 1, 7, b"exact"),
        (None, RAW, 1, 8, b"protocol"),
        (None, DATAGRAM1, 1, 7, signed),
        (None, 200, 1, 8, b"any"),
    ]
    assert manager.receive_datagrams(batch) == [exact, protocol, port, anything]
    taken = exact.take()
    assert taken is not None
    assert (taken.from_port, taken.to_port, taken.content.payload) == (1, 7, b"exact")
    assert exact.take() is None
    manager.unbind(exact)
    assert manager.receive_datagrams(batch[:1]) == [protocol]


def test_a_raw_mailbox_gets_messages_as_they_came() -> None:
    manager = DatagramManager(BOB, FakeWallClock(NOW))
    raw = manager.bind(is_raw=True)
    message = build_datagram(DATAGRAM1, ALICE, BOB.hash, b"payload")
    manager.receive_datagrams([(None, DATAGRAM1, 0, 0, message), (None, 99, 1, 2, b"junk")])
    received = [raw.take(), raw.take()]
    assert [one.content.payload for one in received if one is not None] == [message, b"junk"]


def test_what_is_dropped_is_counted() -> None:
    manager = DatagramManager(BOB, FakeWallClock())
    manager.receive_datagrams([(None, RAW, 0, 0, b"nobody")])
    mailbox = manager.bind()
    manager.receive_datagrams([(None, DATAGRAM1, 0, 0, b"junk")])
    manager.receive_datagrams([(None, RAW, 0, 0, b"x")] * (MAILBOX_DATAGRAMS_MAX + 3))
    assert manager.counters == {"unwanted": 1, "invalid": 1, "mailbox_full": 3}
    assert len(mailbox) == MAILBOX_DATAGRAMS_MAX


def test_sending_queues_up_to_a_limit() -> None:
    alice = DatagramManager(ALICE, FakeWallClock())
    bob = DatagramManager(BOB, FakeWallClock())
    mailbox = bob.bind(DATAGRAM2, 53)
    assert alice.send(BOB.hash, b"query", protocol=DATAGRAM2, from_port=9, to_port=53)
    (out,) = alice.datagrams_to_send()
    assert out.compress
    assert out.remote_hash == BOB.hash
    bob.receive_datagrams([(None, out.protocol, out.from_port, out.to_port, out.message)])
    taken = mailbox.take()
    assert taken is not None
    assert taken.content.sender == ALICE.destination
    results = [alice.send(BOB.hash, b"", protocol=RAW) for _ in range(OUTGOING_MAX + 1)]
    assert results == [True] * OUTGOING_MAX + [False]
