"""Cutting messages into blocks and putting them together again."""

from __future__ import annotations

import random

import pytest

from core.base.reassembly import ReassemblyMemory
from core.transport.ssu2.fragments import (
    FRAGMENT_COST,
    MESSAGE_BYTES_MAX,
    PARTIAL_COST,
    PERIOD_S,
    Reassembler,
    cut,
)
from core.transport.stats import LinkStats

NOW = 1000.0


def message(number: int, size: int) -> bytes:
    body = random.Random(number).randbytes(size - 9)
    return b"\x0b" + number.to_bytes(4, "big") + b"\x65\x53\xf1\x00" + body


def add(reassembler: Reassembler, block: bytes, now: float = NOW) -> bytes | None:
    assert int.from_bytes(block[1:3], "big") == len(block) - 3
    if block[0] == 4:
        return reassembler.add_first(block[3:], now)
    assert block[0] == 5
    return reassembler.add_follow_on(block[3:], now)


def test_blocks_are_as_the_specification_says() -> None:
    whole = message(0x01020304, 2700)
    first, second, third = cut(whole, 1200)
    assert first == bytes.fromhex("04 04ad") + whole[:1197]
    assert second == bytes.fromhex("05 04ad 02 01020304") + whole[1197:2389]
    assert third == bytes.fromhex("05 013c 05 01020304") + whole[2389:]


@pytest.mark.parametrize("payload_max", [1200, 1220, 1420, 1440])
@pytest.mark.parametrize("size", [1438, 2600, 2620, 2621, 16384, 62708, MESSAGE_BYTES_MAX])
def test_every_order_gives_the_message_back(payload_max: int, size: int) -> None:
    whole = message(7, size)
    blocks = cut(whole, payload_max)
    assert all(len(block) <= payload_max for block in blocks)
    assert all(len(block) == payload_max for block in blocks[:-1])
    rand = random.Random(size)
    for order in (blocks, blocks[::-1], rand.sample(blocks, len(blocks))):
        reassembler = Reassembler(LinkStats())
        results = [add(reassembler, block) for block in order]
        assert results[:-1] == [None] * (len(blocks) - 1)
        assert results[-1] == whole
        assert reassembler.waiting_bytes == 0


def test_copies_are_ignored_before_and_after_the_message_is_complete() -> None:
    whole = message(7, 3000)
    blocks = cut(whole, 1200)
    reassembler = Reassembler(LinkStats())
    assert add(reassembler, blocks[2]) is None
    assert add(reassembler, blocks[2]) is None
    assert add(reassembler, blocks[0]) is None
    assert add(reassembler, blocks[1]) == whole
    for block in blocks:
        assert add(reassembler, block) is None
    assert (
        reassembler.waiting_bytes,
        reassembler._stats.messages_incomplete,
        reassembler._stats.blocks_malformed,
    ) == (0, 0, 0)


def test_messages_are_kept_apart() -> None:
    wholes = [message(n, 4000) for n in range(20)]
    blocks = [block for whole in wholes for block in cut(whole, 1200)]
    random.Random(1).shuffle(blocks)
    reassembler = Reassembler(LinkStats())
    done = [whole for block in blocks if (whole := add(reassembler, block)) is not None]
    assert sorted(done) == sorted(wholes)


def test_what_is_never_complete_is_given_up_in_time() -> None:
    memory = ReassemblyMemory()
    reassembler = Reassembler(LinkStats(), memory=memory)
    for number in range(3):
        add(reassembler, cut(message(number, 3000), 1200)[number], NOW + number)
    assert reassembler.deadline == NOW + PERIOD_S
    reassembler.handle_timer(NOW + PERIOD_S + 0.5)
    assert reassembler._stats.messages_incomplete == 1
    reassembler.handle_timer(NOW + PERIOD_S + 2)
    assert reassembler._stats.messages_incomplete == 3
    assert reassembler.deadline is None
    assert (reassembler.waiting_bytes, memory.bytes, memory.holders) == (0, 0, 0)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (4, bytes(9)),
        (4, b""),
        (5, b""),
        (5, b"\x02\0\0\0\1"),
        (5, b"\x00\0\0\0\1x"),
        (5, b"\x01\0\0\0\1x"),
        (5, b"\x80\0\0\0\1x"),
        (5, b"\xff\0\0\0\1x"),
    ],
)
def test_impossible_fragments_are_counted(kind: int, data: bytes) -> None:
    reassembler = Reassembler(LinkStats())
    add_data = reassembler.add_first if kind == 4 else reassembler.add_follow_on
    assert add_data(data, NOW) is None
    assert reassembler._stats.blocks_malformed == 1
    assert reassembler.waiting_bytes == 0


def test_contradictions_never_complete_a_message() -> None:
    reassembler = Reassembler(LinkStats())
    reassembler.add_follow_on(b"\x09\0\0\0\1x", NOW)  # 4, the last
    reassembler.add_follow_on(b"\x07\0\0\0\1x", NOW)  # 3, also the last
    reassembler.add_follow_on(b"\x0a\0\0\0\1x", NOW)  # 5, behind the last
    assert reassembler._stats.blocks_malformed == 2
    reassembler = Reassembler(LinkStats())
    reassembler.add_follow_on(b"\x0a\0\0\0\1x", NOW)  # 5
    reassembler.add_follow_on(b"\x09\0\0\0\1x", NOW)  # 4, the last
    stats = reassembler._stats
    assert (stats.blocks_malformed, stats.messages_incomplete) == (1, 1)
    assert reassembler.waiting_bytes == 0


def test_a_message_that_grows_too_large_is_dropped() -> None:
    reassembler = Reassembler(LinkStats())
    for number in range(1, 60):
        info = bytes((number << 1,))
        reassembler.add_follow_on(info + b"\0\0\0\1" + bytes(1400), NOW)
    assert reassembler._stats.messages_incomplete >= 1
    assert reassembler.waiting_bytes < MESSAGE_BYTES_MAX + 60 * FRAGMENT_COST + PARTIAL_COST


def test_memory_is_bounded_by_session_and_in_all() -> None:
    memory = ReassemblyMemory(300_000)
    sessions = [Reassembler(LinkStats(), 100_000, 50, memory) for _ in range(6)]
    for number in range(2000):
        for session in sessions:
            session.add_follow_on(b"\x02" + number.to_bytes(4, "big") + bytes(1), NOW)
            session.add_follow_on(b"\x04" + number.to_bytes(4, "big") + bytes(1300), NOW)
            assert session.waiting_bytes <= 100_000
    assert all(len(session._partials) <= 50 for session in sessions)
    assert sum(session.waiting_bytes for session in sessions) <= 300_000 + 6 * 16 * 1024
    assert sessions[0]._stats.messages_incomplete > 1900
    for session in sessions:
        session.clear()
    assert (memory.bytes, memory.holders) == (0, 0)
