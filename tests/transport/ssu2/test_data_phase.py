"""Two data phases over paths that lose, copy, reorder and delay, in virtual time."""

from __future__ import annotations

import pytest

from core.base.congestion import CongestionController
from core.crypto.aead import ChaChaPoly
from core.crypto.chacha20 import ChaChaMask
from core.transport.ports import Confirmed, Ended, Skew, Violation
from core.transport.ssu2 import congestion
from core.transport.ssu2.acks import DELAY_MAX_S
from core.transport.ssu2.blocks import Termination
from core.transport.ssu2.connection import IDLE_TIMEOUT_S, RARE_BLOCKS_MAX, Connection
from core.transport.ssu2.framing import BlockType, SocketAddress, write_block, write_padding
from core.transport.ssu2.notices import Moved, ReceivedBlock, SeenAs
from core.transport.ssu2.path_mtu import MTU_MIN
from core.transport.ssu2.recovery import SILENCE_MAX_S
from tests.support.ssu2_path import ALICE, BOB, Pair, message, session_keys
from tests.support.world.models import LinkModel

NEW_PORT = SocketAddress(ALICE.host, 4999)
NEW_HOST = SocketAddress("192.0.2.77", 4001)


def payloads(pair: Pair, sent: list[bytes]) -> list[bytes]:
    """What bob reads in alice's datagrams."""
    keys = session_keys()[1]
    mask, cipher = ChaChaMask(keys.receive_header_key_2), ChaChaPoly(keys.receive_key)
    destination = keys.receive_connection_id.to_bytes(8, "big")
    found = []
    for datagram in sent:
        second = mask.xor(datagram[-12:], datagram[8:16])
        number = int.from_bytes(second[:4], "big")
        found.append(cipher.open(number, datagram[16:], destination + second))
    return found


# Transfers


@pytest.mark.parametrize(
    ("model", "least"),
    [
        (LinkModel(), 4_000_000),
        (LinkModel(delay_s=0.1, loss=0.05, reorder=0.02, duplicate=0.02), 250_000),
        (LinkModel(delay_s=0.2, loss=0.05), 250_000),
        (LinkModel(delay_s=0.02, loss=0.2), 500_000),
        (LinkModel(delay_s=0.05, jitter_s=0.03), 1_000_000),
        (LinkModel(delay_s=0.05, bytes_s=1.25e6, queue_s=0.1), 900_000),
        (LinkModel(delay_s=0.05, bytes_s=1.25e5, queue_s=0.2), 100_000),
    ],
)
def test_all_arrives_exactly_once_and_fast(model: LinkModel, least: int) -> None:
    pair = Pair(model)
    seconds = pair.transfer(2500)
    assert 2500 * 1037 / seconds >= least
    assert pair.bob.stats.blocks_malformed == pair.alice.stats.blocks_malformed == 0


def test_cubic_gets_everything_through_too() -> None:
    def make(rtt_s: float) -> CongestionController:
        return congestion.cubic(rtt_s)

    pair = Pair(LinkModel(delay_s=0.05, loss=0.01), controller=make)
    assert 500 * 1037 / pair.transfer(500) > 100_000


def test_what_is_lost_is_sent_again_and_little_else() -> None:
    pair = Pair(LinkModel(delay_s=0.05, loss=0.05))
    pair.transfer(2000)
    stats = pair.alice.stats
    assert stats.packets_sent < 2000 * 1.12
    assert 0.02 < stats.packets_lost / stats.packets_sent < 0.08
    assert stats.packets_resent <= stats.packets_lost + 4


def test_reordering_is_learnt_and_no_longer_taken_for_loss() -> None:
    pair = Pair(LinkModel(delay_s=0.05, reorder=0.05))
    pair.transfer(1500)
    late = pair.alice.stats.packets_late
    pair.transfer(3000)
    assert pair.alice.stats.packets_late - late < 0.02 * 3000


def test_large_messages_both_ways_over_a_bad_path() -> None:
    pair = Pair(LinkModel(delay_s=0.1, loss=0.05, reorder=0.05, duplicate=0.05))
    sizes = [62_000, 9, 1438, 3000, 20_000, 62_000, 1029]
    to_bob = [message(n, size) for n, size in enumerate(sizes)]
    to_alice = [message(100 + n, size) for n, size in enumerate(sizes)]
    pair.alice.waiting += to_bob
    pair.bob.waiting += to_alice
    assert pair.run(
        lambda: len(pair.bob.received) == len(pair.alice.received) == len(sizes), seconds=60
    )
    assert sorted(pair.bob.received) == sorted(to_bob)
    assert sorted(pair.alice.received) == sorted(to_alice)
    assert pair.alice.stats.messages_incomplete == 0


def test_a_message_that_nobody_can_take_is_dropped_and_counted() -> None:
    pair = Pair()
    pair.alice.connection.send([bytes(70_000), message(1)], pair.now)
    assert pair.run(lambda: bool(pair.bob.received))
    assert pair.bob.received == [message(1)]
    assert pair.alice.stats.dropped_malformed == 1


def test_the_window_is_bounded_and_so_is_what_is_asked_for() -> None:
    pair = Pair(LinkModel(delay_s=0.5))
    pair.alice.waiting += [message(n) for n in range(5000)]
    seen = []
    pair.on_step = lambda: seen.append(len(pair.alice.connection._sender.recovery.in_flight))
    pair.run(seconds=20)
    assert max(seen) == congestion.WINDOW_MAX
    assert pair.alice.connection._sender.outgoing.bytes < 2 * 1500 * congestion.WINDOW_MAX


def test_small_messages_share_packets() -> None:
    pair = Pair()
    pair.transfer(500, size=60)
    assert pair.alice.stats.packets_sent < 500 * 60 / 900


# Acks and timers


def test_the_responder_acknowledges_the_handshake_first() -> None:
    pair = Pair()
    pair.run(seconds=0.1)
    assert pair.bob.stats.packets_sent == 1
    assert [type(notice) for notice in pair.alice.notices] == [Confirmed]


def test_a_session_that_is_quiet_sends_nothing() -> None:
    pair = Pair()
    pair.transfer(50)
    pair.run(seconds=2)
    sent = pair.alice.stats.packets_sent, pair.bob.stats.packets_sent
    pair.run(seconds=IDLE_TIMEOUT_S - 10)
    assert (pair.alice.stats.packets_sent, pair.bob.stats.packets_sent) == sent
    assert not pair.alice.ends()
    pair.run(seconds=15)
    assert [end.reason for end in pair.alice.ends()] == ["idle_timeout"]


def test_a_single_message_is_acknowledged_within_the_delay() -> None:
    pair = Pair(rtt_s=0.04)
    pair.run(seconds=1)
    before = pair.bob.stats.packets_sent
    pair.alice.waiting.append(message(1))
    assert pair.run(lambda: bool(pair.bob.received))
    began = pair.now
    assert pair.run(lambda: pair.bob.stats.packets_sent > before)
    assert pair.now - began <= DELAY_MAX_S
    pair.run(seconds=1)
    assert pair.alice.stats.packets_resent == 0


def test_the_last_packet_is_asked_for_when_its_ack_does_not_come() -> None:
    pair = Pair()
    pair.transfer(20)
    pair.run(seconds=1)
    pair.ways.cut([BOB.host])
    pair.alice.waiting.append(message(99))
    pair.run(seconds=0.3)
    pair.ways.heal()
    assert pair.run(lambda: message(99) in pair.bob.received, seconds=2)


def test_an_outage_is_borne_and_then_all_goes_on() -> None:
    pair = Pair(LinkModel(delay_s=0.03))
    pair.alice.waiting += [message(n) for n in range(3000)]
    pair.run(seconds=0.5)
    pair.ways.cut([BOB.host])
    pair.run(seconds=6)
    pair.ways.heal()
    assert pair.run(lambda: len(pair.bob.received) == 3000, seconds=10)
    assert sorted(pair.bob.received) == sorted(message(n) for n in range(3000))


def test_a_peer_that_is_gone_ends_the_session_which_says_so() -> None:
    pair = Pair()
    pair.transfer(20)
    began = pair.now
    pair.ways.cut([BOB.host])
    pair.alice.waiting.append(message(99))
    assert pair.run(lambda: bool(pair.alice.ends()), seconds=60)
    end = pair.alice.ends()[0]
    assert (end.reason, end.code, end.is_remote) == ("no_acknowledgement", 14, False)
    assert SILENCE_MAX_S - 0.1 <= pair.now - began < 2 * SILENCE_MAX_S
    pair.run(seconds=20)
    assert pair.alice.connection.is_closed


def test_a_suspended_machine_goes_on() -> None:
    pair = Pair()
    pair.alice.waiting += [message(n) for n in range(100)]
    pair.run(seconds=0.03)
    pair.schedule.tick += 120_000
    pair.wall.advance(120)
    assert pair.run(lambda: len(pair.bob.received) == 100, seconds=10)
    assert not pair.alice.ends()


def test_keep_alive_is_answered_and_notices_a_dead_peer() -> None:
    pair = Pair()
    pair.alice.connection.keep_alive_s = 15
    pair.run(seconds=400)
    assert not pair.alice.ends()
    assert 25 <= pair.alice.stats.packets_sent <= 28
    assert pair.alice.stats.packets_resent == 0
    pair.ways.cut([BOB.host])
    assert pair.run(lambda: bool(pair.alice.ends()), seconds=60)
    assert pair.alice.ends()[0].reason == "no_acknowledgement"


# Path MTU


def test_large_packets_are_used_when_the_path_takes_them() -> None:
    pair = Pair()
    pair.transfer(30, size=5000)
    assert pair.alice.connection._mtu.payload_max == 1440
    assert max(len(data) for data in pair.alice.sent) == 1472


@pytest.mark.parametrize("mtu", [MTU_MIN, 1400])
def test_packets_are_no_larger_than_what_both_publish(mtu: int) -> None:
    pair = Pair(mtu=mtu)
    pair.transfer(30, size=5000)
    assert max(len(data) for data in pair.alice.sent) == mtu - 28


def test_a_path_that_takes_only_small_packets_is_used_with_these() -> None:
    pair = Pair(LinkModel(mtu=1300))
    pair.transfer(200, size=5000)
    assert pair.alice.connection._mtu.payload_max == 1220
    assert 1 <= pair.net.dropped["too large"] <= 3
    assert pair.alice.stats.packets_lost <= 3


def test_a_black_hole_is_noticed_and_whole_messages_are_cut_anew() -> None:
    pair = Pair()
    pair.transfer(50, size=1400)
    done = len(pair.bob.received)
    for direction in ((ALICE.host, BOB.host), (BOB.host, ALICE.host)):
        pair.ways.set_pair(*direction, LinkModel(mtu=1300))
    messages = [message(1000 + n, 1400) for n in range(200)]
    pair.alice.waiting += messages
    assert pair.run(lambda: len(pair.bob.received) == done + 200, seconds=20)
    assert sorted(pair.bob.received[done:]) == sorted(messages)
    assert pair.alice.stats.path_fallbacks == 1
    assert pair.alice.connection._mtu.payload_max == 1220


# Migration


@pytest.mark.parametrize("address", [NEW_PORT, NEW_HOST])
def test_a_peer_that_moved_is_followed_once_it_has_answered(address: SocketAddress) -> None:
    pair = Pair()
    pair.transfer(100)
    pair.bob.waiting += [message(n) for n in range(3000)]
    pair.run(seconds=0.1)
    pair.move(pair.alice, address)
    pair.alice.waiting.append(message(5000))
    assert pair.run(lambda: len(pair.alice.received) == 3000, seconds=20)
    assert sorted(pair.alice.received) == sorted(message(n) for n in range(3000))
    assert [n.address for n in pair.bob.notices if isinstance(n, Moved)] == [address]
    assert pair.bob.connection.remote == address
    assert address in [n.address for n in pair.alice.notices if isinstance(n, SeenAs)]
    assert pair.bob.stats.paths_changed == 1
    assert not pair.bob.ends()


def test_a_packet_passed_on_by_somebody_else_changes_nothing() -> None:
    pair = Pair()
    pair.transfer(100)
    spy = pair.bind(SocketAddress("192.0.2.66", 666))
    pair.alice.connection.send([message(500)], pair.now)
    [(datagram, _)] = pair.alice.connection.take_packets(pair.now, 10_000)
    spy.send(datagram, BOB)
    pair.run(seconds=0.5)
    assert len(spy.received) > 0
    assert sum(len(data) for data, _ in spy.received) <= 4 * 120
    pair.bob.waiting += [message(1000 + n) for n in range(100)]
    assert pair.run(lambda: len(pair.alice.received) == 100, seconds=5)
    assert pair.bob.connection.remote == ALICE
    pair.run(seconds=40)
    assert not pair.bob.ends()
    assert pair.bob.stats.paths_changed == 0


def test_an_address_that_does_not_answer_is_given_up_and_not_asked_for_a_while() -> None:
    pair = Pair()
    pair.transfer(10)
    pair.run(seconds=1)
    spy = pair.bind(SocketAddress("192.0.2.66", 666))
    for number in range(10):
        pair.alice.connection.send([message(500 + number)], pair.now)
        [(datagram, _)] = pair.alice.connection.take_packets(pair.now, 10_000)
        spy.send(datagram, BOB)
        pair.run(lambda: False, seconds=2)
    assert pair.bob.connection.remote == ALICE
    assert len(spy.received) <= 6


@pytest.mark.parametrize(
    "address",
    [SocketAddress("2001:db8::1", 4001), SocketAddress(ALICE.host, 0)],
)
def test_an_impossible_address_is_never_asked(address: SocketAddress) -> None:
    pair = Pair()
    pair.transfer(10)
    pair.run(seconds=1)
    pair.alice.connection.send([message(500)], pair.now)
    [(datagram, _)] = pair.alice.connection.take_packets(pair.now, 10_000)
    pair.bob.connection.receive(datagram, address, pair.now)
    assert all(to == ALICE for _, to in pair.bob.connection.take_packets(pair.now, 10_000))


def test_a_challenge_is_a_ping_that_is_answered_where_it_came_from() -> None:
    pair = Pair()
    pair.transfer(10)
    block = write_block(BlockType.PATH_CHALLENGE, b"12345678")
    pair.alice.connection.send_block(block, pair.now, is_reliable=False)
    pair.run(seconds=0.2)
    assert [n.address for n in pair.alice.notices if isinstance(n, SeenAs)] == [ALICE]
    large = write_block(BlockType.PATH_CHALLENGE, bytes(1000))
    pair.alice.connection.send_block(large, pair.now, is_reliable=False)
    pair.run(seconds=0.2)
    assert len([n for n in pair.alice.notices if isinstance(n, SeenAs)]) == 1


# The end


def test_a_goodbye_ends_both_sides_and_all_falls_silent() -> None:
    pair = Pair()
    pair.transfer(10)
    pair.alice.connection.close(3, pair.now)
    pair.run(seconds=20)
    [ours], [theirs] = pair.alice.ends(), pair.bob.ends()
    assert (ours.reason, ours.is_remote) == ("router_shutdown", False)
    assert (theirs.reason, theirs.code, theirs.is_remote) == ("router_shutdown", 3, True)
    assert pair.alice.connection.is_closed
    assert pair.bob.connection.is_closed
    pair.alice.connection.close(3, pair.now)
    assert pair.alice.connection.notices == []


def test_a_goodbye_that_is_lost_is_repeated() -> None:
    pair = Pair()
    pair.transfer(10)
    pair.ways.cut([BOB.host])
    pair.alice.connection.close(0, pair.now)
    pair.run(seconds=0.05)
    pair.ways.heal()
    assert pair.run(lambda: bool(pair.bob.ends()), seconds=4)


def test_who_goes_on_sending_to_a_closed_session_is_told_ever_more_rarely() -> None:
    pair = Pair()
    pair.transfer(10)
    pair.bob.connection.close(0, pair.now)
    pair.bob.connection.take_packets(pair.now, 10_000)
    answers = 0
    for number in range(100):
        pair.alice.connection.send([message(500 + number)], pair.now)
        for datagram, _ in pair.alice.connection.take_packets(pair.now, 10_000):
            assert pair.bob.connection.receive(datagram, ALICE, pair.now) == []
        answers += len(pair.bob.connection.take_packets(pair.now, 10_000))
        pair.alice.connection._sender.recovery.clear()
    assert 3 <= answers <= 8


def test_a_clock_that_is_wrong_ends_the_session() -> None:
    pair = Pair()
    pair.transfer(10)
    pair.alice.connection.send_block(
        write_block(0, int(pair.wall.now() + 300).to_bytes(4, "big")), pair.now
    )
    pair.run(seconds=1)
    assert [n.seconds for n in pair.bob.notices if isinstance(n, Skew)] == [pytest.approx(300, 1)]
    assert pair.bob.ends()[0].reason == "clock_skew"


# Blocks


def test_blocks_of_others_are_passed_on_and_sent_until_they_arrive() -> None:
    pair = Pair(LinkModel(loss=0.5))
    blocks = [write_block(BlockType.NEW_TOKEN, bytes((n,)) * 12) for n in range(20)]
    for block in blocks:
        pair.alice.connection.send_block(block, pair.now)
    got: list[bytes] = []

    def arrived() -> bool:
        got[:] = [n.data for n in pair.bob.notices if isinstance(n, ReceivedBlock)]
        return len(set(got)) == 20

    assert pair.run(arrived, seconds=30)


def test_every_payload_is_whole_and_has_one_padding_at_the_end() -> None:
    pair = Pair(mtu=1400)
    pair.alice.connection.send_block(write_block(BlockType.RELAY_TAG_REQUEST, b""), pair.now)
    pair.run(seconds=0.1)
    pair.transfer(40, size=700)
    pair.transfer(10, size=4000)
    pair.alice.connection.close(0, pair.now)
    pair.run(seconds=0.1)
    for payload in payloads(pair, pair.alice.sent):
        assert 8 <= len(payload) <= 1340
        kinds, offset = [], 0
        while offset < len(payload):
            kinds.append(payload[offset])
            offset += 3 + int.from_bytes(payload[offset + 1 : offset + 3], "big")
        assert offset == len(payload)
        assert 254 not in kinds[:-1]


# Hostile peers


def sealed(pair: Pair, payload: bytes, flags: int = 0) -> bytes:
    """A genuine packet of alice with any payload."""
    return pair.alice.connection._sender.sealer.seal(payload, flags)


@pytest.mark.parametrize(
    "ack",
    [
        "0c0005 7fffffff 00",
        "0c0005 ffffffff ff",
        "0c0004 00000000",
        "0c0000",
        "0c0007 00000005 00 ffff",
        "0c0009 00000003 00 0000 0000",
        "0c0006 00000003 00 01",
        "0cffff 00000000",
    ],
)
def test_hostile_acks_change_nothing(ack: str) -> None:
    pair = Pair()
    pair.run(seconds=0.1)
    bob = pair.bob.connection
    bob.send([message(n) for n in range(5)], pair.now)
    in_flight = len(bob.take_packets(pair.now, 100_000))
    payload = bytes.fromhex(ack.replace(" ", "")) + bytes(8)
    assert bob.receive(sealed(pair, payload), ALICE, pair.now) == []
    recovery = bob._sender.recovery
    assert len(recovery.in_flight) in (in_flight, in_flight - 1)
    assert all(isinstance(notice, Violation) for notice in bob.notices)


def test_acks_with_many_ranges_cost_little() -> None:
    pair = Pair()
    pair.run(seconds=0.1)
    bob = pair.bob.connection
    bob._sender.sealer.next_number = 2**31
    bob.send([message(1)], pair.now)
    bob.take_packets(pair.now, 100_000)
    ranges = b"\x00\xff" * 700
    block = b"\x0c" + (5 + len(ranges)).to_bytes(2, "big") + (2**31).to_bytes(4, "big") + b"\xff"
    bob.receive(sealed(pair, block + ranges), ALICE, pair.now)
    assert not bob._sender.recovery.in_flight


def test_forged_and_foreign_packets_are_counted_and_forgotten() -> None:
    pair = Pair()
    pair.transfer(10)
    genuine = sealed(pair, write_padding(100))
    bob, stats = pair.bob.connection, pair.bob.stats
    for at in range(8, len(genuine), 7):
        forged = genuine[:at] + bytes((genuine[at] ^ 1,)) + genuine[at + 1 :]
        bob.receive(forged, ALICE, pair.now)
    for size in (0, 1, 39, 40, 41, 1472, 65_507):
        bob.receive(bytes(size), ALICE, pair.now)
    assert not bob.notices
    assert stats.packets_forged > 10
    assert stats.packets_malformed == 3
    assert bob.receive(genuine, ALICE, pair.now) == []
    before = stats.packets_duplicate
    bob.receive(genuine, ALICE, pair.now)
    assert stats.packets_duplicate == before + 1


def test_a_goodbye_of_a_forger_is_none() -> None:
    pair = Pair()
    pair.transfer(10)
    forger = Connection(
        session_keys(2)[0],
        BOB,
        mtu=1500,
        wall=pair.wall,
        entropy=pair.alice.connection._entropy,
        stats=pair.alice.stats,
        now=pair.now,
    )
    block = Termination(0, 0).write()
    pair.bob.connection.receive(forger._sender.seal(block, pair.now), ALICE, pair.now)
    assert not pair.bob.connection.notices


def test_a_packet_full_of_rare_blocks_costs_no_more_than_a_few() -> None:
    """Each asks for 10 us of work, and there is room for hundreds."""
    pair = Pair()
    pair.run(seconds=1)
    before = pair.bob.connection._stats.blocks_malformed
    blocks = write_block(BlockType.RELAY_TAG_REQUEST, b"") * 400 + Termination(0, 0).write()
    packet = pair.alice.connection._sender.sealer.seal(blocks)
    pair.bob.connection.receive(packet, ALICE, pair.now)
    notices = pair.bob.connection.notices
    assert sum(isinstance(one, ReceivedBlock) for one in notices) == RARE_BLOCKS_MAX
    assert pair.bob.connection._stats.blocks_malformed == before + 400 - RARE_BLOCKS_MAX
    assert any(isinstance(one, Ended) for one in notices), "what comes last counts, too"
