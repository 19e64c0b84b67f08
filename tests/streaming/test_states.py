"""The table of states: complete, drawn as it is, and walked by streams."""

from __future__ import annotations

from core.streaming.packet import CLOSE, build_packet
from core.streaming.state import TRANSITIONS, StreamChange, StreamState
from tests.support.state_diagram import drawn, mermaid
from tests.support.stream_script import PEER, Script

FIRST = {StreamState.CONNECTING: "we open / SYN", StreamState.OPEN: "a peer's SYN"}
LAST = [StreamState.CLOSED, StreamState.RESET]


def test_the_figure_shows_the_table() -> None:
    assert drawn("STREAM_STATES.md") == mermaid(TRANSITIONS, FIRST, LAST)


def test_every_state_is_reached_and_can_be_left_until_the_end() -> None:
    reached = set(FIRST)
    for _ in StreamState:
        reached |= {end for (start, _), end in TRANSITIONS.items() if start in reached}
    assert reached == set(StreamState)
    for state in StreamState:
        ways = {change for start, change in TRANSITIONS if start is state}
        assert (StreamChange.RESET in ways) == (state not in LAST)
    assert {change for _, change in TRANSITIONS} == set(StreamChange)


def test_our_direction_ends_first() -> None:
    script = Script()
    stream = script.connected()
    stream.close(script.now)
    (close,) = script.take()
    assert stream.state is StreamState.OPEN
    script.give(build_packet(stream.local_id, script.peer_id, 0, close.sequence))
    assert stream.state is StreamState.HALF_CLOSED_LOCAL
    script.give(build_packet(stream.local_id, script.peer_id, 1, 1, flags=CLOSE, signer=PEER))
    assert stream.state is StreamState.CLOSED


def test_the_peers_direction_ends_first() -> None:
    script = Script()
    stream = script.connected()
    script.give(build_packet(stream.local_id, script.peer_id, 1, 0, flags=CLOSE, signer=PEER))
    assert stream.state is StreamState.HALF_CLOSED_REMOTE
    stream.close(script.now)
    close = next(packet for packet in script.take() if packet.is_close)
    script.give(build_packet(stream.local_id, script.peer_id, 0, close.sequence))
    assert stream.state is StreamState.CLOSED


def test_an_ack_of_syn_and_close_may_overtake_the_reply() -> None:
    script = Script()
    stream = script.manager.connect(PEER.destination, now=script.now)
    stream.close(script.now)
    (syn,) = script.take()
    assert syn.is_close
    script.give(build_packet(stream.local_id, script.peer_id, 0, 0))
    assert stream.state is StreamState.CONNECTING
    script.give(script.reply(syn))
    assert stream.state is StreamState.HALF_CLOSED_LOCAL
    assert not stream.is_dead


def test_a_close_that_nobody_acknowledges_ends_the_stream_in_order() -> None:
    script = Script()
    stream = script.connected()
    stream.close(script.now)
    assert all(packet.is_close for packet in script.wait(120))
    assert stream.state is StreamState.CLOSED
