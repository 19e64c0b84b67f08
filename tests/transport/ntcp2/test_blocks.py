"""Blocks inside frames."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import PeerError
from core.transport.ntcp2 import blocks
from core.transport.ntcp2.blocks import BlockType, Options, Termination, TerminationReason


@pytest.mark.parametrize(
    ("written", "hexadecimal"),
    [
        (blocks.write_date_time(1_700_000_000.5), "00 0004 6553f101"),
        (blocks.write_date_time(1_700_000_000.4), "00 0004 6553f100"),
        (blocks.write_router_info(b"ri", flood=True), "02 0003 01 7269"),
        (blocks.write_padding(2), "fe 0002 0000"),
        (
            blocks.write_block(BlockType.OPTIONS, Options(0, 1, 2, 3).write()),
            "01 000c 00010203 0000 0000 0000 0000",
        ),
        (
            blocks.write_block(BlockType.TERMINATION, Termination(7, 2).write()),
            "04 0009 0000000000000007 02",
        ),
    ],
)
def test_wire_format(written: bytes, hexadecimal: str) -> None:
    assert written == bytes.fromhex(hexadecimal)


def test_options_and_termination_are_read_back() -> None:
    assert Options.parse(Options(1, 2, 3, 4).write() + b"more") == Options(1, 2, 3, 4)
    assert Termination.parse(Termination(9, 17).write() + b"bye") == Termination(9, 17)
    assert Termination.parse(b"short") == Termination(0, TerminationReason.NORMAL)
    with pytest.raises(PeerError):
        Options.parse(bytes(11))


def test_messages_are_cut_out_in_order_and_padding_is_dropped() -> None:
    one, two = b"\x12" + bytes(8), b"\x13" + bytes(1036)
    frame = (
        blocks.write_block(3, one)
        + blocks.write_block(200, b"future")
        + blocks.write_block(3, two)
        + blocks.write_padding(5)
    )
    messages: list[bytes] = []
    others: list[tuple[int, bytes]] = []
    assert blocks.split_blocks(frame, messages, others)
    assert messages == [one, two] and others == [(200, b"future")]


@pytest.mark.parametrize(
    "tail", [b"\x03\x00", b"\x03\xff\xff\x01", b"\x03\x00\x08" + bytes(8), b"\x00"]
)
def test_a_broken_tail_keeps_what_came_before(tail: bytes) -> None:
    message = b"\x12" + bytes(8)
    messages: list[bytes] = []
    assert not blocks.split_blocks(blocks.write_block(3, message) + tail, messages, [])
    assert messages == [message]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_junk_never_raises_and_never_invents_bytes(junk: bytes) -> None:
    messages: list[bytes] = []
    others: list[tuple[int, bytes]] = []
    blocks.split_blocks(junk, messages, others)
    total = sum(map(len, messages)) + sum(len(data) for _, data in others)
    assert total + 3 * (len(messages) + len(others)) <= len(junk)
    assert all(len(message) >= 9 for message in messages)
    try:
        blocks.parse_confirmed_payload(junk)
    except PeerError:
        pass


ROUTER_INFO = blocks.write_router_info(b"router info")
OPTIONS = blocks.write_block(1, Options().write())
PADDING = blocks.write_padding(3)


@pytest.mark.parametrize("payload", [
    ROUTER_INFO, ROUTER_INFO + OPTIONS, ROUTER_INFO + PADDING, ROUTER_INFO + OPTIONS + PADDING,
])  # fmt: skip
def test_allowed_orders_of_message_3(payload: bytes) -> None:
    assert blocks.parse_confirmed_payload(payload)[:2] == (0, b"router info")


@pytest.mark.parametrize("payload", [
    b"", OPTIONS, PADDING + ROUTER_INFO, OPTIONS + ROUTER_INFO, ROUTER_INFO + PADDING + OPTIONS,
    ROUTER_INFO + PADDING + PADDING, ROUTER_INFO + ROUTER_INFO, ROUTER_INFO + b"\x00",
    ROUTER_INFO + blocks.write_date_time(0), ROUTER_INFO + blocks.write_block(3, bytes(20)),
    blocks.write_block(2, b""), blocks.write_block(2, bytes(5000)), ROUTER_INFO[:-1],
])  # fmt: skip
def test_forbidden_contents_of_message_3(payload: bytes) -> None:
    with pytest.raises(PeerError):
        blocks.parse_confirmed_payload(payload)


def test_words_for_reasons() -> None:
    assert blocks.reason_word(2) == "idle_timeout"
    assert blocks.reason_word(99) == "reason_99"
