"""Message headers in both forms, peeks and expiry."""

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
    is_expired,
    make_short,
    make_standard,
    short_body,
    short_expiration_ms,
    short_message_id,
    short_to_standard,
    short_tunnel_id,
    short_type,
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


@pytest.mark.parametrize(("message", "short", "standard"), PAIRS)
def test_pairs(message: Message, short: str, standard: str) -> None:
    short_form, standard_form = bytes.fromhex(short), bytes.fromhex(standard)
    assert message.to_short() == short_form
    assert message.to_standard() == standard_form
    assert Message.parse_short(short_form) == message
    assert Message.parse_standard(standard_form, check=True) == message
    assert short_to_standard(short_form) == standard_form
    assert standard_to_short(standard_form) == short_form
    assert hash(Message.parse_short(short_form)) == hash(message)
    assert message != short_form


def test_short_expiration_is_rounded_up() -> None:
    for ms, seconds in ((1000, 1), (1001, 2), (1999, 2)):
        assert make_short(1, 2, ms, b"")[5:] == seconds.to_bytes(4, "big")
        assert standard_to_short(make_standard(1, 2, ms, b""))[5:] == seconds.to_bytes(4, "big")
    far = make_standard(1, 2, 2**63, b"")
    assert standard_to_short(far)[5:] == b"\xff" * 4


def test_peeks() -> None:
    data = make_short(MessageType.TUNNEL_DATA, 7, 9000, b"\x00\x00\x01\x02rest")
    assert short_type(data) == MessageType.TUNNEL_DATA
    assert short_message_id(data) == 7
    assert short_expiration_ms(data) == 9000
    assert short_tunnel_id(data) == 258
    assert short_body(data) == b"\x00\x00\x01\x02rest"


def test_bytes_behind_a_standard_body_are_ignored() -> None:
    message = PAIRS[0][0]
    assert Message.parse_standard(message.to_standard() + b"x") == message
    assert standard_to_short(message.to_standard() + b"x") == message.to_short()


def test_checksum_matters_only_if_asked() -> None:
    data = PAIRS[0][0].to_standard()[:-1] + b"?"
    assert Message.parse_standard(data).body == b"bod?"
    with pytest.raises(DecodeError):
        Message.parse_standard(data, check=True)


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
    assert Message.parse_short(message.to_short()) == message
    assert Message.parse_standard(message.to_standard(), check=True) == message
    assert standard_to_short(message.to_standard()) == message.to_short()
