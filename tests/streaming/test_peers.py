"""How other implementations behave, as scripted peers."""

from __future__ import annotations

import random

import pytest

from core.streaming import packet as p
from core.streaming.events import Closed, PathSuspect, RemoteClosed, StreamOpened
from core.streaming.manager import StreamManager
from core.streaming.options import StreamingOptions
from core.streaming.packet import Packet, build_packet
from core.streaming.state import StreamState
from core.streaming.syn import resend_delay_s
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.stream_path import KEYS
from tests.support.stream_script import OURS, PEER, Script


def test_i2pd_without_signatures() -> None:
    script = Script()
    stream = script.accept(signed=False)
    script.give(build_packet(stream.local_id, script.peer_id, 1, 0, flags=p.CLOSE))
    assert any(isinstance(event, RemoteClosed) for event in script.events())


def test_unsigned_syn_needs_the_ratchet_session() -> None:
    for source in (None, KEYS[2].hash):
        script = Script()
        script.give(script.syn(signed=False), source=source)
        assert not script.events()
        assert script.manager.counters == {"unauthentic": 1}


def assert_repeated(again: Packet, reply: Packet) -> None:
    """A SYN reply once more, which asks for an ack."""
    assert (reply.delay_ms, again.delay_ms) == (None, 0)
    assert again.flags == reply.flags | p.DELAY_REQUESTED
    assert again.is_signed_by(OURS.destination)
    for name in ("send_id", "receive_id", "sequence", "payload_max", "payload"):
        assert getattr(again, name) == getattr(reply, name)


def test_our_syn_reply_asks_for_an_ack_when_repeated_for_i2pd_answers_no_other() -> None:
    script = Script()
    script.give(script.syn())
    first = script.take()[0]
    assert first.is_signed_by(OURS.destination)
    (again,) = script.wait(4.0)
    assert_repeated(again, first)


def test_a_repeated_syn_reply_carries_and_ends_what_the_first_did() -> None:
    script = Script()
    script.manager.set_budget(PEER.hash, 0)
    script.give(script.syn(payload=b"GET"))
    stream = script.events()[0].stream  # type: ignore[attr-defined]
    stream.write(b"200 OK")
    stream.close(script.now)
    script.manager.set_budget(PEER.hash, 100)
    (first,) = script.take()
    assert first.is_close and first.payload == b"200 OK"
    (again,) = script.wait(4.0)
    assert_repeated(again, first)


def test_our_syn_reply_is_repeated_before_data_because_i2pd_resets_without_it() -> None:
    script = Script()
    script.give(script.syn())
    stream = script.events()[0].stream  # type: ignore[attr-defined]
    reply = script.take()[0]
    stream.write(bytes(1812 * 6))
    assert max(packet.sequence for packet in script.wait(0.3)) > 0
    assert_repeated(script.wait(6.0)[0], reply)


def test_no_plain_ack_before_i2pd_has_our_syn_reply() -> None:
    script = Script()
    script.manager.set_budget(PEER.hash, 0)
    script.give(script.syn(payload=b"GET"))
    stream = script.events()[0].stream  # type: ignore[attr-defined]
    stream.write(b"200 OK")
    assert not script.wait(0.5)
    assert (script.manager.next_timer() or 99.0) > script.now
    script.manager.set_budget(PEER.hash, 100)
    (reply,) = script.take()
    assert (reply.sequence, reply.payload) == (0, b"200 OK")
    assert reply.flags & p.SYNCHRONIZE
    # More of the request arrives, but nothing says that the peer has the reply.
    script.give(build_packet(stream.local_id, script.peer_id, 1, 0, flags=p.NO_ACK, payload=b"+"))
    assert not script.wait(0.5)
    script.give(build_packet(stream.local_id, script.peer_id, 2, 0, payload=b"+"))
    assert [packet.ack_through for packet in script.wait(0.2)] == [2]


def test_a_repeated_syn_fetches_the_reply_again_and_opens_nothing() -> None:
    script = Script()
    script.give(script.syn())
    first = script.take()[0]
    script.events()
    script.now += 1.5
    script.give(script.syn())
    (again,) = script.take()
    assert_repeated(again, first)
    assert not script.events()
    assert len(script.manager.streams) == 1


def test_a_repeated_syn_reply_is_acknowledged_again() -> None:
    script = Script()
    stream = script.connected()
    reply = build_packet(
        stream.local_id,
        script.peer_id,
        0,
        0,
        flags=p.SYNCHRONIZE,
        sender=PEER.destination,
        signer=PEER,
    )
    script.give(reply)
    packets = script.wait(0.1)
    assert [(packet.sequence, packet.ack_through) for packet in packets] == [(0, 0)]


def test_i2pd_answers_close_with_close_and_is_gone() -> None:
    script = Script()
    stream = script.connected()
    stream.write(b"request")
    assert script.take()[0].payload == b"request"
    stream.close(script.now)
    close = script.take()[0]
    assert close.flags & p.CLOSE
    assert close.sequence == 2
    script.give(build_packet(stream.local_id, script.peer_id, 1, 2, flags=p.CLOSE, signer=PEER))
    assert any(isinstance(event, Closed) for event in script.events())
    # Its CLOSE may come again; the ack is repeated for a while.
    script.wait(1)
    script.give(build_packet(stream.local_id, script.peer_id, 1, 2, flags=p.CLOSE, signer=PEER))
    again = script.take()
    assert [packet.ack_through for packet in again] == [1]


def test_a_close_that_i2pd_never_acknowledges_counts_as_closed() -> None:
    script = Script()
    stream = script.connected()
    script.give(build_packet(stream.local_id, script.peer_id, 1, 0, flags=p.CLOSE, signer=PEER))
    script.take()
    stream.close(script.now)
    sent = script.wait(100)
    closes = [packet for packet in sent if packet.flags & p.CLOSE]
    assert len(closes) == 4
    assert stream.state is StreamState.CLOSED
    # Nothing is wrong with the path: the peer just does not answer.
    assert not any(isinstance(event, PathSuspect) for event in script.events())


def test_our_close_is_the_first_ack_that_i2pd_sees_of_its_own() -> None:
    script = Script()
    stream = script.connected()
    script.give(build_packet(stream.local_id, script.peer_id, 1, 0, flags=p.CLOSE, signer=PEER))
    assert not script.wait(0.01)
    stream.close(script.now)
    (close,) = script.take()
    assert close.flags & p.CLOSE
    assert close.ack_through == 1
    # i2pd: a second CLOSE, beyond the end, which acknowledges ours.
    script.give(build_packet(stream.local_id, script.peer_id, 2, 1, flags=p.CLOSE, signer=PEER))
    assert stream.state is StreamState.CLOSED


def test_a_request_for_an_ack_leaves_a_moment_for_the_answer() -> None:
    script = Script()
    stream = script.connected()
    script.give(build_packet(stream.local_id, script.peer_id, 1, 0, delay_ms=0, payload=b"GET"))
    stream.write(b"200")
    assert [(packet.sequence, packet.ack_through) for packet in script.wait(0.1)] == [(1, 1)]
    script.give(build_packet(stream.local_id, script.peer_id, 2, 1, delay_ms=0, payload=b"GET"))
    assert [(packet.sequence, packet.ack_through) for packet in script.wait(0.011)] == [(0, 2)]


def test_i2pd_close_with_offline_keys_is_understood_in_its_session() -> None:
    script = Script()
    stream = script.connected()
    head = build_packet(stream.local_id, script.peer_id, 1, 0)[:18]
    broken = head + (p.CLOSE | p.SIGNATURE_INCLUDED | p.OFFLINE_SIGNATURE).to_bytes(2, "big")
    broken += bytes.fromhex("68900000") + bytes(98) + (64).to_bytes(2, "big") + bytes(64)
    script.give(broken, source=None)
    assert not stream.is_remote_closed
    script.give(broken)
    assert stream.is_remote_closed


def test_acks_on_data_packets_are_cumulative_only() -> None:
    script = Script()
    stream = script.connected()
    stream.write(bytes(1812 * 6))
    sent = script.take()
    assert [packet.sequence for packet in sent] == [1, 2, 1, 3, 4, 5, 6]
    # i2pd: NACKs in plain acks only; a data packet that follows says less.
    script.give(
        build_packet(stream.local_id, script.peer_id, 0, 6, nacks=(2,)),
        build_packet(stream.local_id, script.peer_id, 1, 1, payload=b"data"),
    )
    again = script.take()
    assert [packet.sequence for packet in again if packet.sequence] == [2]
    script.give(build_packet(stream.local_id, script.peer_id, 2, 6, payload=b"data"))
    assert stream.is_flushed


def test_overflow_choke_of_i2pd_is_probed_at_once_and_ends_with_progress() -> None:
    script = Script(StreamingOptions(window_initial=12))
    stream = script.connected()
    stream.write(bytes(1812 * 12))
    script.take()
    stream.write(bytes(1812 * 12))
    script.give(build_packet(stream.local_id, script.peer_id, 0, 0, delay_ms=65535))
    probes = script.wait(0.01)
    assert [packet.sequence for packet in probes] == [1]
    script.give(build_packet(stream.local_id, script.peer_id, 0, 1))
    more = script.wait(0.5)
    assert [packet.sequence for packet in more[:2]] == [13, 14]


def test_i2pd_that_misses_much_gets_it_all_at_once_and_nothing_new() -> None:
    script = Script(StreamingOptions(window_initial=64))
    stream = script.connected()
    script.give(build_packet(stream.local_id, script.peer_id, 0, 0))
    stream.write(bytes(1812 * 200))
    sent = script.wait(0.05)
    script.give(build_packet(stream.local_id, script.peer_id, 0, 15))
    sent = script.wait(0.5)
    last = max(packet.sequence for packet in sent)
    missing = tuple(range(17, last, 2))
    assert len(missing) > 10

    # It says so again with whatever arrives, until little enough is missing.
    for _ in range(4):
        script.give(
            build_packet(stream.local_id, script.peer_id, 0, last, nacks=missing, delay_ms=60000)
        )
        again = {packet.sequence for packet in script.wait(0.3) if packet.sequence}
        assert len(again) > 4
        assert max(again) <= last, "nothing new"
        missing = tuple(sequence for sequence in missing if sequence not in again)
        if not missing:
            break
    assert not missing
    script.give(build_packet(stream.local_id, script.peer_id, 0, last))
    assert max(packet.sequence for packet in script.wait(0.5)) > last


def test_gaps_are_filled_while_the_peer_has_no_room_for_more() -> None:
    script = Script(StreamingOptions(window_initial=64))
    stream = script.connected()
    script.give(build_packet(stream.local_id, script.peer_id, 0, 0))
    stream.write(bytes(1812 * 200))
    script.wait(0.05)
    script.give(build_packet(stream.local_id, script.peer_id, 0, 15))
    last = max(packet.sequence for packet in script.wait(0.5))
    missing = list(range(17, last, 2))
    began = script.now
    while missing:
        script.give(
            build_packet(
                stream.local_id, script.peer_id, 0, last, nacks=tuple(missing), delay_ms=61000
            )
        )
        again = [packet.sequence for packet in script.wait(1.0)]
        assert max(again) <= last, "nothing new"
        missing = [sequence for sequence in missing if sequence not in again]
    assert script.now - began <= 5.0
    script.give(build_packet(stream.local_id, script.peer_id, 0, last, delay_ms=61000))
    assert len(script.wait(20.0)) <= 6, "only to ask whether there is room"


def test_a_peer_that_repeats_itself_does_not_hear_us() -> None:
    script = Script()
    stream = script.accept()
    first, second = (
        build_packet(stream.local_id, script.peer_id, number, 0, payload=b"data")
        for number in (1, 2)
    )

    def suspects() -> list[object]:
        return [event for event in script.events() if isinstance(event, PathSuspect)]

    script.give(first, second)
    assert [packet.ack_through for packet in script.wait(0.4)] == [2]
    script.give(second)
    assert [packet.ack_through for packet in script.wait(0.8)] == [2]
    assert not suspects(), "one ack may get lost"
    script.give(first)
    script.wait(0.3)
    script.give(second)
    assert suspects() == [PathSuspect(stream, 0)]
    script.wait(0.5)
    script.give(second)
    assert not suspects(), "the new path is on trial"


def test_a_peer_that_was_choked_may_repeat_itself() -> None:
    script = Script(StreamingOptions(receive_bytes_max=20_000))
    stream = script.accept()
    data = [
        build_packet(stream.local_id, script.peer_id, number, 0, payload=bytes(1800))
        for number in range(1, 12)
    ]
    script.give(*data)
    assert any(packet.delay_ms == p.DELAY_CHOKE_SENT for packet in script.wait(0.5))
    while stream.read():
        pass
    for _ in range(6):
        script.wait(1.5)
        script.give(data[0])
    assert not any(isinstance(event, PathSuspect) for event in script.events())


def test_little_is_sent_while_packet_1_is_missing_because_i2pd_gives_up_then() -> None:
    script = Script(StreamingOptions(window_initial=64))
    stream = script.connected()
    stream.write(bytes(1812 * 60))
    sent = [packet.sequence for packet in script.wait(0.1)]
    assert sent == [1, 2, 1, *range(3, 16)]
    script.give(build_packet(stream.local_id, script.peer_id, 0, 15, nacks=(1, 2)))
    assert [packet.sequence for packet in script.wait(0.1)] == [1]
    assert {packet.sequence for packet in script.wait(3.0)} == {1}, "alone, until it is there"
    script.give(build_packet(stream.local_id, script.peer_id, 0, 15, nacks=(2,)))
    assert [packet.sequence for packet in script.wait(0.1)][:3] == [2, 16, 17]


def test_packet_1_is_nothing_special_to_a_peer_that_has_sent_more_than_its_syn() -> None:
    script = Script(StreamingOptions(window_initial=64))
    stream = script.connected()
    script.give(build_packet(stream.local_id, script.peer_id, 1, 0, payload=b"220 ready"))
    stream.write(bytes(1812 * 60))
    assert [packet.sequence for packet in script.take()] == list(range(1, 17))


class PatientI2pd:
    """What i2pd 2.59 makes of the packets after our SYN reply while it has sent its SYN alone.

    Its ack timer counts, also when it is only armed anew: so each packet but those that arrive
    with the one before. The third time with packet 1 missing is the end of the stream.
    """

    def __init__(self) -> None:
        self.has: set[int] = set()
        self.counted = 1  # the SYN reply

    @property
    def has_given_up(self) -> bool:
        return self.counted > 2

    def take(self, sequence: int) -> None:
        self.has.add(sequence)
        self.counted += 1 not in self.has

    @property
    def missing(self) -> tuple[int, ...]:
        return tuple(one for one in range(1, max(self.has)) if one not in self.has)


def gives_up(seed: int, pause_s: float) -> bool:
    """Whether i2pd ends a stream of 40 packets; a tenth is lost, more often than not in a row."""
    chance = random.Random(seed)
    script = Script()
    script.give(script.syn())
    opened = script.events()[0]
    assert isinstance(opened, StreamOpened)
    stream = opened.stream
    assert [packet.sequence for packet in script.wait(0.04)] == [0]
    peer = PatientI2pd()
    script.give(build_packet(stream.local_id, script.peer_id, 0, 0))
    on_the_way: list[tuple[float, Packet]] = []
    unwritten, write_at, is_losing = 40, script.now, False
    end = script.now + 4.0
    while script.now < end and not peer.has_given_up and 1 not in peer.has:
        if unwritten and script.now >= write_at:
            stream.write(bytes(1812 * 4))
            unwritten -= 4
            write_at += pause_s
        for packet in script.wait(0.001):
            is_losing = chance.random() < (0.6 if is_losing else 0.05)
            if packet.sequence and not is_losing:
                on_the_way.append((script.now + 0.02, packet))
        for at, packet in on_the_way[:]:
            if at <= script.now:
                on_the_way.remove((at, packet))
                peer.take(packet.sequence)
                script.give(
                    build_packet(
                        stream.local_id, script.peer_id, 0, max(peer.has), nacks=peer.missing
                    )
                )
    return peer.has_given_up


@pytest.mark.parametrize("pause_s", [0.0, 0.008])
def test_i2pd_seldom_gives_up_a_stream_whose_first_packets_get_lost(pause_s: float) -> None:
    assert sum(gives_up(seed, pause_s) for seed in range(400)) <= 8


@pytest.mark.parametrize("is_java", [True, False])
def test_packet_1_goes_twice_to_who_may_be_i2pd(is_java: bool) -> None:
    script = Script()
    stream = script.connected(is_java=is_java)
    stream.write(bytes(1812 * 8))
    sent = [packet.sequence for packet in script.wait(0.05)]
    assert sent.count(1) == (1 if is_java else 2)
    assert set(range(1, 9)) <= set(sent)


@pytest.mark.parametrize("is_java", [True, False])
def test_a_java_peer_is_choked_as_java_does_it(is_java: bool) -> None:
    script = Script(StreamingOptions(receive_bytes_max=20_000))
    stream = script.connected(is_java=is_java)
    script.give(
        *(
            build_packet(stream.local_id, script.peer_id, number, 0, payload=bytes(1800))
            for number in range(1, 12)
        )
    )
    said = {packet.delay_ms for packet in script.wait(0.5)} - {None}
    assert said == {p.DELAY_CHOKE_JAVA if is_java else p.DELAY_CHOKE_SENT}


def test_a_syn_says_what_i2pds_says() -> None:
    script = Script()
    script.manager.connect(PEER.destination, now=script.now)
    (syn,) = script.take()
    assert syn.resend_delay_s == 9
    for round_trip_s in (0.1, 0.4, 0.5, 0.7, 2.0):
        script = Script()
        stream = script.accept(round_trip_s=round_trip_s)
        assert resend_delay_s(stream._sender.recovery.round_trip) != 1, "that is Java's"


def test_choke_of_java_limits_the_window_and_waits_for_unchoke() -> None:
    script = Script(StreamingOptions(window_initial=12))
    stream = script.connected(is_java=True)
    stream.write(bytes(1812 * 12))
    script.take()
    stream.write(bytes(1812 * 12))
    script.give(build_packet(stream.local_id, script.peer_id, 0, 12, delay_ms=61000))
    assert not script.wait(0.4)
    persists = script.wait(30)
    assert 1 <= len(persists) <= 6
    script.give(build_packet(stream.local_id, script.peer_id, 0, 12, delay_ms=0))
    assert len(script.wait(1.0)) >= 8


def test_close_on_a_plain_ack_of_java_is_no_close() -> None:
    script = Script()
    stream = script.connected()
    script.give(build_packet(stream.local_id, script.peer_id, 0, 0, flags=p.CLOSE, signer=PEER))
    assert not stream.is_remote_closed


def test_offline_keys_on_both_sides() -> None:
    entropy = SeededEntropy("offline")
    wall = FakeWallClock()
    for expires, is_good in ((wall.now() + 1000, True), (wall.now() - 1, False)):
        keys = PEER.authorise_transient(entropy, int(expires))
        manager = StreamManager(OURS, StreamingOptions(), wall, entropy)
        other = StreamManager(keys, StreamingOptions(), wall, entropy)
        stream = other.connect(OURS.destination, now=1.0, initial=b"hi")
        stream.close(1.0)
        for out in other.packets_to_send(1.0):
            manager.receive_packets([(None, 0, 0, out.packet)], 1.0)
        event = manager.next_event()
        assert isinstance(event, StreamOpened) is is_good
