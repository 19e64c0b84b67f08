"""UDP sessions: ports, formats, limits and expiry on both sides."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2ptunnel.protocols.udp_sessions import (
    IDLE_S,
    IDLE_TIMEOUT_S,
    RAW,
    UdpClientSessions,
    UdpServerSessions,
    UdpSession,
    is_control,
)

FAR, OTHER = b"f" * 32, b"o" * 32


def clients(sessions_max: int = 3) -> UdpClientSessions[tuple[str, int]]:
    return UdpClientSessions(sessions_max, lambda bound: 976)


def test_who_sends_repliable_packets_gets_no_others() -> None:
    session = UdpSession(FAR, 1, 2, "", 0.0)
    assert [session.choose(1, now / 10) for now in range(30)] == [1] * 30
    session.receive({}, 3.0)
    assert [session.choose(1, 3 + now / 10) for now in range(30)] == [1] * 30


@pytest.mark.parametrize(
    ("options", "is_raw"), [({}, True), ({"seqn": "1"}, False), ({"flags": "2"}, False)]
)
def test_who_is_known_to_take_raw_packets_gets_them(options: dict[str, str], is_raw: bool) -> None:
    session = UdpSession(FAR, 1, 2, "", 0.0)
    session.receive(options, 0.0, is_raw=is_raw)
    assert [session.choose(1, now) for now in (0, 0.5)] == [1, RAW]


def test_an_empty_packet_of_a_program_is_no_acknowledgement() -> None:
    assert not is_control(b"", {})
    assert not is_control(b"", {"seqn": "7", "flags": "2"})
    assert not is_control(b"x", {"acked": "7"})
    assert is_control(b"", {"acked": "7"})
    assert is_control(b"", {"flags": "3"})


def test_the_first_packet_is_repliable_and_those_that_follow_are_raw() -> None:
    session = UdpSession(FAR, 1, 2, "", 0.0, takes_raw=True)
    assert [session.choose(1, now) for now in (0, 0.05, 0.09)] == [1, RAW, RAW]
    assert session.choose(1, 0.1) == 1  # not answered yet: the first one may be lost
    session.receive({}, 0.15)
    assert [session.choose(2, now) for now in (0.25, 0.9, 1.1, 1.2)] == [RAW, RAW, 2, RAW]


def test_requests_for_acknowledgement_are_answered() -> None:
    session = UdpSession(FAR, 1, 2, "", 0.0)
    assert session.receive({"seqn": "5"}, 0) is None
    assert session.receive({"seqn": "3", "flags": "2"}, 0) == {"acked": "5"}
    assert session.receive({"flags": "3"}, 0) == {"acked": "5"}
    assert session.receive({"seqn": "x", "flags": "-2"}, 0) is None


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(["seqn", "flags", "acked"]), st.text(max_size=30)))
def test_junk_options_are_harmless(options: dict[str, str]) -> None:
    UdpSession(FAR, 1, 2, "", 0.0).receive(options, 1.0)


def test_the_source_port_is_the_i2p_port() -> None:
    sessions = clients()
    one = sessions.obtain(("127.0.0.1", 5000), 5000, FAR, 7, 0.0)
    assert one is not None and one.local_port == 5000
    other = sessions.obtain(("127.0.0.2", 5000), 5000, FAR, 7, 0.0)
    assert other is not None and other.local_port == 2000
    assert sessions.find(7, 5000) is one
    assert sessions.find(7, 2000) is other
    assert sessions.find(8, 5000) is None
    assert sessions.obtain(("127.0.0.1", 5000), 5000, FAR, 7, 1.0) is one


def test_client_sessions_are_limited_and_expire() -> None:
    sessions = clients()
    for port in range(1, 10_000):
        sessions.obtain(("127.0.0.1", port), port, FAR, 7, 0.0)
    assert len(sessions) == 3
    assert sessions.counters["sessions_refused"] == 9996
    assert sessions.obtain(("127.0.0.1", 9), 9, FAR, 7, IDLE_S - 1) is None
    first = sessions.find(7, 1)
    assert first is not None
    first.choose(1, 60.0)
    sessions.expire(IDLE_TIMEOUT_S)
    assert len(sessions) == 1 and sessions.find(7, 1) is first
    assert sessions.obtain(("127.0.0.1", 99), 99, FAR, 7, IDLE_TIMEOUT_S) is not None


def test_raw_packets_belong_to_the_last_repliable_sender_of_their_ports() -> None:
    sessions: UdpServerSessions[str] = UdpServerSessions(10, 5)
    assert sessions.find(FAR, 5, 7) is None
    assert sessions.find_raw(None, 5, 7) is None
    mine = sessions.add(FAR, 5, 7, "mine", 0.0)
    assert sessions.find_raw(None, 5, 7) is mine
    theirs = sessions.add(OTHER, 5, 7, "theirs", 0.0)
    assert sessions.find_raw(None, 5, 7) is theirs
    assert sessions.find_raw(FAR, 5, 7) is mine
    assert sessions.find(FAR, 5, 7) is mine
    assert sessions.find_raw(None, 5, 7) is mine
    assert (mine.local_port, mine.remote_port) == (7, 5)


def test_server_sessions_are_limited_in_all_and_for_each_destination() -> None:
    sessions: UdpServerSessions[int] = UdpServerSessions(6, 2)
    for number in range(2):
        assert sessions.has_room(FAR)
        sessions.add(FAR, number, 7, number, 0.0)
    assert not sessions.has_room(FAR)
    for number in range(4):
        sessions.add(bytes([number]) * 32, 1, 7, 10 + number, 50.0)
    assert not sessions.has_room(OTHER)
    assert sessions.expire(IDLE_TIMEOUT_S) == [0, 1]
    assert sessions.has_room(FAR)
    assert len(sessions) == 4
    assert sessions.find_raw(None, 0, 7) is None
    assert sorted(sessions.clear()) == [10, 11, 12, 13]
    assert len(sessions) == 0


def test_a_program_with_many_ports_loses_its_idlest_session() -> None:
    sessions: UdpClientSessions[tuple[str, int]] = UdpClientSessions(
        5, lambda bound: 976, group_of=lambda owner: owner[0]
    )
    for port in range(1, 5):
        sessions.obtain(("greedy", port), port, FAR, 7, float(port))
    modest = sessions.obtain(("modest", 9), 9, FAR, 7, 0.0)
    assert sessions.obtain(("new", 10), 10, FAR, 7, 4.0 + IDLE_S) is not None
    assert sessions.find(7, 1) is None and sessions.find(7, 9) is modest
    assert sessions.counters["sessions_evicted"] == 1


def test_a_few_destinations_keep_no_other_out() -> None:
    sessions: UdpServerSessions[int] = UdpServerSessions(32, 4)
    for number in range(32):
        assert sessions.has_room(bytes([number % 8]) * 32)
        sessions.add(bytes([number % 8]) * 32, number, 7, number, float(number))
    for number in range(100, 120):
        honest = bytes([number]) * 32
        assert not sessions.has_room(honest)
        evicted = sessions.make_room(honest, 32.0)
        assert evicted == number - 100
        sessions.add(honest, 1, 7, number, 32.0)
        assert len(sessions) == 32
    assert sessions.make_room(bytes([7]) * 32, 32.0) is not None


def test_busy_sessions_of_many_stay() -> None:
    sessions: UdpServerSessions[int] = UdpServerSessions(4, 4)
    for number in range(4):
        sessions.add(bytes([number]) * 32, number, 7, number, 5.0)
    assert sessions.make_room(FAR, 6.0) is None
    assert sessions.make_room(FAR, 5.0 + IDLE_S) == 0


def test_a_destination_with_all_its_sessions_gives_up_its_own() -> None:
    sessions: UdpServerSessions[int] = UdpServerSessions(10, 2)
    for number in range(2):
        sessions.add(FAR, number, 7, number, 1.0)
    sessions.add(OTHER, 1, 7, 9, 0.0)
    assert sessions.make_room(FAR, 2.0) is None
    assert sessions.make_room(FAR, 1.0 + IDLE_S) == 0
