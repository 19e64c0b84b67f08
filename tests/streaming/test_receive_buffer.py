"""Reordering, gaps and reading in any portions."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from core.streaming.receive_buffer import EARLY_COST, EARLY_SPAN_MAX, Arrival, ReceiveBuffer


def test_gap_fills_and_nacks() -> None:
    buffer = ReceiveBuffer()
    assert buffer.add(0, b"") is Arrival.IN_ORDER
    assert buffer.add(3, b"d") is Arrival.EARLY
    assert buffer.add(3, b"d") is Arrival.DUPLICATE
    assert buffer.add(6, b"g") is Arrival.EARLY
    assert buffer.missing(255, 6) == (6, [1, 2, 4, 5])
    assert buffer.missing(255, 5) == (3, [1, 2])
    assert buffer.missing(3, 6) == (3, [1, 2])
    assert buffer.missing(1, 6) == (0, [])
    assert buffer.add(1, b"b") is Arrival.IN_ORDER
    assert buffer.add(2, b"c") is Arrival.IN_ORDER
    assert buffer.next_sequence == 4
    assert buffer.buffered == 4 + EARLY_COST
    assert buffer.read(10) == b"bcd"
    assert buffer.buffered == 1 + EARLY_COST
    assert buffer.add(2, b"c") is Arrival.DUPLICATE


def test_span_and_end_are_bounded() -> None:
    buffer = ReceiveBuffer()
    assert buffer.add(EARLY_SPAN_MAX + 1, b"") is Arrival.REFUSED
    buffer.end = 2
    assert buffer.add(3, b"beyond") is Arrival.REFUSED
    for sequence in range(3):
        assert not buffer.is_ended
        buffer.add(sequence, b"x")
    assert buffer.is_ended


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 30), st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_any_order_and_any_reads_give_the_same_bytes(seed: int, sizes: list[int]) -> None:
    rand = random.Random(seed)
    packets = [(i, rand.randbytes(size)) for i, size in enumerate(sizes)]
    whole = b"".join(data for _, data in packets)
    rand.shuffle(packets)
    buffer = ReceiveBuffer()
    got = b""
    for sequence, data in packets + packets[:5]:
        buffer.add(sequence, data)
        through, nacks = buffer.missing(255, buffer.newest)
        assert through - len(nacks) + 1 == buffer.next_sequence + len(buffer.early)
        part = buffer.read(rand.randrange(50))
        got += part
    while part := buffer.read(7):
        assert len(part) <= 7
        got += part
    assert got == whole
    assert buffer.buffered == 0


def test_small_payloads_are_joined() -> None:
    """A peer that sends two bytes at a time must not make us hold thirty times that."""
    buffer = ReceiveBuffer()
    for sequence in range(2000):
        buffer.add(sequence, bytes((sequence & 0xFF, sequence >> 8)))
        if sequence == 700:
            assert buffer.read(3) == b"\0\0\1"
    assert len(buffer._ready) <= 4
    assert buffer.buffered == 4000 - 3
    assert buffer.read(5) == b"\0\2\0\3\0"
    assert buffer.read(10_000)[-2:] == bytes((1999 & 0xFF, 1999 >> 8))
    assert buffer.buffered == 0
