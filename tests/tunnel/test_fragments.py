"""Packing, delivery instructions and reassembly: a slow twin, losses, disorder, junk."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, LocalError
from core.base.reassembly import ReassemblyMemory
from core.i2np.message import make_standard
from core.tunnel.delivery import (
    Delivery,
    DeliveryKind,
    DeliveryTuple,
    Fragment,
    check_standard,
    expiration_s,
    parse_fragment,
    parse_fragments,
    write_target,
)
from core.tunnel.endpoint import Endpoint
from core.tunnel.fragments import (
    FRAGMENT_COST,
    PARTIAL_COST,
    Reassembler,
    pack,
)
from core.tunnel.gateway import Gateway, Preprocessor
from tests.support.deterministic import SeededEntropy

HASH = bytes(range(32))


def delivery(size: int, kind: int = 0, message_id: int = 1) -> Delivery:
    body = bytes((i * 7 + message_id) & 0xFF for i in range(size))
    message = make_standard(20, message_id, 1_700_000_000_000, body)
    target = None if kind == 0 else HASH
    return Delivery(kind, target, 99 if kind == 1 else None, message)


def slow_parse(payload: bytes) -> list[tuple[str, int, bytes]]:
    """The specification's table, one field after the other."""
    result = []
    at = 0
    while at < len(payload):
        flag = payload[at]
        if flag & 0x80:
            number, last = (flag >> 1) & 63, flag & 1
            message_id = int.from_bytes(payload[at + 1 : at + 5], "big")
            size = int.from_bytes(payload[at + 5 : at + 7], "big")
            at += 7
            name = f"follow {number} {last}"
        else:
            kind = (flag >> 5) & 3
            at += 1 + {0: 0, 1: 36, 2: 32}[kind]
            message_id = -1
            if flag & 8:
                message_id = int.from_bytes(payload[at : at + 4], "big")
                at += 4
            size = int.from_bytes(payload[at : at + 2], "big")
            at += 2
            name = f"first {kind}"
        result.append((name, message_id, payload[at : at + size]))
        at += size
    assert at == len(payload)
    return result


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 5000) | st.sampled_from([976, 980, 984, 62692]), st.integers(0, 2)
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 2**32),
)
def test_what_is_packed_comes_out_in_any_order(shapes: list[tuple[int, int]], seed: int) -> None:
    deliveries = [delivery(size, kind, i + 1) for i, (size, kind) in enumerate(shapes)]
    payloads = pack(deliveries)
    assert all(0 < len(payload) <= 1003 for payload in payloads)
    for payload in payloads:
        parsed = parse_fragments(payload, 0)
        assert [f.data for f in parsed] == [data for _, _, data in slow_parse(payload)]
    assert reassemble(payloads) == deliveries
    random.Random(seed).shuffle(payloads)
    key = lambda d: d[3][1:5]  # noqa: E731
    assert sorted(reassemble(payloads), key=key) == sorted(deliveries, key=key)


def reassemble(payloads: list[bytes]) -> list[DeliveryTuple]:
    machine = Reassembler(bytes_max=1 << 30)
    out = [machine.add(f, 0.0) for payload in payloads for f in parse_fragments(payload, 0)]
    assert machine.waiting_bytes == 0
    return [d for d in out if d is not None]


def test_small_messages_share_a_tunnel_message() -> None:
    assert len(pack([delivery(100, 0, i + 1) for i in range(8)])) == 1


def test_two_tunnel_messages_carry_a_streaming_packet_each() -> None:
    # 1912 bytes: what the ratchet aims at.
    messages = [delivery(1912 - 16, 0, i + 1) for i in range(10)]
    assert len(pack(messages)) == 20


def test_a_split_is_made_only_if_it_saves_a_message() -> None:
    payloads = pack([delivery(800, 0, 1), delivery(900, 0, 2)])
    assert [len(slow_parse(p)) for p in payloads] == [1, 1]
    payloads = pack([delivery(100, 0, 1), delivery(1100, 0, 2), delivery(100, 0, 3)])
    assert len(payloads) == 2


def test_sizes_at_the_edges_of_one_message() -> None:
    for kind, instructions in ((0, 3), (2, 35), (1, 39)):
        exact = 1003 - instructions - 16
        assert len(pack([delivery(exact, kind)])) == 1
        assert len(pack([delivery(exact + 1, kind)])) == 2


def test_the_largest_message_needs_63_fragments_and_larger_ones_are_refused() -> None:
    largest = Delivery(1, HASH, 5, make_standard(20, 1, 0, bytes(62708 - 16)))
    payloads = pack([delivery(500), largest])
    assert reassemble(payloads)[-1] == largest
    with pytest.raises(LocalError):
        pack([Delivery(0, None, None, largest.message + b"x")])
    with pytest.raises(LocalError):
        pack([Delivery(0, None, None, bytes(15))])


def test_a_message_with_id_zero_can_be_fragmented() -> None:
    message = make_standard(20, 0, 0, bytes(2000))
    payloads = pack([Delivery(0, None, None, message)])
    assert all(slow_parse(p)[0][1] == 1 for p in payloads)
    assert reassemble(payloads)[0][3] == message


@pytest.mark.parametrize(
    ("kind", "router_hash", "tunnel_id"),
    [
        (1, HASH, 0),
        (1, HASH, None),
        (1, None, 5),
        (2, None, None),
        (2, bytes(31), None),
        (3, HASH, 1),
    ],
)
def test_impossible_targets_are_our_own_fault(
    kind: int, router_hash: bytes | None, tunnel_id: int | None
) -> None:
    with pytest.raises(LocalError):
        write_target(kind, router_hash, tunnel_id)


@pytest.mark.parametrize(
    "payload",
    [
        b"\x00",
        b"\x00\x00",
        b"\x00\x00\x00",
        b"\x00\x00\x05abcd",
        b"\x20" + bytes(20),
        b"\x40" + bytes(33),
        b"\x60" + bytes(100),
        b"\x81\x00\x00\x00\x01\x00\x01x",
        b"\x83\x00\x00\x00\x01\x00",
        b"\x08\x00\x00\x00\x01\x00\x00",
    ],
)
def test_malformed_instructions(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        parse_fragments(payload, 0)


def test_reserved_fields_are_skipped() -> None:
    # bit 4: a delay byte; bit 2: extended options. Nobody sends them, the format has them.
    assert parse_fragments(b"\x10\x09\x00\x01x", 0)[0].data == b"x"
    assert parse_fragments(b"\x04\x02ab\x00\x01x", 0)[0].data == b"x"


def fragment(number: int, last: bool, data: bytes, message_id: int = 7) -> Fragment:
    return Fragment(number, last, message_id, 0, None, None, data)


def test_duplicate_fragments_do_not_count_twice() -> None:
    machine = Reassembler()
    assert machine.add(fragment(1, True, b"b"), 0) is None
    assert machine.add(fragment(1, True, b"b"), 0) is None
    whole = machine.add(fragment(0, False, b"a"), 0)
    assert whole is not None
    assert whole[3] == b"ab"
    assert machine.waiting_bytes == 0


def test_incomplete_messages_are_given_up_in_time() -> None:
    machine = Reassembler(period_s=10)
    machine.add(fragment(0, False, bytes(900)), 100.0)
    machine.expire(109.9)
    assert machine.waiting_bytes == 900 + PARTIAL_COST + FRAGMENT_COST
    machine.expire(110.0)
    assert machine.waiting_bytes == 0
    assert machine.dropped == 1


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    machine = Reassembler(bytes_max=10_000, partials_max=20)
    for i in range(100):
        machine.add(fragment(0, False, bytes(900), i + 1), 0)
        assert machine.waiting_bytes <= 10_000
    for i in range(100):
        machine.add(fragment(0, False, b"x", 1000 + i), 0)
    assert machine.waiting_bytes <= 10_000
    assert machine.add(fragment(1, True, b"y", 1099), 0) is not None
    assert machine.add(fragment(1, True, b"y", 1), 0) is None


def held(make: Callable[[], list[Reassembler]]) -> tuple[int, int]:
    """Bytes that are counted, and bytes of memory."""
    tracemalloc.start()
    try:
        machines = make()
        return sum(one.waiting_bytes for one in machines), tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["first", "ahead", "in order"])
def test_what_is_counted_is_what_memory_holds(kind: str) -> None:
    def feed() -> list[Reassembler]:
        machine = Reassembler(bytes_max=128 * 1024, partials_max=10_000)
        for number in range(5000):
            message_id = 100_000 + (number if kind == "first" else number // 60)
            data = number.to_bytes(2, "big")
            if kind == "first" or (kind == "in order" and number % 60 == 0):
                machine.add_first(message_id, (1, HASH[:31] + data[1:], number), data, 0.0)
            else:
                machine.add_next(message_id, number % 60 + (kind == "ahead"), False, data, 0.0)
        return [machine]

    counted, memory = held(feed)
    assert counted <= 128 * 1024
    assert memory <= 1.1 * counted


def test_many_tunnels_share_their_memory_and_who_holds_little_is_left_alone() -> None:
    memory = ReassemblyMemory(500_000)
    quiet = [Reassembler(memory=memory) for _ in range(5)]
    for machine in quiet:
        machine.add_first(1, (0, None, None), bytes(900), 0.0)

    def flood() -> list[Reassembler]:
        greedy = [Reassembler(memory=memory) for _ in range(20)]
        for number in range(600):
            for machine in greedy:
                machine.add_first(number, (0, None, None), b"xy", 0.0)
        return greedy

    tracemalloc.start()
    greedy = flood()
    traced = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert traced < 1_000_000
    assert all(machine.waiting_bytes < 100_000 for machine in greedy)
    for machine in quiet:
        assert machine.add_next(1, 1, True, b"end", 1.0) is not None
        assert machine.dropped == 0
    for machine in (*greedy, *quiet):
        machine.close()
    assert (memory.bytes, memory.holders) == (0, 0)


def test_a_number_past_the_last_one_is_ignored() -> None:
    machine = Reassembler()
    machine.add(fragment(5, False, b"?"), 0)
    machine.add(fragment(1, True, b"b"), 0)
    whole = machine.add(fragment(0, False, b"a"), 0)
    assert whole is not None
    assert whole[3] == b"ab"
    assert machine.waiting_bytes == 0


def test_a_message_beyond_the_limit_is_dropped() -> None:
    machine = Reassembler()
    for i in range(64):
        machine.add(fragment(i, False, bytes(996)), 0)
    assert machine.waiting_bytes <= 996 + PARTIAL_COST + FRAGMENT_COST
    assert machine.dropped == 1


def test_header_checks() -> None:
    message = make_standard(20, 1, 1_700_000_000_001, b"abc")
    check_standard(message)
    assert expiration_s(message) == 1_700_000_001
    for broken in (message[:-1], message[:15], b""):
        with pytest.raises(DecodeError):
            check_standard(broken)


def test_gateway_to_endpoint() -> None:
    entropy = SeededEntropy("gateway")
    gateway, endpoint = Gateway(entropy), Endpoint()
    assert gateway.take() == []
    for i in range(5):
        gateway.put(delivery(10 ** (i % 4), i % 3, i + 1))
    plain = gateway.take()
    assert all(len(message) == 1024 for message in plain)
    layers = [(message[:16], message[16:]) for message in plain]
    got = endpoint.receive(layers, 0.0)
    assert [d[3] for d in got] == [delivery(10 ** (i % 4), i % 3, i + 1).message for i in range(5)]
    assert gateway.take() == []


def test_padding_is_never_zero_and_never_twice_the_same_at_the_start() -> None:
    preprocessor = Preprocessor(SeededEntropy(3))
    seen = set()
    for _ in range(50):
        message = preprocessor.wrap([b"\x00\x00\x01x"])[0]
        padding = message[20 : 20 + 999]
        assert 0 not in padding
        assert message[20 + 999] == 0
        seen.add(padding[:16])
    assert len(seen) == 50


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 1023), st.integers(1, 255))
def test_an_endpoint_survives_every_mutation(seed: int, at: int, change: int) -> None:
    entropy = SeededEntropy(seed)
    plain = Preprocessor(entropy).wrap(pack([delivery(300), delivery(600, 1, 2)]))[0]
    changed = bytearray(plain)
    changed[at] ^= change
    endpoint = Endpoint()
    endpoint.receive([(bytes(changed[:16]), bytes(changed[16:]))], 0.0)
    assert endpoint.malformed <= 1


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=0, max_size=300))
def test_junk_instructions_raise_decode_errors_only(data: bytes) -> None:
    machine = Reassembler(bytes_max=4096)
    try:
        for item in parse_fragments(data, 0):
            machine.add(item, 0.0)
    except DecodeError:
        pass
    machine.expire(1e9)
    assert machine.waiting_bytes == 0


def slow_receive(payloads: list[bytes]) -> tuple[list[DeliveryTuple], int, int]:
    """What an endpoint makes of ``payloads``, fragment by fragment; how many were malformed."""
    machine = Reassembler(bytes_max=8000, partials_max=3)
    complete: list[DeliveryTuple] = []
    malformed = 0
    for payload in payloads:
        at = 0
        try:
            while at < len(payload):
                fragment, at = parse_fragment(payload, at)
                delivery = machine.add(fragment, 0.0)
                if delivery is not None:
                    check_standard(delivery[3])
                    complete.append(delivery)
        except DecodeError:
            malformed += 1
    return complete, malformed, machine.dropped


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2500), st.integers(0, 2)), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 1002), st.integers(0, 255)), max_size=6),
    st.integers(0, 2**32),
    st.booleans(),
)
def test_an_endpoint_does_what_its_slow_twin_does(
    shapes: list[tuple[int, int]],
    changes: list[tuple[int, int, int]],
    seed: int,
    is_shuffled: bool,
) -> None:
    payloads = pack([delivery(size, kind, i + 1) for i, (size, kind) in enumerate(shapes)])
    if is_shuffled:
        random.Random(seed).shuffle(payloads)
    for which, at, value in changes:
        changed = bytearray(payloads[which % len(payloads)])
        # Half of the changes hit a header, where they do most.
        changed[at % len(changed) if at & 1 else at // 2 % min(45, len(changed))] = value
        payloads[which % len(payloads)] = bytes(changed)
    endpoint = Endpoint(Reassembler(bytes_max=8000, partials_max=3))
    plain = Preprocessor(SeededEntropy(seed)).wrap(payloads)
    got = endpoint.receive([(message[:16], message[16:]) for message in plain], 0.0)
    expected, malformed, dropped = slow_receive(payloads)
    assert got == expected
    assert (endpoint.malformed, endpoint.reassembler.dropped) == (malformed, dropped)


def test_junk_with_a_right_checksum_is_counted() -> None:
    endpoint = Endpoint()
    preprocessor = Preprocessor(SeededEntropy(1))
    for junk in (b"\xff" * 900, b"\x60" * 900, b"\x00" * 900, b"\x00\x00\x05hello"):
        message = preprocessor.wrap([junk])[0]
        assert endpoint.receive([(message[:16], message[16:])], 0.0) == []
    assert endpoint.malformed == 4
    assert endpoint.receive([(bytes(16), b"\x01" * 1008)], 0.0) == []
    assert endpoint.malformed == 5
    assert DeliveryKind.LOCAL == 0
