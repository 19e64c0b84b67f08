"""The payload codec: every block both ways, and junk."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, LocalError
from core.garlic.cloves import (
    ACK_REQUEST_BLOCK,
    PADDING_BLOCKS,
    Clove,
    Delivery,
    NextKey,
    Payload,
    find_data,
    parse_payload,
    write_acks,
    write_clove,
    write_cloves,
    write_data_head,
    write_date_time,
    write_next_key,
)
from tests.garlic.blocks import write_options, write_termination

HASH = bytes(range(32))
KEY = bytes(range(100, 132))

CLOVES = [
    (
        Clove(Delivery.LOCAL, None, None, 1, 0x01020304, 0x65000000, b"ls"),
        "0b000c" + "00" + "01" + "01020304" + "65000000" + "6c73",
    ),
    (
        Clove(Delivery.DESTINATION, HASH, None, 20, 5, 6, b""),
        "0b002a" + "20" + HASH.hex() + "14" + "00000005" + "00000006",
    ),
    (
        Clove(Delivery.ROUTER, HASH, None, 2, 5, 6, b"x"),
        "0b002b" + "40" + HASH.hex() + "02" + "00000005" + "00000006" + "78",
    ),
    (
        Clove(Delivery.TUNNEL, HASH, 0xAABBCCDD, 10, 5, 6, b"yz"),
        "0b0030" + "60" + HASH.hex() + "aabbccdd" + "0a" + "00000005" + "00000006" + "797a",
    ),
]


@pytest.mark.parametrize(("clove", "expected"), CLOVES)
def test_clove_both_ways(clove: Clove, expected: str) -> None:
    assert write_clove(clove).hex() == expected
    assert parse_payload(bytes.fromhex(expected)).cloves == [clove]


NEXT_KEYS = [
    (NextKey(0, False, True, KEY), "070023" + "05" + "0000" + KEY.hex()),
    (NextKey(0, True, False, KEY), "070023" + "03" + "0000" + KEY.hex()),
    (NextKey(1, False, False, KEY), "070023" + "01" + "0001" + KEY.hex()),
    (NextKey(0, True, False, None), "070003" + "02" + "0000"),
    (NextKey(1, False, True, None), "070003" + "04" + "0001"),
]


@pytest.mark.parametrize(("next_key", "expected"), NEXT_KEYS)
def test_next_key_both_ways(next_key: NextKey, expected: str) -> None:
    assert write_next_key(next_key).hex() == expected
    assert parse_payload(bytes.fromhex(expected)).next_keys == [next_key]


def test_other_blocks() -> None:
    assert write_date_time(0x65000000).hex() == "00000465000000"
    assert write_acks([(1, 2), (3, 65533)]).hex() == "080008" + "00010002" + "0003fffd"
    assert ACK_REQUEST_BLOCK.hex() == "09000100"
    assert PADDING_BLOCKS[2].hex() == "fe00020000"
    payload = parse_payload(
        write_date_time(7)
        + ACK_REQUEST_BLOCK
        + write_acks([(1, 2)])
        + write_acks([(3, 4)])
        + write_options(900)
        + bytes.fromhex("c80003aabbcc")  # unknown: skipped
        + bytes.fromhex("0600020001")  # previous number: skipped
        + write_termination(9)
        + PADDING_BLOCKS[5]
    )
    assert payload.date_time_s == 7
    assert payload.ack_requested
    assert list(payload.acks) == [(1, 2), (3, 4)]
    assert payload.receive_window == 900
    assert payload.termination_reason == 9
    assert payload.cloves == []


def test_order_is_kept_and_blocks_after_padding_count() -> None:
    cloves = [clove for clove, _ in CLOVES]
    data = write_cloves(cloves[:2]) + PADDING_BLOCKS[3] + write_cloves(cloves[2:])
    assert parse_payload(data).cloves == cloves
    assert parse_payload(b"").cloves == []


@pytest.mark.parametrize(
    "bad",
    [
        "0b",
        "0b0001",
        "0b000100",
        "0b000900" + "00" * 8,
        "0b002920" + "00" * 40,
        "0b002d60" + "00" * 44,
        "0b00298000" + "00" * 39,
        "0b000e10" + "00" * 13,
        "0000030000",
        "080003000000",
        "0700020100",
        "070022" + "01" + "00" * 33,
    ],
)
def test_malformed(bad: str) -> None:
    with pytest.raises(DecodeError):
        parse_payload(bytes.fromhex(bad))


def test_inconsistent_cloves_are_our_fault() -> None:
    with pytest.raises(LocalError):
        write_clove(Clove(Delivery.DESTINATION, None, None, 20, 1, 1, b""))
    with pytest.raises(LocalError):
        write_clove(Clove(Delivery.TUNNEL, HASH, None, 20, 1, 1, b""))
    with pytest.raises(LocalError):
        write_clove(Clove(Delivery.LOCAL, None, None, 20, 1, 1, bytes(65500)))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_junk(data: bytes) -> None:
    try:
        parse_payload(data)
    except DecodeError:
        pass


u32 = st.integers(0, 0xFFFFFFFF)
bodies = st.binary(max_size=50)
hashes = st.binary(min_size=32, max_size=32)
any_clove = st.one_of(
    st.builds(
        Clove,
        st.just(Delivery.LOCAL),
        st.none(),
        st.none(),
        st.integers(0, 255),
        u32,
        u32,
        bodies,
    ),
    st.builds(
        Clove,
        st.sampled_from([Delivery.DESTINATION, Delivery.ROUTER]),
        hashes,
        st.none(),
        st.integers(0, 255),
        u32,
        u32,
        bodies,
    ),
    st.builds(Clove, st.just(Delivery.TUNNEL), hashes, u32, st.integers(0, 255), u32, u32, bodies),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(any_clove, max_size=4), st.integers(0, 16))
def test_round_trip(cloves: list[Clove], padding: int) -> None:
    assert parse_payload(write_cloves(cloves) + PADDING_BLOCKS[padding]).cloves == cloves


def test_a_data_head_is_a_clove_and_a_length() -> None:
    body = b"payload"
    clove = Clove(Delivery.DESTINATION, HASH, None, 20, 7, 8, b"\0\0\0\x07" + body)
    assert write_data_head(HASH, 7, 8, len(body)) + body == write_clove(clove)
    for to_hash, size in ((HASH, 65500), (HASH[1:], 5)):
        with pytest.raises(LocalError):
            write_data_head(to_hash, 7, 8, size)


def found_data(payload: bytes) -> tuple[bytes, bytes] | None:
    found = find_data(payload)
    return None if found is None else (found[0], payload[found[1] : found[2]])


def plain_data(payload: bytes) -> tuple[bytes, bytes] | None:
    """What ``find_data`` says, by way of the reference parser."""
    try:
        parsed = parse_payload(payload)
    except DecodeError:
        return None
    bare = Payload()
    if len(parsed.cloves) != 1 or any(
        getattr(parsed, name) != getattr(bare, name)
        for name in Payload.__annotations__.keys() - {"cloves"}
    ):
        return None
    clove = parsed.cloves[0]
    length = int.from_bytes(clove.body[:4], "big")
    if clove.kind != Delivery.DESTINATION or clove.message_type != 20 or clove.to_hash is None:
        return None
    if len(clove.body) < 4 + length:
        return None
    return clove.to_hash, clove.body[4 : 4 + length]


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=20),
    st.integers(-1, 3),
    st.integers(0, 16) | st.just(None),
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 255)), max_size=2),
    st.integers(0, 8),
)
def test_the_short_way_finds_what_the_parser_finds(
    body: bytes, extra: int, padding: int | None, damage: list[tuple[int, int]], cut: int
) -> None:
    size = len(body) - min(extra, len(body))
    data = bytearray(write_clove(Clove(Delivery.DESTINATION, HASH, None, 20, 5, 6, b"")))
    data += size.to_bytes(4, "big") + body
    data[1:3] = (len(data) - 3).to_bytes(2, "big")
    if padding is not None:
        data += PADDING_BLOCKS[padding]
    for position, value in damage:
        if position < len(data):
            data[position] = value
    payload = bytes(data[: len(data) - cut])
    found = found_data(payload)
    assert found is None or found == plain_data(payload)
    if not damage and not cut:
        assert found == plain_data(payload)


def test_whatever_stands_beside_data_takes_the_long_way() -> None:
    data = write_data_head(HASH, 7, 8, 3) + b"abc"
    assert found_data(data) == (HASH, b"abc")
    assert found_data(data + PADDING_BLOCKS[5]) == (HASH, b"abc")
    for more in (ACK_REQUEST_BLOCK, PADDING_BLOCKS[1] + ACK_REQUEST_BLOCK, data, b"\xfe\0"):
        assert find_data(data + more) is None
    assert find_data(ACK_REQUEST_BLOCK + data) is None
