"""One connection against another: how handshakes end well and badly, and what blocks do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.crypto.x25519 import X25519Key
from core.transport.misconduct import FALSE_ROUTER_INFO
from core.transport.ntcp2 import blocks, connection, negotiation
from core.transport.ntcp2.blocks import BlockType, Termination
from core.transport.ntcp2.connection import Connection
from core.transport.ntcp2.context import Context
from core.transport.ntcp2.states import State
from core.transport.ports import Blame, Ended, Established, RouterInfoBlock, Skew, Violation
from core.transport.reasons import TerminationReason
from core.transport.stats import LinkStats
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.link_nodes import Node, message

NOW = 1000.0


def context(node: Node) -> Context:
    return Context(
        node.local, node.network_id, node.wall, node.entropy, node.known.get, LinkStats()
    )


class Pair:
    """Alice and Bob, with clocks of their own."""

    def __init__(self, alice: dict[str, Any] | None = None, **bob: Any) -> None:
        self.alice_wall, self.bob_wall = FakeWallClock(), FakeWallClock()
        self.alice_node = Node("alice", "127.0.0.2", self.alice_wall, **(alice or {}))
        self.bob_node = Node("bob", "127.0.0.3", self.bob_wall, **bob)
        self.alice_context, self.bob_context = context(self.alice_node), context(self.bob_node)
        self.alice = Connection.initiate(
            self.alice_context,
            self.bob_node.hash,
            self.bob_node.static_key.public,
            self.bob_node.iv,
            NOW,
        )
        self.bob = Connection.accept(self.bob_context, NOW)

    def exchange(self, now: float = NOW) -> None:
        """Carry bytes until both are silent."""
        while self.alice.output or self.bob.output:
            for source, target in ((self.alice, self.bob), (self.bob, self.alice)):
                data, source.output = b"".join(source.output), []
                if data:
                    target.receive_data(data, now)

    def established(self) -> Pair:
        self.exchange()
        assert self.alice.is_established and self.bob.is_established
        self.alice.notices.clear()
        self.bob.notices.clear()
        return self


def ended(machine: Connection) -> Ended:
    (end,) = [notice for notice in machine.notices if isinstance(notice, Ended)]
    assert machine.state is State.CLOSED
    return end


def test_a_handshake_tells_bob_who_alice_is_and_both_the_skew() -> None:
    pair = Pair()
    pair.bob_wall.advance(7)
    pair.exchange()
    assert pair.alice.notices == [Skew(7.0), Established(None, False)]
    assert pair.bob.notices == [Skew(-7.0), Established(pair.alice_node.router_info, False)]
    frame = pair.alice.seal_messages([message(1), message(2)], NOW)
    assert pair.bob.receive_data(frame, NOW) == [message(1), message(2)]


def test_bytes_may_come_one_by_one_and_data_right_after_message_3() -> None:
    pair = Pair()
    for _ in range(3):
        for source, target in ((pair.alice, pair.bob), (pair.bob, pair.alice)):
            data, source.output = b"".join(source.output), []
            if source is pair.alice and source.is_established:
                data += source.seal_messages([message(5)], NOW)
            got: list[bytes] = []
            for index in range(len(data)):
                got += target.receive_data(data[index : index + 1], NOW)
            if source is pair.alice and source.is_established:
                assert got == [message(5)]
                return
    raise AssertionError("no session")


def test_half_the_round_trip_is_not_skew() -> None:
    pair = Pair()
    request = b"".join(pair.alice.output)
    pair.alice_wall.advance(4)
    pair.bob_wall.advance(2)
    pair.bob.receive_data(request, NOW + 2)
    pair.alice.receive_data(b"".join(pair.bob.output), NOW + 4)
    assert pair.alice.notices[0] == Skew(0.0)


@pytest.mark.parametrize("seconds", [-61, 61, 4000])
def test_a_skewed_alice_is_told_the_time_and_hangs_up(seconds: float) -> None:
    pair = Pair()
    pair.bob_wall.advance(seconds)
    pair.exchange()
    assert pair.alice.notices[0] == Skew(seconds)
    assert ended(pair.alice) == Ended(
        "clock_skew", TerminationReason.CLOCK_SKEW, Blame.CLOCK_SKEW, is_abort=True
    )
    assert pair.bob.is_in_handshake


def test_bob_terminates_when_a_skewed_alice_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair()
    pair.bob_wall.advance(100)
    pair.bob.receive_data(b"".join(pair.alice.output), NOW)
    pair.alice.output.clear()
    monkeypatch.setattr(negotiation, "CLOCK_SKEW_MAX_S", 1000)
    pair.alice.receive_data(b"".join(pair.bob.output), NOW)
    pair.bob.output.clear()
    monkeypatch.undo()
    pair.exchange()
    assert ended(pair.bob).code == TerminationReason.CLOCK_SKEW
    assert ended(pair.alice) == Ended(
        "clock_skew", TerminationReason.CLOCK_SKEW, Blame.NOBODY, False, is_remote=True
    )


def test_message_1_cannot_be_replayed() -> None:
    pair = Pair()
    request = b"".join(pair.alice.output)
    pair.established()
    second = Connection.accept(pair.bob_context, NOW + 100)
    second.receive_data(request, NOW + 100)
    assert second.state in (State.DRAINING, State.CLOSED) and not second.output
    assert pair.bob_context.stats.replays == 1


def drained(machine: Connection) -> Ended:
    machine.handle_timer(NOW + 11)
    return ended(machine)


def test_probes_get_no_answer_and_cannot_time_the_end() -> None:
    lengths, times = set(), set()
    for seed in range(12):
        pair = Pair()
        machine = Connection.accept(pair.bob_context, NOW)
        machine.receive_data(SeededEntropy(seed).random_bytes(64), NOW)
        if machine.state is State.DRAINING:
            lengths.add(machine._drain_bytes)
            times.add(machine._deadline)
            machine.handle_timer(NOW + 0.5)
            assert machine.state is State.DRAINING
            pair.bob_node.entropy.random_bytes(seed)
        end = drained(machine) if machine.state is State.DRAINING else ended(machine)
        assert (end.blame, end.is_abort, machine.output) == (Blame.PROBE, True, [])
    machine = Connection.accept(pair.bob_context, NOW)
    machine.receive_data(bytes(64), NOW)
    while machine.state is State.DRAINING:
        machine.receive_data(bytes(100), NOW)
    assert ended(machine).blame is Blame.PROBE


def test_a_router_of_another_network_is_named() -> None:
    pair = Pair(alice={"network_id": 2})
    pair.exchange()
    end = drained(pair.bob)
    assert (end.blame, end.reason) == (Blame.FOREIGN_NETWORK, "network id 2")


def old_router_info(node: Node) -> None:
    node.publish(age_s=91 * 60)


def future_router_info(node: Node) -> None:
    node.publish(age_s=-121)


def broken_signature(node: Node) -> None:
    raw = node.router_info.raw
    node.router_info = type(node.router_info).parse(raw[:-1] + bytes((raw[-1] ^ 1,)))


def rekeyed(node: Node) -> None:
    node.published_key = X25519Key.generate(SeededEntropy("other")).public
    node.publish()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (old_router_info, TerminationReason.MESSAGE_3_ERROR),
        (future_router_info, TerminationReason.MESSAGE_3_ERROR),
        (broken_signature, TerminationReason.BAD_SIGNATURE),
        (rekeyed, TerminationReason.STATIC_KEY_MISMATCH),
    ],
)
def test_bob_checks_the_router_info_and_says_what_is_wrong(
    change: Callable[[Node], None], code: int
) -> None:
    pair = Pair()
    change(pair.alice_node)
    pair.alice = Connection.initiate(
        pair.alice_context,
        pair.bob_node.hash,
        pair.bob_node.static_key.public,
        pair.bob_node.iv,
        NOW,
    )
    pair.exchange()
    assert (ended(pair.bob).code, ended(pair.bob).blame) == (code, Blame.PEER)
    assert ended(pair.alice).code == code and ended(pair.alice).is_remote


def test_bob_refuses_a_signed_router_info_of_another_network() -> None:
    pair = Pair(alice={"published_network_id": 9})
    pair.exchange()
    assert ended(pair.bob).blame is Blame.FOREIGN_NETWORK


def test_an_old_router_info_with_an_old_key_is_not_enough() -> None:
    pair = Pair()
    old = pair.alice_node.router_info
    pair.alice_wall.advance(30)
    rekeyed(pair.alice_node)
    pair.bob_node.known[pair.alice_node.hash] = pair.alice_node.router_info
    pair.alice_wall.advance(-30)
    pair.alice_node.router_info = old
    pair.exchange()
    assert ended(pair.bob).code == TerminationReason.STATIC_KEY_MISMATCH


def test_wrong_key_of_bob_is_bobs_fault() -> None:
    pair = Pair()
    wrong = Connection.initiate(
        pair.alice_context, pair.bob_node.hash, pair.alice_node.static_key.public, bytes(16), NOW
    )
    wrong.receive_data(bytes(range(64)), NOW)
    assert (ended(wrong).blame, ended(wrong).is_abort) == (Blame.PEER, True)


def test_data_after_message_1_or_2_is_refused() -> None:
    pair = Pair()
    pair.bob.receive_data(b"".join(pair.alice.output) + bytes(1000), NOW)
    assert pair.bob.state is State.DRAINING and not pair.bob.output


def test_a_handshake_times_out_after_ten_seconds() -> None:
    pair = Pair()
    for machine in (pair.alice, pair.bob):
        machine.handle_timer(NOW + 9.9)
        assert machine.is_in_handshake
        machine.handle_timer(NOW + 10)
        assert ended(machine).reason == "timeout"


# The data phase


def raw_frame(machine: Connection, *parts: bytes) -> bytes:
    assert machine._sealer is not None
    return machine._sealer.seal(b"".join(parts))


def test_many_messages_share_a_frame_of_16_kb() -> None:
    pair = Pair().established()
    messages = [message(n, 1028) for n in range(50)]
    frames = 0
    assert pair.alice._sealer is not None
    data = pair.alice.seal_messages(messages, NOW)
    frames = pair.alice._sealer.frames
    assert frames == 4
    assert pair.bob.receive_data(data, NOW) == messages
    largest = message(1, 65516 - 9)
    assert pair.bob.receive_data(pair.alice.seal_messages([largest], NOW), NOW) == [largest]


@pytest.mark.parametrize(
    "sizes", [[9], [1037], [1037] * 40, [9000] * 12, [40_000] * 9, [9, 10] * 9]
)
def test_batches_of_one_size_and_of_many_arrive_in_order(sizes: list[int]) -> None:
    pair = Pair().established()
    messages = [message(n, size) for n, size in enumerate(sizes)]
    assert pair.bob.receive_data(pair.alice.seal_messages(messages, NOW), NOW) == messages
    assert pair.bob.notices == []


def test_padding_follows_the_peers_wish() -> None:
    pair = Pair().established()
    sizes = {len(pair.alice.seal_messages([message(1)], NOW)) for _ in range(60)}
    assert len(sizes) > 5 and max(sizes) - min(sizes) <= 64
    no_padding = blocks.write_block(BlockType.OPTIONS, blocks.Options(0, 1, 0, 0).write())
    pair.alice.receive_data(raw_frame(pair.bob, no_padding), NOW)
    sizes = {len(pair.alice.seal_messages([message(1)], NOW)) for _ in range(20)}
    assert sizes == {2 + 3 + len(message(1)) + 16}


def test_a_forged_frame_ends_with_a_termination_after_a_random_read() -> None:
    pair = Pair().established()
    good = pair.alice.seal_messages([message(1)], NOW)
    forged = bytearray(pair.alice.seal_messages([message(2)], NOW))
    forged[-1] ^= 1
    assert pair.bob.receive_data(good + bytes(forged), NOW) == [message(1)]
    assert pair.bob.state is State.DRAINING and not pair.bob.output
    end = drained(pair.bob)
    assert (end.code, end.blame) == (TerminationReason.AEAD_FAILURE, Blame.PEER)
    pair.exchange()
    assert ended(pair.alice).code == TerminationReason.AEAD_FAILURE


@pytest.mark.parametrize("reason", list(TerminationReason))
def test_every_termination_reason_travels(reason: TerminationReason) -> None:
    pair = Pair().established()
    pair.alice.close(reason, NOW)
    pair.exchange()
    assert ended(pair.bob) == Ended(
        reason.name.lower(), reason, Blame.NOBODY, False, is_remote=True
    )
    pair.alice.close(reason, NOW)
    assert ended(pair.alice).code == reason


def test_termination_counts_the_valid_frames() -> None:
    pair = Pair().established()
    pair.bob.receive_data(pair.alice.seal_messages([message(1)], NOW), NOW)
    pair.bob.receive_data(pair.alice.seal_messages([message(1)], NOW), NOW)
    pair.bob.close(TerminationReason.NORMAL, NOW)
    payloads: list[bytes] = []
    assert pair.alice._opener is not None
    pair.alice._opener.open(pair.bob.output[-1], payloads)
    assert Termination.parse(payloads[0][3:12]).frames_received == 2


def test_messages_before_a_termination_are_delivered() -> None:
    pair = Pair().established()
    data = raw_frame(
        pair.alice,
        blocks.write_block(3, message(1)),
        blocks.write_block(4, Termination(0, 3).write()),
    )
    assert pair.bob.receive_data(data, NOW) == [message(1)]
    assert ended(pair.bob).reason == "router_shutdown"
    assert pair.bob.receive_data(b"more", NOW) == []


def test_a_clock_that_jumps_ends_the_session() -> None:
    pair = Pair().established()
    block = blocks.write_date_time(pair.bob_wall.now() + 59)
    pair.bob.receive_data(raw_frame(pair.alice, block), NOW)
    assert pair.bob.notices == [Skew(59.0)]
    block = blocks.write_date_time(pair.bob_wall.now() + 70)
    pair.bob.receive_data(raw_frame(pair.alice, block), NOW)
    assert ended(pair.bob).code == TerminationReason.CLOCK_SKEW


def test_router_infos_are_resent_and_only_news_is_told() -> None:
    pair = Pair().established()
    pair.alice.handle_timer(NOW + 60)
    assert not pair.alice.output
    # The one Bob has already is not worth a notice.
    now = NOW + 36 * 60
    pair.alice.last_sent = pair.bob.last_sent = now
    pair.alice.handle_timer(now)
    pair.exchange(now)
    assert [type(notice) for notice in pair.bob.notices] == [Skew]
    pair.bob.notices.clear()
    pair.alice_wall.advance(5)
    newer = pair.alice_node.publish()
    pair.alice.send_router_info(now, flood=True)
    pair.exchange(now)
    assert pair.bob.notices == [Skew(5.0), RouterInfoBlock(newer, True)]
    assert pair.bob.remote_router_info == newer


def test_bad_router_infos_in_blocks_are_counted_and_bounded() -> None:
    pair = Pair().established()
    third = Node("carol", "127.0.0.4", FakeWallClock(), network_id=9).router_info.raw
    for raw in (b"", b"junk", third):
        pair.bob.receive_data(raw_frame(pair.alice, blocks.write_block(2, b"\0" + raw)), NOW)
    assert pair.bob_context.stats.router_infos_refused == 3
    assert pair.bob.notices == [Violation(FALSE_ROUTER_INFO)]  # the third one is of another network
    pair.bob.notices.clear()
    for number in range(100):
        node = Node(f"n{number % 2}", "127.0.0.5", FakeWallClock())
        pair.bob.receive_data(
            raw_frame(pair.alice, blocks.write_router_info(node.router_info.raw)), NOW
        )
    assert len(pair.bob.notices) == connection.ROUTER_INFO_BLOCKS_MAX - 3


def test_idle_links_close_after_two_minutes_and_stuck_frames_earlier() -> None:
    pair = Pair().established()
    pair.alice.handle_timer(NOW + 119)
    assert pair.alice.is_established
    pair.alice.handle_timer(NOW + 151)
    assert ended(pair.alice).code == TerminationReason.IDLE_TIMEOUT
    pair = Pair().established()
    pair.bob.receive_data(pair.alice.seal_messages([message(1)], NOW)[:-1], NOW)
    pair.bob.handle_timer(NOW + 31)
    assert ended(pair.bob).code == TerminationReason.INTRA_FRAME_TIMEOUT


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=6), st.booleans(), st.booleans())
def test_junk_never_raises(chunks: list[bytes], is_bob: bool, is_late: bool) -> None:
    pair = Pair().established() if is_late else Pair()
    machine = pair.bob if is_bob else pair.alice
    for chunk in chunks:
        assert machine.receive_data(chunk, NOW) == []
    machine.handle_timer(NOW + 500)
    assert machine.state in (State.CLOSED, State.DRAINING)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=60)), max_size=6))
def test_authentic_junk_blocks_never_raise(items: list[tuple[int, bytes]]) -> None:
    pair = Pair().established()
    parts = [blocks.write_block(block_type, data) for block_type, data in items]
    pair.bob.receive_data(raw_frame(pair.alice, *parts), NOW)
    assert pair.bob.state in (State.ESTABLISHED, State.CLOSED)
