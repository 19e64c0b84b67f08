"""Message headers in both forms, what the hot path reads of them, and expiry."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, LocalError
from core.i2np.message import (
    MESSAGE_BYTES_MAX,
    Message,
    MessageType,
    fresh_short,
    is_expired,
    is_garlic,
    make_short,
    make_standard,
    read_garlic,
    short_to_standard,
    sort_short,
    standard_to_short,
)

quick = settings(max_examples=80, deadline=None)
CHECKSUM = hashlib.sha256(b"body").hexdigest()[:2]
PAIRS = [
    (
        Message(20, 0x01020304, 1_700_000_000_000, b"body"),
        "14 01020304 6553f100 626f6479",
        "14 01020304 0000018bcfe56800 0004" + CHECKSUM + "626f6479",
    ),
    (Message(250, 0, 0, b""), "fa 00000000 00000000", "fa 00000000 0000000000000000 0000 e3"),
]


def _short(message: Message) -> bytes:
    return make_short(message.type, message.message_id, message.expiration_ms, message.body)


def _standard(message: Message) -> bytes:
    return make_standard(message.type, message.message_id, message.expiration_ms, message.body)


@pytest.mark.parametrize(("message", "short", "standard"), PAIRS)
def test_pairs(message: Message, short: str, standard: str) -> None:
    short_form, standard_form = bytes.fromhex(short), bytes.fromhex(standard)
    assert _short(message) == short_form
    assert _standard(message) == standard_form
    assert Message.parse_short(short_form) == message
    assert Message.parse_standard(standard_form) == message
    assert short_to_standard(short_form) == standard_form
    assert standard_to_short(standard_form) == short_form
    assert hash(Message.parse_short(short_form)) == hash(message)
    assert message != short_form


def test_short_expiration_is_rounded_down_as_i2pds() -> None:
    for ms, seconds in ((1000, 1), (1001, 1), (1999, 1)):
        assert make_short(1, 2, ms, b"")[5:] == seconds.to_bytes(4, "big")
        assert standard_to_short(make_standard(1, 2, ms, b""))[5:] == seconds.to_bytes(4, "big")
    far = make_standard(1, 2, 2**63, b"")
    assert standard_to_short(far)[5:] == b"\xff" * 4


def _garlic(expiration_ms: int, body: bytes = b"\0\0\0\3abc") -> bytes:
    return make_standard(MessageType.GARLIC, 7, expiration_ms, body)


def test_what_a_garlic_message_carries() -> None:
    now = 1_700_000_000.0
    fresh = _garlic(int(now * 1000))
    assert is_garlic(fresh)
    assert not is_garlic(make_standard(MessageType.DATA, 7, 0, b""))
    assert not is_garlic(b"")
    assert read_garlic(fresh, now) == b"abc"
    assert read_garlic(fresh + b"behind it", now) == b"abc"
    assert read_garlic(_garlic(int(now * 1000), b"\0\0\0\xffabc"), now) == b"abc"
    for ahead_ms, is_fresh in (
        (-60_001, False),
        (-60_000, True),
        (180_000, True),
        (180_001, False),
    ):
        data = _garlic(int(now * 1000) + ahead_ms)
        assert (read_garlic(data, now) is not None) == is_fresh
    for size in range(len(fresh)):
        with pytest.raises(DecodeError):
            read_garlic(fresh[:size], now)


def test_short_forms_are_sorted_by_use_and_age() -> None:
    now = 1_700_000_000
    gateways = [
        make_short(MessageType.TUNNEL_GATEWAY, 1, (now + ahead_s) * 1000, b"")
        for ahead_s in (-61, -60, 0, 180, 181)
    ]
    data = make_short(MessageType.TUNNEL_DATA, 2, now * 1000, bytes(1028))
    other = make_short(MessageType.DATABASE_STORE, 3, now * 1000, b"")
    sorted_out = sort_short([other, gateways[0], data, b"", *gateways[1:]])
    assert sorted_out == ([data], gateways, [other, b""])
    assert fresh_short([*gateways, b"\x13"], float(now)) == gateways[1:4]


def test_bytes_behind_a_standard_body_are_ignored() -> None:
    message = PAIRS[0][0]
    assert Message.parse_standard(_standard(message) + b"x") == message
    assert standard_to_short(_standard(message) + b"x") == _short(message)


def test_size_limit() -> None:
    body = bytes(MESSAGE_BYTES_MAX)
    for make in (make_short, make_standard):
        with pytest.raises(LocalError):
            make(1, 2, 3, body)
        assert make(1, 2, 3, body[16:])
    with pytest.raises(DecodeError):
        short_to_standard(bytes(9) + body)


@pytest.mark.parametrize(
    ("ahead_s", "expired"),
    [(-60.5, True), (-60, False), (0, False), (180, False), (180.5, True)],
)
def test_expiry(ahead_s: float, expired: bool) -> None:
    now = 1_700_000_000.0
    message = Message(1, 2, int((now + ahead_s) * 1000), b"")
    assert is_expired(message, now) is expired
    assert is_expired(message.expiration_ms, now) is expired


@quick
@given(st.binary(max_size=40))
def test_junk(data: bytes) -> None:
    for parse in (
        Message.parse_short,
        Message.parse_standard,
        short_to_standard,
        standard_to_short,
    ):
        try:
            parse(data)
        except DecodeError:
            pass


@quick
@given(
    st.integers(0, 255),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=50),
)
def test_round_trip(kind: int, message_id: int, expiration_s: int, body: bytes) -> None:
    message = Message(kind, message_id, expiration_s * 1000, body)
    assert Message.parse_short(_short(message)) == message
    assert Message.parse_standard(_standard(message)) == message
    assert standard_to_short(_standard(message)) == _short(message)
