"""The SSU2 handshake: the steps, and Alice and Bob around them, without a socket."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, PeerError
from core.transport.ports import Blame, Ended, Skew, Unreachable
from core.transport.reasons import TerminationReason
from core.transport.ssu2 import handshake, outside
from core.transport.ssu2.confirmed import cut
from core.transport.ssu2.framing import BlockType, write_block
from core.transport.ssu2.handshake import ConnectionIds
from core.transport.ssu2.header import (
    LongHeader,
    PacketType,
    mask,
    read_destination,
    read_type,
)
from core.transport.ssu2.initiator import Initiator
from core.transport.ssu2.responder import Accepted, Responder
from core.transport.ssu2.states import State
from tests.support.deterministic import FakeWallClock
from tests.transport.ssu2.parties import ALICE_AT, BOB_AT, NETWORK_ID, Party, retry_of

NOW = 1000.0


def pair(**changes: int) -> tuple[Party, Party, FakeWallClock]:
    wall = FakeWallClock()
    return Party("alice", wall, **changes), Party("bob", wall), wall


def take(output: list[bytes]) -> list[bytes]:
    packets, output[:] = list(output), []
    return packets


def to_created(alice: Party, bob: Party, now: float = NOW) -> tuple[Initiator, Responder]:
    """Both machines, up to SessionCreated, which lies in Bob's output."""
    initiator = alice.dial(bob, now)
    (token_request,) = take(initiator.output)
    initiator.receive(retry_of(bob, token_request, now), now)
    (request,) = take(initiator.output)
    return initiator, bob.answer(request, now)


def to_end(alice: Party, bob: Party) -> tuple[Initiator, Responder, Accepted]:
    initiator, responder = to_created(alice, bob)
    initiator.receive(take(responder.output)[0], NOW + 0.1)
    accepted = None
    for packet in take(initiator.output):
        accepted = responder.receive(packet, NOW + 0.2) or accepted
    assert accepted is not None
    return initiator, responder, accepted


def test_both_ends_have_the_same_keys() -> None:
    alice, bob, _ = pair()
    initiator, responder, accepted = to_end(alice, bob)
    a, b = initiator.keys, accepted.keys
    assert a is not None and a.is_initiator and not b.is_initiator
    assert (a.send_key, a.receive_key) == (b.receive_key, b.send_key)
    assert a.send_header_key_1 == b.receive_header_key_1 == bob.intro.raw
    assert a.receive_header_key_1 == b.send_header_key_1 == alice.intro.raw
    assert (a.send_header_key_2, a.receive_header_key_2) == (
        b.receive_header_key_2,
        b.send_header_key_2,
    )
    assert (a.send_connection_id, a.receive_connection_id) == (202, 101)
    assert (b.send_connection_id, b.receive_connection_id) == (101, 202)
    assert len({a.send_key, a.receive_key, a.send_header_key_2, a.receive_header_key_2}) == 4
    assert accepted.router_info == alice.router_info()
    assert initiator.state is State.AWAIT_DATA and responder.state is State.ESTABLISHED
    assert initiator.seen_as == ALICE_AT
    assert initiator.rtt_s == pytest.approx(0.1) and responder.rtt_s == pytest.approx(0.2)


def test_every_handshake_has_other_keys_and_packets() -> None:
    alice, bob, _ = pair()
    first, second = to_end(alice, bob), to_end(alice, bob)
    assert first[0].keys != second[0].keys


def test_a_token_saves_the_token_request() -> None:
    alice, bob, wall = pair()
    alice.context.tokens.put(BOB_AT, 7, wall.now() + 60)
    initiator = alice.dial(bob, NOW)
    (request,) = take(initiator.output)
    clear = mask(request, bob.intro.header, bob.intro.header, 48)
    header = LongHeader.parse(clear)
    assert header.packet_type == PacketType.SESSION_REQUEST and header.token == 7
    assert alice.context.tokens.take(BOB_AT, wall.now()) == 0, "used up"


def test_a_refused_token_is_replaced_once() -> None:
    alice, bob, wall = pair()
    alice.context.tokens.put(BOB_AT, 7, wall.now() + 60)
    initiator = alice.dial(bob, NOW)
    (request,) = take(initiator.output)
    initiator.receive(retry_of(bob, request, NOW), NOW)
    (again,) = take(initiator.output)
    assert again != request and initiator.state is State.AWAIT_CREATED
    initiator.receive(retry_of(bob, again, NOW), NOW)
    assert not initiator.output, "no endless exchange"
    initiator.receive(take(bob.answer(again, NOW).output)[0], NOW)
    assert initiator.keys is not None


@pytest.mark.parametrize(("size", "room", "count"), [
    (0, 1252, 1), (600, 1252, 1), (1500, 1252, 2), (2000, 1252, 2), (2000, 700, 4),
])  # fmt: skip
def test_router_infos_of_any_size_arrive(size: int, room: int, count: int) -> None:
    alice, bob, _ = pair(filler=size)
    alice.room = room
    initiator, responder = to_created(alice, bob)
    initiator.receive(take(responder.output)[0], NOW)
    packets = take(initiator.output)
    assert len(packets) == count and all(len(packet) <= room for packet in packets)
    results = [responder.receive(packet, NOW) for packet in reversed(packets)]
    accepted = results[-1]
    assert results[:-1] == [None] * (count - 1)
    assert accepted is not None and accepted.router_info == alice.router_info()


def test_fragments_may_be_repeated() -> None:
    alice, bob, _ = pair(filler=1500)
    initiator, responder = to_created(alice, bob)
    initiator.receive(take(responder.output)[0], NOW)
    first, second = take(initiator.output)
    assert responder.receive(first, NOW) is None
    assert responder.receive(first, NOW) is None
    assert responder.receive(second, NOW) is not None


@pytest.mark.parametrize(("size", "pieces"), [
    (100, [100]), (101, [77, 24]), (123, [99, 24]), (124, [100, 24]), (200, [100, 100]),
    (201, [100, 77, 24]), (24, [24]),
])  # fmt: skip
def test_the_last_fragment_is_long_enough(size: int, pieces: list[int]) -> None:
    data = bytes(range(size))
    cuts = cut(data, 100)
    assert [len(piece) for piece in cuts] == pieces and b"".join(cuts) == data


def test_sizes_that_peers_force() -> None:
    """i2pd: SessionRequest at least 90 bytes. Java: padding at most 32 and 64."""
    for seed in range(40):
        wall = FakeWallClock()
        alice, bob = Party(f"alice{seed}", wall), Party(f"bob{seed}", wall)
        initiator = alice.dial(bob, NOW)
        (token_request,) = take(initiator.output)
        assert 58 <= len(token_request) <= 48 + 7 + 32
        retry = retry_of(bob, token_request, NOW)
        assert len(retry) <= 3 * len(token_request)
        initiator.receive(retry, NOW)
        (request,) = take(initiator.output)
        assert 90 <= len(request) <= 80 + 7 + 32
        (created,) = take(bob.answer(request, NOW).output)
        assert 80 + 7 + 9 + 3 <= len(created) <= 80 + 7 + 9 + 64


def test_packets_are_named_by_the_connection_id_of_the_receiver() -> None:
    alice, bob, _ = pair()
    initiator, responder = to_created(alice, bob)
    (created,) = take(responder.output)
    assert read_destination(created, bob.intro.header) == (101).to_bytes(8, "big")
    initiator.receive(created, NOW)
    for packet in take(initiator.output):
        assert read_destination(packet, bob.intro.header) == (202).to_bytes(8, "big")


def test_a_session_created_that_looks_like_a_retry_is_none() -> None:
    """Under the key of a Retry its type is any number, so one of 256 has that of a Retry."""
    alice, bob, _ = pair()
    for _ in range(2000):
        initiator, responder = to_created(alice, bob)
        (created,) = take(responder.output)
        if read_type(created, bob.intro.header) == PacketType.RETRY:
            initiator.receive(created, NOW)
            assert initiator.keys is not None
            return
    raise AssertionError("none of 2000 looked like a Retry")


# Damage and forgery


def flipped(packet: bytes, at: int) -> bytes:
    return packet[:at] + bytes((packet[at] ^ 1,)) + packet[at + 1 :]


def test_damaged_packets_change_nothing() -> None:
    alice, bob, _ = pair()
    initiator = alice.dial(bob, NOW)
    (token_request,) = take(initiator.output)
    retry = retry_of(bob, token_request, NOW)
    for at in range(len(retry)):
        initiator.receive(flipped(retry, at), NOW)
    assert initiator.state is State.AWAIT_RETRY and not initiator.output
    initiator.receive(retry, NOW)
    (request,) = take(initiator.output)
    for at in range(len(request)):
        with pytest.raises((DecodeError, PeerError)):
            bob.answer(flipped(request, at), NOW)
    responder = bob.answer(request, NOW)
    (created,) = take(responder.output)
    for at in range(len(created)):
        initiator.receive(flipped(created, at), NOW)
    assert initiator.state is State.AWAIT_CREATED and not initiator.notices
    initiator.receive(created, NOW)
    (confirmed,) = take(initiator.output)
    for at in range(len(confirmed)):
        assert responder.receive(flipped(confirmed, at), NOW) is None
    assert responder.ended is None
    assert responder.receive(confirmed, NOW) is not None


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_junk_is_dropped_in_every_state(junk: bytes) -> None:
    alice, bob, _ = pair()
    initiator = alice.dial(bob, NOW)
    initiator.receive(junk, NOW)
    assert initiator.state is State.AWAIT_RETRY
    with pytest.raises(DecodeError):
        handshake.Request(junk, bob.context.local, NETWORK_ID, (2, 4))
    _, responder = to_created(alice, bob)
    assert responder.receive(junk, NOW) is None and responder.ended is None


@pytest.mark.parametrize("change", [
    {"version": 3}, {"network_id": 2}, {"packet_type": 0}, {"source_id": 5}, {"destination_id": 5},
])  # fmt: skip
def test_a_retry_must_be_ours(change: dict[str, int]) -> None:
    alice, bob, _ = pair()
    initiator = alice.dial(bob, NOW)
    fields = {
        "destination_id": 101, "packet_number": 1, "packet_type": 9, "source_id": 202, "token": 3,
        "network_id": NETWORK_ID, "version": 2,
    }  # fmt: skip
    payload = bytes.fromhex("00 0004 00000001 fe 0005 0000000000")
    wrong = outside.seal(LongHeader(**(fields | change)), payload, bob.intro)
    initiator.receive(wrong, NOW)
    assert initiator.state is State.AWAIT_RETRY
    initiator.receive(outside.seal(LongHeader(**fields), payload, bob.intro), NOW)
    assert initiator.state is State.AWAIT_CREATED


def test_equal_connection_ids_are_refused() -> None:
    alice, bob, wall = pair()
    alice.context.tokens.put(BOB_AT, 7, wall.now() + 60)
    (request,) = alice.dial(bob, NOW, ConnectionIds(5, 5)).output
    with pytest.raises(DecodeError, match="equal"):
        bob.answer(request, NOW)


def test_a_request_of_another_network_is_refused() -> None:
    alice, bob, wall = pair()
    alice.context.tokens.put(BOB_AT, 7, wall.now() + 60)
    alice.context.network_id = 2
    (request,) = alice.dial(bob, NOW).output
    with pytest.raises(DecodeError, match="network"):
        bob.answer(request, NOW)


# Who Alice is


def refused(alice: Party, bob: Party) -> Ended:
    initiator, responder = to_created(alice, bob)
    initiator.receive(take(responder.output)[0], NOW)
    for packet in take(initiator.output):
        assert responder.receive(packet, NOW) is None
    assert responder.ended is not None and responder.state is State.CLOSED
    return responder.ended


def test_a_static_key_that_is_not_published_is_refused() -> None:
    alice, bob, _ = pair()
    alice.published_key = bob.static_key.public
    assert refused(alice, bob).code == TerminationReason.STATIC_KEY_MISMATCH


def test_a_router_of_another_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob, _ = pair()
    foreign = alice.router_info(network_id=2)
    monkeypatch.setattr(alice, "router_info", lambda: foreign)
    assert refused(alice, bob).blame is Blame.FOREIGN_NETWORK


@pytest.mark.parametrize("age_s", [91 * 60, -180])
def test_old_and_future_router_infos_are_refused(
    age_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, _ = pair()
    dated = alice.router_info(age_s)
    monkeypatch.setattr(alice, "router_info", lambda: dated)
    assert refused(alice, bob).blame is Blame.PEER


def test_an_old_router_info_with_an_old_key_is_refused() -> None:
    alice, bob, _ = pair()
    newer = Party("alice", FakeWallClock(1_700_000_060.0))
    newer.published_key = bob.static_key.public
    bob.known[alice.keys.hash] = newer.router_info()
    assert refused(alice, bob).code == TerminationReason.STATIC_KEY_MISMATCH


@pytest.mark.parametrize("payload", [
    b"", bytes(20), write_block(BlockType.ROUTER_INFO, b"\0\1junk"),
    write_block(BlockType.ROUTER_INFO, b"\2\1junk"), write_block(BlockType.ROUTER_INFO, b""),
    write_block(BlockType.DATE_TIME, bytes(4)), b"\x02\xff\xff\0\1",
])  # fmt: skip
def test_forbidden_contents_of_session_confirmed(
    payload: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, _ = pair()
    padded = payload + write_block(BlockType.PADDING, bytes(8)) if payload != bytes(20) else payload
    monkeypatch.setattr(handshake, "confirmed_payload", lambda *_: padded)
    assert refused(alice, bob).code == TerminationReason.PAYLOAD_FORMAT_ERROR


# Clocks


@pytest.mark.parametrize("offset_s", [61.0, -61.0])
def test_a_wrong_clock_ends_it_for_alice(offset_s: float) -> None:
    alice, bob, _ = pair()
    bob.context.wall = FakeWallClock(1_700_000_000.0 + offset_s)
    initiator, responder = to_created(alice, bob)
    initiator.receive(take(responder.output)[0], NOW)
    skew, end = initiator.notices
    assert isinstance(skew, Skew) and skew.seconds == pytest.approx(offset_s)
    assert isinstance(end, Ended) and end.blame is Blame.CLOCK_SKEW
    assert initiator.state is State.CLOSED and initiator.keys is None


def test_a_refusal_for_a_wrong_clock_tells_the_time() -> None:
    alice, bob, _ = pair()
    bob.wall = FakeWallClock(1_700_000_300.0)
    initiator = alice.dial(bob, NOW)
    (packet,) = take(initiator.output)
    initiator.receive(retry_of(bob, packet, NOW, TerminationReason.CLOCK_SKEW), NOW)
    skew, end = initiator.notices
    assert isinstance(skew, Skew) and skew.seconds == 300.0
    assert isinstance(end, Ended) and end.blame is Blame.CLOCK_SKEW and end.is_remote


def test_skew_is_corrected_by_half_the_round_trip() -> None:
    alice, bob, _ = pair()
    initiator, responder = to_created(alice, bob)
    initiator.receive(take(responder.output)[0], NOW + 4)
    assert initiator.notices == [Skew(2.0)]
    responder.receive(take(initiator.output)[0], NOW + 2)
    assert responder.skew_s == pytest.approx(1.0)


# Time


def test_packets_are_repeated_and_then_given_up() -> None:
    alice, bob, _ = pair()
    initiator = alice.dial(bob, NOW)
    (packet,) = take(initiator.output)
    for at in (1.25, 3.75, 8.75):
        assert initiator.next_timer == NOW + at
        initiator.handle_timer(NOW + at - 0.01)
        assert not initiator.output
        initiator.handle_timer(NOW + at)
        assert take(initiator.output) == [packet]
    assert initiator.next_timer == NOW + 10
    initiator.handle_timer(NOW + 10)
    assert initiator.notices == [Unreachable("timeout", is_local=False, is_silent=True)]
    assert initiator.state is State.CLOSED


def test_silence_after_a_retry_is_no_silence() -> None:
    alice, bob, _ = pair()
    initiator, _ = to_created(alice, bob)
    initiator.handle_timer(NOW + 10)
    (end,) = initiator.notices
    assert isinstance(end, Ended) and end.reason == "timeout"


def test_session_confirmed_is_repeated_until_data_comes() -> None:
    alice, bob, _ = pair()
    initiator, responder = to_created(alice, bob)
    (created,) = take(responder.output)
    initiator.receive(created, NOW)
    packets = take(initiator.output)
    initiator.handle_timer(NOW + 1.25)
    assert take(initiator.output) == packets
    initiator.receive(created, NOW + 1.5)
    assert not initiator.output, "not so soon"
    initiator.receive(created, NOW + 2)
    assert take(initiator.output) == packets, "Bob says that he has not got it"
    initiator.confirmed(NOW + 2)
    initiator.handle_timer(NOW + 20)
    assert not initiator.output and initiator.state is State.ESTABLISHED


def test_who_never_answers_session_confirmed_is_to_blame() -> None:
    alice, bob, _ = pair()
    initiator, responder = to_created(alice, bob)
    initiator.receive(take(responder.output)[0], NOW)
    initiator.notices.clear()
    initiator.handle_timer(NOW + 10)
    (end,) = initiator.notices
    assert isinstance(end, Ended) and end.blame is Blame.PEER


def test_session_created_is_repeated_and_then_given_up() -> None:
    alice, bob, _ = pair()
    _, responder = to_created(alice, bob)
    (created,) = take(responder.output)
    responder.handle_timer(NOW + 1.25)
    assert take(responder.output) == [created]
    responder.handle_timer(NOW + 10)
    assert responder.ended == Ended("timeout", 14, Blame.NOBODY, is_abort=True)


def test_a_repeated_request_gets_the_same_answer() -> None:
    alice, bob, _ = pair()
    initiator = alice.dial(bob, NOW)
    (token_request,) = take(initiator.output)
    initiator.receive(retry_of(bob, token_request, NOW), NOW)
    (request,) = take(initiator.output)
    responder = bob.answer(request, NOW)
    (created,) = take(responder.output)
    responder.receive(request, NOW + 0.1)
    assert not responder.output
    responder.receive(request, NOW + 1)
    assert take(responder.output) == [created]


def test_data_that_overtakes_is_kept_within_bounds() -> None:
    alice, bob, _ = pair()
    _, responder = to_created(alice, bob)
    packets = [bytes((index,)) * 50 for index in range(20)]
    for packet in packets:
        responder.receive(packet, NOW)
    assert responder.early == packets[:16]
    assert bob.stats.packets_malformed == 4
