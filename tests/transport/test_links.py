"""Whole link tables joined in memory, in virtual time."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import LocalError
from core.io.status import count_links
from core.transport.dialer import LEAVING_S
from core.transport.events import (
    MessagesReceived,
    NetworkRestored,
    PeerConnected,
    PeerDisconnected,
    PeerFailed,
    RouterInfoReceived,
    SkewMeasured,
)
from core.transport.ntcp2.commands import Close, Dial
from core.transport.outqueue import MESSAGE_COST, OutQueue
from core.transport.reasons import TerminationReason
from core.transport.records import LinkLimits
from core.transport.stats import LinkStats
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.link_nodes import Node, Wire, message, pair


def kinds(node: Node) -> list[type]:
    return [type(event) for event in node.take_events()]


def received(node: Node) -> list[bytes]:
    return [
        one
        for event in node.take_events()
        if isinstance(event, MessagesReceived)
        for one in event.messages
    ]


def connected() -> tuple[Node, Node, Wire]:
    alice, bob, wire = pair()
    alice.links.send(bob.hash, [], wire.now)
    wire.run()
    alice.take_events()
    bob.take_events()
    assert alice.links.is_connected(bob.hash) and bob.links.is_connected(alice.hash)
    return alice, bob, wire


def test_messages_wait_for_the_dial_and_arrive_in_order() -> None:
    alice, bob, wire = pair()
    alice.links.send(bob.hash, [message(1), message(2)], wire.now)
    alice.links.send(bob.hash, [message(3)], wire.now, is_transit=True)
    wire.run()
    events = bob.take_events()
    assert [type(event) for event in events] == [
        SkewMeasured,
        RouterInfoReceived,
        PeerConnected,
        MessagesReceived,
    ]
    assert events[2] == PeerConnected(alice.hash, alice.router_info, is_outbound=False)
    assert events[3] == MessagesReceived(alice.hash, [message(1), message(2), message(3)])
    assert PeerConnected(bob.hash, bob.router_info, is_outbound=True) in alice.take_events()
    bob.links.send(alice.hash, [message(4)], wire.now)
    wire.run()
    assert received(alice) == [message(4)]
    assert alice.links.connected_routers() == [bob.hash]
    assert alice.links.pending_count == bob.links.pending_count == 0
    assert bob.links.stats.handshakes_in == alice.links.stats.handshakes_out == 1
    assert alice.links.stats.bytes_sent == bob.links.stats.bytes_received


def test_one_write_carries_everything_queued() -> None:
    alice, bob, wire = connected()
    for number in range(20):
        alice.links.send(bob.hash, [message(number)], wire.now)
    assert len(alice.ntcp2.take_output()) == 1
    assert not alice.ntcp2.take_output()


def test_unknown_unreachable_and_impossible_routers() -> None:
    alice, bob, wire = pair()
    stranger = bytes(32)
    alice.links.send(stranger, [message(1)], wire.now)
    assert alice.take_events() == [PeerFailed(stranger, "no_router_info", 1)]
    with pytest.raises(LocalError):
        alice.links.send(alice.hash, [message(1)], wire.now)
    wire.refused.add(bob.host)
    alice.links.send(bob.hash, [message(1), message(2)], wire.now)
    wire.run()
    assert alice.take_events() == [PeerFailed(bob.hash, "dial_failed", 2)]
    alice.links.send(bob.hash, [message(1)], wire.now)
    assert alice.take_events() == [PeerFailed(bob.hash, "backoff", 1)]
    assert not alice.links.can_try(bob.hash, wire.now)
    assert alice.links.stats.dropped_unreachable == 4
    wire.refused.clear()
    wire.now += 11
    assert alice.links.can_try(bob.hash, wire.now)
    alice.links.send(bob.hash, [message(1)], wire.now)
    wire.run()
    assert alice.links.is_connected(bob.hash)


def test_private_addresses_are_not_dialled_on_the_public_network() -> None:
    wall = FakeWallClock()
    alice = Node("alice", "127.0.0.2", wall, network_id=2)
    bob = Node("bob", "127.0.0.3", wall, network_id=2)
    wire = Wire(alice, bob)
    alice.links.send(bob.hash, [message(1)], wire.now)
    assert alice.take_events() == [PeerFailed(bob.hash, "no_address", 1)]


def test_foreign_router_infos_are_not_dialled() -> None:
    wall = FakeWallClock()
    alice = Node("alice", "127.0.0.2", wall)
    bob = Node("bob", "127.0.0.3", wall, network_id=5)
    wire = Wire(alice, bob)
    alice.links.send(bob.hash, [], wire.now)
    assert alice.take_events() == [PeerFailed(bob.hash, "no_address", 0)]


def test_a_dial_without_answer_times_out() -> None:
    alice, bob, wire = pair()
    alice.links.send(bob.hash, [message(1)], wire.now)
    (dial,) = alice.ntcp2.take_commands()
    assert dial == Dial(1, bob.host, 1000)
    alice.handle_timer(wire.now + 9)
    assert not alice.take_events()
    # Somebody else answers, so it is not our network.
    other = Node("other", "127.0.0.9", alice.wall)
    alice.known[other.hash] = other.router_info
    alice.links.send(other.hash, [], wire.now + 1)
    (second,) = alice.ntcp2.take_commands()
    assert isinstance(second, Dial)
    alice.ntcp2.dial_failed(second.link, wire.now + 1)
    alice.take_events()
    alice.handle_timer(wire.now + 11)
    assert alice.take_events() == [PeerFailed(bob.hash, "timeout", 1)]
    assert alice.ntcp2.take_commands() == [Close(1, True)]
    assert not alice.links.can_try(bob.hash, wire.now + 12)
    alice.ntcp2.dialed(1, wire.now + 11)
    assert alice.ntcp2.take_commands() == [Close(1, True)]


def test_what_fails_for_want_of_a_network_is_not_held_against_the_peer() -> None:
    alice, bob, wire = pair()
    for is_local in (True, False):
        for _ in range(4):
            assert alice.links.can_try(bob.hash, wire.now)
            alice.links.send(bob.hash, [message(1)], wire.now)
            (dial,) = alice.ntcp2.take_commands()
            assert isinstance(dial, Dial)
            alice.ntcp2.dial_failed(dial.link, wire.now, is_local, is_silent=not is_local)
            (failed,) = alice.take_events()
            assert failed == PeerFailed(bob.hash, "local", 1)
            assert isinstance(failed, PeerFailed) and not failed.is_peers_fault
            # One pause for all of them, and no long one.
            alice.links.send(bob.hash, [], wire.now)
            assert alice.take_events() == [PeerFailed(bob.hash, "backoff", 0)]
            wire.now += 1
    alice.links.send(bob.hash, [message(1)], wire.now)
    alice.ntcp2.take_commands()
    alice.handle_timer(wire.now + 11)
    assert alice.take_events() == [PeerFailed(bob.hash, "local", 1)]
    assert alice.links.can_try(bob.hash, wire.now + 12)


def test_a_handshake_without_answer_times_out_on_both_sides() -> None:
    alice, bob, wire = pair()
    wire.cut = lambda data, host: data if host == alice.host else b""
    alice.links.send(bob.hash, [message(1)], wire.now)
    wire.run()
    assert (alice.links.pending_count, bob.links.pending_count) == (1, 1)
    wire.advance(12)
    assert alice.take_events() == [PeerFailed(bob.hash, "timeout", 1)]
    assert not bob.take_events()
    assert (alice.links.pending_count, bob.links.pending_count) == (0, 0)
    assert alice.next_timer() is None or alice.next_timer()


def test_skewed_clocks_are_measured_and_backed_off_from() -> None:
    alice = Node("alice", "127.0.0.2", FakeWallClock())
    bob = Node("bob", "127.0.0.3", FakeWallClock(1_700_000_500.0))
    wire = Wire(alice, bob)
    alice.links.send(bob.hash, [message(1)], wire.now)
    wire.run()
    assert alice.take_events() == [
        SkewMeasured(500.0, bob.hash, True),
        PeerFailed(bob.hash, "clock_skew", 1),
    ]
    assert not alice.links.can_try(bob.hash, wire.now + 100)
    assert bob.take_events() == []


def test_a_network_that_comes_back_is_noticed_once() -> None:
    alice, bob, wire = pair()
    carol = Node("carol", "127.0.0.4", alice.wall)
    wire.nodes[carol.host] = carol
    alice.known[carol.hash], carol.known[alice.hash] = carol.router_info, alice.router_info

    def fail(node: Node) -> None:
        alice.links.send(node.hash, [], wire.now)
        (dial,) = alice.ntcp2.take_commands()
        assert isinstance(dial, Dial)
        alice.ntcp2.dial_failed(dial.link, wire.now, True)

    alice.links.send(bob.hash, [], wire.now)
    wire.run()
    alice.take_events()
    # One failure while others are heard is no outage.
    fail(carol)
    bob.links.send(alice.hash, [message(1)], wire.now)
    wire.run()
    assert NetworkRestored not in kinds(alice)
    wire.now += 5
    fail(carol)
    assert not alice.links.can_try(carol.hash, wire.now)
    bob.links.send(alice.hash, [message(2)], wire.now)
    bob.links.send(alice.hash, [message(3)], wire.now)
    wire.run()
    assert kinds(alice).count(NetworkRestored) == 1
    assert alice.links.can_try(carol.hash, wire.now)


# Two routers, several links


def test_a_new_inbound_link_replaces_the_old_one_without_a_word() -> None:
    alice, bob, wire = connected()
    # Bob lost his state and dials; Alice has not noticed yet.
    fresh = Node("bob", bob.host, bob.wall)
    assert fresh.hash == bob.hash
    wire.nodes[bob.host] = fresh
    fresh.known[alice.hash] = alice.router_info
    fresh.links.send(alice.hash, [message(1)], wire.now)
    wire.run()
    events = alice.take_events()
    assert MessagesReceived(bob.hash, [message(1)]) in events
    assert not any(isinstance(event, PeerConnected | PeerDisconnected) for event in events)
    assert alice.links.stats.links_replaced == 1
    alice.links.send(bob.hash, [message(2)], wire.now)
    wire.run()
    assert received(fresh) == [message(2)]
    wire.advance(40)
    assert len(alice.links._links) == 1


@pytest.mark.parametrize("steps", range(1, 6))
def test_crossing_dials_leave_one_link_and_lose_nothing(steps: int) -> None:
    alice, bob, wire = pair()
    alice.links.send(bob.hash, [message(1)], wire.now)
    for _ in range(steps):
        wire.step()
    bob.links.send(alice.hash, [message(2)], wire.now)
    wire.run()
    got_bob, got_alice = bob.take_events(), alice.take_events()
    assert MessagesReceived(alice.hash, [message(1)]) in got_bob
    assert MessagesReceived(bob.hash, [message(2)]) in got_alice
    for events in (got_alice, got_bob):
        assert [type(e) for e in events].count(PeerConnected) == 1
    wire.advance(60)
    assert len(alice.links._links) == len(bob.links._links) == 1
    assert not kinds(alice) and not kinds(bob)
    alice.links.send(bob.hash, [message(3)], wire.now)
    wire.run()
    assert received(bob) == [message(3)]


def crossed() -> tuple[Node, Node, Wire]:
    """Two routers that dialled each other at once: both message 3 were under way together."""
    alice, bob, wire = pair()
    alice.links.send(bob.hash, [message(1)], wire.now)
    bob.links.send(alice.hash, [message(2)], wire.now)
    for node in (alice, bob):
        for command in node.ntcp2.take_commands():
            assert isinstance(command, Dial)
            wire._dial(node.host, command)
    # Run the two handshakes in lock step, so that both Alices send message 3 before reading one.
    for _ in range(6):
        held = [(n.host, link, data) for n in (alice, bob) for link, data in n.ntcp2.take_output()]
        for host, link, data in held:
            wire._carry((host, link), data)
    wire.run()
    return alice, bob, wire


def test_simultaneous_dials_that_both_complete() -> None:
    """Two links, none may be lost."""
    alice, bob, wire = crossed()
    assert alice.links.stats.links_replaced == bob.links.stats.links_replaced == 1
    assert len(alice.links._links) == 2
    counts = count_links(alice.links.connected_sessions())
    assert (counts.total, counts.ntcp2, counts.ssu2) == (1, 1, 0), "the spare is no second link"
    wire.advance(60)
    assert len(alice.links._links) == len(bob.links._links) == 1
    assert alice.links.is_connected(bob.hash) and bob.links.is_connected(alice.hash)
    alice.links.send(bob.hash, [message(3)], wire.now)
    bob.links.send(alice.hash, [message(4)], wire.now)
    wire.run()
    assert message(3) in received(bob) and message(4) in received(alice)


def test_a_spare_that_the_peer_uses_ends_too_and_nothing_is_lost() -> None:
    """Each of two routers sends over the link that the other one holds as its spare."""
    alice, bob, wire = crossed()
    assert len(alice.links._links) == len(bob.links._links) == 2
    received(alice), received(bob)
    for number in range(40):
        for sender, receiver in ((alice, bob), (bob, alice)):
            sender.links.send(receiver.hash, [message(number)], wire.now)
        wire.run()
        assert received(alice) == received(bob) == [message(number)]
        wire.advance(5)
    assert len(alice.links._links) == len(bob.links._links) == 1
    assert alice.links.stats.handshakes_out == bob.links.stats.handshakes_out == 1


def test_the_spare_takes_over_when_the_peer_closes_the_new_link() -> None:
    """i2pd decides a crossing the other way round than we do."""
    alice, bob, wire = connected()
    fresh = Node("bob", bob.host, bob.wall)
    fresh.known[alice.hash] = alice.router_info
    wire.nodes["second"] = fresh
    fresh.links.send(alice.hash, [], wire.now)
    (command,) = fresh.ntcp2.take_commands()
    assert isinstance(command, Dial)
    fresh.host = "second"
    wire._dial("second", command)
    wire.run()
    assert alice.links.stats.links_replaced == 1
    wire._close(("second", command.link))
    assert alice.links.is_connected(bob.hash)
    alice.links.send(bob.hash, [message(7)], wire.now)
    wire.run()
    assert message(7) in received(bob)


def test_one_dial_per_address_at_a_time() -> None:
    wall = FakeWallClock()
    alice = Node("alice", "127.0.0.2", wall)
    twins = [Node(f"twin{n}", "127.0.0.9", wall) for n in range(4)]
    for twin in twins:
        alice.known[twin.hash] = twin.router_info
        alice.links.send(twin.hash, [message(1)], 0.0)
    (first,) = alice.ntcp2.take_commands()
    assert isinstance(first, Dial)
    alice.ntcp2.dial_failed(first.link, 1.0)
    (second,) = alice.ntcp2.take_commands()
    assert isinstance(second, Dial)
    alice.handle_timer(11.5)
    close, third = alice.ntcp2.take_commands()
    assert isinstance(third, Dial) and close == Close(second.link, True)
    # The fourth waited long enough.
    alice.handle_timer(20.5)
    assert not alice.ntcp2.take_commands()
    failed = [e.reason for e in alice.take_events() if isinstance(e, PeerFailed)]
    assert failed == ["dial_failed", "timeout", "busy"]
    alice.handle_timer(22.0)
    assert not alice.links._peers and not alice.links._links


# Endings


def test_disconnect_shutdown_and_what_the_other_side_hears() -> None:
    alice, bob, wire = connected()
    alice.links.disconnect(bob.hash, wire.now)
    wire.run()
    assert alice.take_events() == [PeerDisconnected(bob.hash, "normal")]
    assert bob.take_events() == [PeerDisconnected(alice.hash, "normal")]
    alice, bob, wire = connected()
    bob.links.send(alice.hash, [message(1)], wire.now)
    wire.run()
    alice.links.shutdown(wire.now)
    wire.run()
    assert PeerDisconnected(alice.hash, "router_shutdown") in bob.take_events()
    alice.take_events()
    alice.links.send(bob.hash, [message(1)], wire.now)
    assert alice.take_events() == [PeerFailed(bob.hash, "closed", 1)]
    assert alice.ntcp2.accepted("127.0.0.9", wire.now) is None
    alice.links.disconnect(bob.hash, wire.now)


@pytest.mark.parametrize("steps", range(1, 6))
def test_who_calls_while_we_go_hears_it_after_the_handshake(steps: int) -> None:
    alice, bob, wire = pair()
    alice.links.send(bob.hash, [message(1)], wire.now)
    for _ in range(steps):
        wire.step()
    bob.links.shutdown(wire.now)
    wire.run()
    events = alice.take_events()
    assert PeerDisconnected(bob.hash, "router_shutdown") in events or events == [
        PeerFailed(bob.hash, "dial_failed", 1)  # before the connection was made
    ]
    assert not bob.ntcp2._sessions and bob.links.stats.handshakes_in_failed == 0


def test_queued_messages_are_sent_over_a_new_link_after_a_loss() -> None:
    alice, bob, wire = connected()
    (link,) = alice.ntcp2._sessions
    alice.ntcp2.pause_writing(link)
    alice.links.send(bob.hash, [message(1)], wire.now)
    wire._close((bob.host, next(iter(bob.ntcp2._sessions))))
    alice.ntcp2.lost(link, wire.now)
    bob.ntcp2.lost(next(iter(bob.ntcp2._sessions)), wire.now)
    wire.run()
    assert message(1) in received(bob)
    assert kinds(alice)[:1] == [PeerDisconnected]


def test_a_new_link_does_not_tell_that_the_old_one_was_heard() -> None:
    alice, bob, wire = connected()
    before = wire.now
    assert not alice.links.was_heard(bob.hash, before)
    wire.now += 1
    bob.links.send(alice.hash, [message(1)], wire.now)
    wire.run()
    assert alice.links.was_heard(bob.hash, before)
    alice.links.disconnect(bob.hash, wire.now)
    wire.run()
    assert not alice.links.was_heard(bob.hash, before)
    wire.now += 1
    alice.links.send(bob.hash, [], wire.now)
    wire.run()
    assert alice.links.is_connected(bob.hash)
    assert not alice.links.was_heard(bob.hash, before)


def test_a_bob_who_refuses_message_3_is_not_dialled_in_a_circle() -> None:
    alice, bob, wire = pair()
    bob.links.bans.ban(alice.hash, wire.now + 1000, "test")
    alice.links.send(bob.hash, [message(1)], wire.now)
    wire.run()
    for _ in range(5):
        alice.links.send(bob.hash, [message(2)], wire.now)
        wire.run()
    assert alice.links.stats.handshakes_out == 1
    assert PeerFailed(bob.hash, "backoff", 1) in alice.take_events()
    assert not alice.links.can_try(bob.hash, wire.now + 39)
    assert bob.links.stats.handshakes_in_failed == 1
    assert kinds(bob) == [SkewMeasured]


def test_a_router_that_restarts_right_after_the_handshake_is_dialled_again_at_once() -> None:
    alice, bob, wire = pair()
    held: list[bytes] = []

    def hold(data: bytes, host: str) -> bytes:
        if host != bob.host or not bob.links.connected_count:
            return data
        held.append(data)
        return b""

    wire.cut = hold
    alice.links.send(bob.hash, [], wire.now)
    wire.run()
    bob.links.shutdown(wire.now)
    held += [data for _, data in bob.ntcp2.take_output(wire.now)]
    # Bob's first frame and his goodbye come in one read.
    (link,) = alice.ntcp2._sessions
    alice.ntcp2.receive_data(link, b"".join(held), wire.now)
    assert PeerDisconnected(bob.hash, "router_shutdown") in alice.take_events()
    assert alice.links.can_try(bob.hash, wire.now)


def test_a_router_that_stops_and_closes_what_is_dialled_is_dialled_again_in_seconds() -> None:
    alice, bob, wire = connected()
    bob.links.shutdown(wire.now)
    wire.run()
    alice.links.send(bob.hash, [message(1)], wire.now)
    wire.run()
    assert PeerFailed(bob.hash, "handshake_failed", 1) in alice.take_events()
    assert not alice.links.can_try(bob.hash, wire.now + 1.9)
    assert alice.links.can_try(bob.hash, wire.now + 2.1)
    wire.now += LEAVING_S
    alice.links.send(bob.hash, [message(2)], wire.now)
    wire.run()
    assert PeerFailed(bob.hash, "handshake_failed", 1) in alice.take_events()
    assert not alice.links.can_try(bob.hash, wire.now + 60), "that one is up, and does not want us"


def test_a_peer_that_says_banned_is_left_alone_for_two_hours() -> None:
    alice, bob, wire = connected()
    bob.links.disconnect(alice.hash, wire.now, TerminationReason.BANNED)
    wire.run()
    assert alice.take_events() == [PeerDisconnected(bob.hash, "banned")]
    assert not alice.links.can_try(bob.hash, wire.now + 7000)
    assert alice.links.can_try(bob.hash, wire.now + 7201)


def test_bans_close_links_and_hold_both_ways() -> None:
    alice, bob, wire = connected()
    alice.links.ban(bob.hash, wire.now, 600, "test")
    wire.run()
    assert not bob.links.is_connected(alice.hash)
    alice.take_events()
    alice.links.send(bob.hash, [message(1)], wire.now)
    assert alice.take_events() == [PeerFailed(bob.hash, "banned", 1)]
    bob.links.send(alice.hash, [], wire.now)
    wire.run()
    assert not alice.links.is_connected(bob.hash)


def test_idle_links_go_and_busy_ones_stay() -> None:
    alice, bob, wire = connected()
    for number in range(20):
        wire.advance(60, every=10)
        alice.links.send(bob.hash, [message(number)], wire.now)
        wire.run()
    assert len(received(bob)) == 20
    wire.advance(170, every=10)
    assert PeerDisconnected(bob.hash, "idle_timeout") in alice.take_events()
    assert alice.next_timer() is None or not alice.links._links


def test_a_full_table_of_our_own_links_gives_up_the_idlest() -> None:
    wall = FakeWallClock()
    alice = Node("alice", "127.0.0.2", wall, limits=LinkLimits(outbound_max=2))
    others = [Node(f"other{n}", f"127.0.0.{n + 10}", wall) for n in range(4)]
    wire = Wire(alice, *others)
    for node in others[:2]:
        alice.links.send(node.hash, [message(1)], wire.now)
        wire.run()
        wire.now += 1
    assert alice.links.outbound_count == 2
    alice.links.send(others[2].hash, [message(1)], wire.now)
    assert [e.reason for e in alice.take_events() if isinstance(e, PeerFailed)] == ["busy"]
    # Who calls takes none of our room.
    others[3].links.send(alice.hash, [message(1)], wire.now)
    wire.run()
    assert alice.links.is_connected(others[3].hash) and alice.links.inbound_count == 1
    wire.now += 10
    alice.links.send(others[1].hash, [message(1)], wire.now)
    wire.run()
    alice.links.send(others[2].hash, [message(1)], wire.now)
    wire.run()
    connected = [alice.links.is_connected(node.hash) for node in others]
    assert connected == [False, True, True, True]
    assert alice.links.stats.links_evicted == 1
    wire.advance(45, every=10)
    assert alice.links.outbound_count == 0


# Bounds


def test_queues_are_bounded_by_bytes_and_droppable_goes_first() -> None:
    alice, bob, wire = connected()
    (link,) = alice.ntcp2._sessions
    alice.ntcp2.pause_writing(link)
    kilobyte = message(1, 1024 - 9)
    shed_after, full_after = (size // (1024 + MESSAGE_COST) for size in (512 << 10, 2 << 20))
    alice.links.send(bob.hash, [kilobyte] * 480, wire.now, is_transit=True)
    alice.links.send(bob.hash, [kilobyte] * 4, wire.now, is_transit=True)
    stats = alice.links.stats
    assert (stats.dropped_shed, stats.dropped_queue_full) == (484 - shed_after, 0)
    alice.links.send(bob.hash, [kilobyte] * 1500, wire.now)
    too_many = shed_after + 1500 - full_after
    assert (stats.dropped_shed, stats.dropped_queue_full) == (484 - shed_after, too_many)
    assert alice.links.queued_bytes(bob.hash) == full_after * 1024
    alice.links.send(bob.hash, [bytes(8), bytes(65517)], wire.now)
    assert stats.dropped_malformed == 2
    alice.ntcp2.resume_writing(link)
    wire.run()
    assert len(received(bob)) == full_after


def test_small_messages_fill_a_queue_with_the_memory_they_take() -> None:
    queue = OutQueue(100_000, 200_000, LinkStats())
    for _ in range(10_000):
        queue.push([message(1, 0)], is_transit=False)
    assert len(queue) == 200_000 // (9 + MESSAGE_COST)
    assert len(queue.pop(1 << 20, 1 << 20)) == 200_000 // (9 + MESSAGE_COST)
    assert queue.bytes == 0


def test_expired_messages_are_not_sent_after_a_pause() -> None:
    alice, bob, wire = connected()
    (link,) = alice.ntcp2._sessions
    alice.ntcp2.pause_writing(link)
    soon = int(alice.wall.now()) + 8
    alice.links.send(bob.hash, [message(1, expires_s=soon), message(2)], wire.now)
    assert isinstance(alice.wall, FakeWallClock)
    alice.wall.advance(9)
    alice.ntcp2.resume_writing(link)
    wire.run()
    assert received(bob) == [message(2)]
    assert alice.links.stats.dropped_expired == 1


def test_bandwidth_is_spent_not_exceeded() -> None:
    alice, bob, wire = pair(outbound_bytes_s=100_000)
    alice.links.send(bob.hash, [], wire.now)
    wire.run()
    alice.links.send(bob.hash, [message(n, 10_000) for n in range(50)], wire.now)
    wire.run()
    begin = wire.now
    while alice.links.queued_bytes(bob.hash):
        deadline = alice.next_timer()
        assert deadline is not None
        wire.now = max(wire.now, deadline)
        alice.handle_timer(wire.now)
        wire.run()
    # 0.5 MB: a quarter of a second's worth at once, the rest at the rate.
    assert 4.5 < wire.now - begin < 5.1
    assert len(received(bob)) == 50


def test_our_own_messages_do_not_wait_for_transit() -> None:
    alice, bob, wire = pair(outbound_bytes_s=100_000)
    alice.links.send(bob.hash, [], wire.now)
    wire.run()
    received(bob)
    # More transit than a second carries, and what transit may use of the burst is used.
    alice.links.send(bob.hash, [message(n, 1000) for n in range(200)], wire.now, is_transit=True)
    wire.run()
    transit = received(bob)
    assert 10 <= len(transit) < 30
    own = message(200, 1000)
    alice.links.send(bob.hash, [own], wire.now)
    wire.run()
    assert received(bob) == [own]
    begin, turns = wire.now, 0
    while alice.links.queued_bytes(bob.hash):
        turns += 1
        deadline = alice.next_timer()
        assert deadline is not None
        wire.now = max(wire.now, deadline)
        alice.handle_timer(wire.now)
        wire.run()
    assert 1.6 < wire.now - begin < 2.1 and turns < 200
    assert len(transit) + len(received(bob)) == 200


def test_inbound_bandwidth_asks_the_driver_to_pause() -> None:
    alice, bob, wire = pair(inbound_bytes_s=10_000)
    alice.links.send(bob.hash, [message(n, 5_000) for n in range(6)], wire.now)
    wire.run()
    assert 2.7 < bob.ntcp2.read_pause(wire.now) < 3.0
    assert bob.ntcp2.read_pause(wire.now + 3) == 0.0
    assert pair()[0].ntcp2.read_pause(0.0) == 0.0


def test_sources_with_many_handshakes_are_refused() -> None:
    alice, _, wire = pair()
    links = [alice.ntcp2.accepted("10.0.0.1", wire.now) for _ in range(33)]
    assert links.count(None) == 1 and links[-1] is None
    assert alice.ntcp2.accepted("10.0.0.2", wire.now) is not None
    six = [alice.ntcp2.accepted(f"2001:db8::{n}", wire.now) for n in range(33)]
    assert six[-1] is None
    assert alice.links.stats.refused == {"handshakes": 2}
    wire.advance(15)
    assert alice.links.pending_count == 0 and alice.links.stats.accepts_refused == 2
    assert alice.ntcp2.accepted("10.0.0.1", wire.now) is not None


def test_half_open_connections_from_many_sources_shut_nobody_out() -> None:
    alice, bob, wire = pair(limits=LinkLimits(handshakes_max=20))
    held = [bob.ntcp2.accepted(f"10.0.{n // 250}.{n % 250}", wire.now) for n in range(1000)]
    assert None not in held and bob.links.pending_count == 20
    closed = [command.link for command in bob.ntcp2.take_commands()]
    assert closed == held[:980]
    alice.links.send(bob.hash, [message(1)], wire.now)
    wire.step()
    wire.step()
    # It has sent message 1, so those that have not go before it.
    for n in range(100):
        assert bob.ntcp2.accepted(f"10.1.0.{n}", wire.now) is not None
    wire.run()
    assert received(bob) == [message(1)]
    assert bob.links.pending_count == 19


def test_probing_sources_are_limited_for_seconds(caplog: pytest.LogCaptureFixture) -> None:
    alice, _, wire = pair()
    caplog.set_level(logging.INFO, "core.transport")
    for number in range(12):
        link = alice.ntcp2.accepted("10.0.0.1", wire.now)
        if link is None:
            break
        alice.ntcp2.receive_data(link, SeededEntropy(number).random_bytes(64), wire.now)
        alice.ntcp2.lost(link, wire.now)
    assert number == 10
    assert len(caplog.records) == 1 and "10.0.0.1" not in caplog.text
    assert alice.ntcp2.accepted("10.0.0.1", wire.now) is None
    assert alice.links.stats.refused == {"rate": 2}
    # Others may live behind that address.
    assert alice.ntcp2.accepted("10.0.0.1", wire.now + 5) is not None


def test_a_router_of_another_network_shuts_out_nobody_behind_its_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wall = FakeWallClock()
    alice, bob = Node("alice", "127.0.0.2", wall), Node("bob", "127.0.0.3", wall)
    foreign = Node("foreign", "127.0.0.4", wall, network_id=3, published_network_id=3)
    wire = Wire(alice, bob, foreign)
    # It believes that we are in its network.
    bob.published_network_id = 3
    foreign.known[bob.hash] = bob.publish()
    caplog.set_level(logging.INFO, "core.transport")
    for _ in range(3):
        foreign.links.send(bob.hash, [message(1)], wire.now)
        wire.run()
        wire.advance(15)
        assert bob.ntcp2.accepted(foreign.host, wire.now) is not None
        assert foreign.take_events()[-1] == PeerFailed(bob.hash, "handshake_failed", 1)
        wire.advance(700, every=20)
    assert {record.levelname for record in caplog.records} == {"INFO"}
    assert len(caplog.records) <= 3
    assert "network id 3" in caplog.text


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 400), st.integers(0, 255))
def test_corrupted_streams_never_raise_and_leave_nothing_behind(
    seed: int, position: int, value: int
) -> None:
    alice, bob, wire = pair()
    seen = 0

    def corrupt(data: bytes, host: str) -> bytes:
        nonlocal seen
        start, seen = seen, seen + len(data)
        if start <= position * 7 < seen and data:
            index = position * 7 - start
            return data[:index] + bytes((value,)) + data[index + 1 :]
        return data

    wire.cut = corrupt
    wire.chunk = seed % 300 + 1
    alice.links.send(bob.hash, [message(n) for n in range(4)], wire.now)
    wire.run()
    bob.links.send(alice.hash, [message(n) for n in range(4)], wire.now)
    wire.run()
    wire.advance(200, every=10)
    for node in (alice, bob):
        assert not node.links._links and not node.links._peers
        assert node.links.pending_count == 0
    sent = alice.links.stats
    assert sent.messages_sent + sent.dropped_unreachable + sent.dropped_expired == 4


def test_who_calls_us_just_now_is_not_dialled() -> None:
    """Java drops what waits in a link that ours replaces, and bans us for that."""
    alice, bob, wire = pair()
    bob.links.send(alice.hash, [message(1)], wire.now)
    while not alice.links.pending_count:
        assert wire.step()
    alice.links.send(bob.hash, [message(2)], wire.now)
    assert not any(isinstance(one, Dial) for one in alice.ntcp2.take_commands())
    wire.run()
    assert received(bob) == [message(2)] and received(alice) == [message(1)]
    session = alice.session_with(bob.hash)
    assert session is not None and not session.is_outbound


def test_a_half_open_call_delays_a_dial_by_two_seconds_only() -> None:
    alice, bob, wire = pair()
    assert alice.ntcp2.accepted(bob.host, wire.now) is not None
    alice.links.send(bob.hash, [message(2)], wire.now)
    wire.advance(1.5, 0.5)
    assert not bob.take_events()
    wire.advance(1.5, 0.5)
    assert received(bob) == [message(2)]
