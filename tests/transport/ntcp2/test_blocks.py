"""Blocks inside frames."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import PeerError
from core.transport.ntcp2 import blocks
from core.transport.ntcp2.blocks import BlockType, Options, Termination
from core.transport.reasons import TerminationReason, reason_word


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


def slow_split(frame: bytes) -> tuple[list[bytes], list[tuple[int, bytes]], bool]:
    """One block after the other."""
    messages: list[bytes] = []
    others: list[tuple[int, bytes]] = []
    while len(frame) >= 3:
        kind, size = frame[0], int.from_bytes(frame[1:3], "big")
        data, frame = frame[3 : 3 + size], frame[3 + size :]
        if len(data) < size or (kind == 3 and size < 9):
            return messages, others, False
        if kind == 3:
            messages.append(data)
        elif kind != 254:
            others.append((kind, data))
    return messages, others, not frame


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 14),
    st.lists(st.tuples(st.sampled_from([3, 3, 3, 4, 254]), st.integers(9, 1100)), max_size=5),
    st.lists(st.tuples(st.integers(0, 13), st.integers(0, 2), st.integers(0, 255)), max_size=2),
    st.integers(0, 40),
)
def test_runs_of_tunnel_data_are_split_as_the_slow_twin_does(
    run: int, tail: list[tuple[int, int]], changes: list[tuple[int, int, int]], cut: int
) -> None:
    frame = bytearray()
    for index in range(run):
        frame += blocks.write_block(3, bytes((index,)) * 1037)
    for kind, size in tail:
        frame += blocks.write_block(kind, b"\x03" * size)
    for block, byte, value in changes:
        if block * 1040 + byte < len(frame):
            frame[block * 1040 + byte] = value
    del frame[len(frame) - cut :]
    messages: list[bytes] = []
    others: list[tuple[int, bytes]] = []
    is_whole = blocks.split_blocks(bytes(frame), messages, others)
    assert (messages, others, is_whole) == slow_split(bytes(frame))


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
    assert reason_word(2) == "idle_timeout"
    assert reason_word(99) == "reason_99"
