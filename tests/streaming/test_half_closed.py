"""Asking peers: whether they have all that was written, and whether they are still there.

What peers do after our CLOSE is scripted: Java drops everything and answers another CLOSE with
RESET; i2pd answers with its own CLOSE at once and knows the stream no more.
"""

from __future__ import annotations

import asyncio

import pytest

from core.io.stream import Stream as Handle
from core.streaming import packet as p
from core.streaming.connection import Stream
from core.streaming.events import Acknowledged, PathSuspect, RemoteClosed, Reset
from core.streaming.packet import Packet, build_packet
from tests.support.stream_path import KEYS, Network
from tests.support.stream_script import PEER, Script


def half_closed(script: Script) -> tuple[Stream, Packet]:
    """A stream whose CLOSE the peer has acknowledged."""
    stream = script.connected()
    stream.write(b"all there is to say")
    stream.close(script.now)
    sent = script.take()
    close = sent[-1]
    assert close.flags & p.CLOSE
    script.give(build_packet(stream.local_id, script.peer_id, 0, close.sequence))
    script.events()
    return stream, close


def test_a_peer_that_drops_everything_says_so_when_it_is_asked() -> None:
    script = Script()
    stream, close = half_closed(script)
    asked = script.wait(3.1)
    assert [(one.sequence, bool(one.flags & p.CLOSE)) for one in asked] == [(close.sequence, True)]
    assert asked[0].is_signed_by(KEYS[0].destination, None)
    script.give(
        build_packet(stream.local_id, script.peer_id, 0, 0, flags=p.RESET | p.NO_ACK, signer=PEER)
    )
    assert script.events() == [Reset(stream, "peer")]


def test_a_peer_that_is_gone_is_given_up_in_half_a_minute() -> None:
    script = Script()
    stream, close = half_closed(script)
    began = script.now
    asked = script.wait(60)
    assert [one.sequence for one in asked[:5]] == [close.sequence] * 5
    assert [bool(one.flags & p.RESET) for one in asked[5:]] == [True]
    events = script.events()
    assert events[-1] == Reset(stream, "timeout")
    assert any(isinstance(event, PathSuspect) for event in events)
    script = Script()
    stream, _ = half_closed(script)
    began = script.now
    while not stream.is_dead:
        script.wait(0.5)
    assert 20 < script.now - began < 45


def test_a_peer_that_takes_its_time_is_waited_for_and_seldom_asked() -> None:
    script = Script()
    stream, close = half_closed(script)
    questions = 0
    for _ in range(6000):
        for one in script.wait(0.1):
            questions += 1
            assert one.sequence == close.sequence
            script.give(build_packet(stream.local_id, script.peer_id, 0, close.sequence))
    assert not stream.is_dead
    assert 15 < questions < 30  # in ten minutes
    script.give(build_packet(stream.local_id, script.peer_id, 1, close.sequence, payload=b"late"))
    script.give(
        build_packet(stream.local_id, script.peer_id, 2, close.sequence, flags=p.CLOSE, signer=PEER)
    )
    assert stream.read() == b"late"
    assert any(isinstance(event, RemoteClosed) for event in script.events())


def test_i2pd_ends_at_once() -> None:
    script = Script()
    stream = script.connected()
    stream.write(b"all")
    stream.close(script.now)
    close = script.take()[-1]
    script.give(
        build_packet(stream.local_id, script.peer_id, 1, close.sequence, flags=p.CLOSE, signer=PEER)
    )
    assert stream.at_eof
    assert stream.is_dead


def test_our_own_peer_may_answer_after_minutes() -> None:
    network = Network()
    stream = network.connect(initial=b"question")
    network.run(lambda: bool(network.ends[1].streams))
    peer = network.ends[1].streams[0]
    stream.close(network.now)
    network.run(seconds=600)
    assert not stream.is_dead
    assert not peer.is_dead
    peer.write(b"answer")
    peer.close(network.now)
    network.run(seconds=5)
    assert stream.read() == b"answer"
    assert stream.at_eof


def test_all_that_was_written_is_acknowledged_or_not() -> None:
    script = Script()
    stream = script.connected()
    stream.write(b"GET")
    sent = script.take()[-1]
    stream.request_ack()
    assert not stream.is_flushed
    assert script.take() == []  # the data itself is what asks
    script.give(build_packet(stream.local_id, script.peer_id, 0, sent.sequence))
    assert stream.is_flushed
    assert Acknowledged(stream) in script.events()
    stream.request_ack()
    question = script.take()[-1]
    assert (question.sequence, question.payload) == (sent.sequence + 1, b"")
    assert script.events() == []
    assert stream.has_arrived  # every byte has: only the question is open
    script.give(build_packet(stream.local_id, script.peer_id, 0, question.sequence))
    assert script.events() == [Acknowledged(stream)]


@pytest.mark.parametrize("is_acknowledged", [True, False])
def test_a_dead_stream_remembers_what_was_acknowledged(is_acknowledged: bool) -> None:
    script = Script()
    stream = script.connected()
    stream.write(b"GET")
    sent = script.take()[-1]
    if is_acknowledged:
        script.give(build_packet(stream.local_id, script.peer_id, 0, sent.sequence))
    script.give(
        build_packet(stream.local_id, script.peer_id, 0, 0, flags=p.RESET | p.NO_ACK, signer=PEER)
    )
    assert stream.is_dead
    assert stream.has_arrived is is_acknowledged


def test_an_ack_is_waited_for_a_few_round_trips() -> None:
    network = Network()
    stream = network.connect(initial=b"question")
    network.run(lambda: bool(network.ends[1].streams))
    assert 3.0 <= stream.ack_due_s <= 10.0


def test_any_packet_is_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow upload is not acknowledged as a whole for long: its stream is no dead one."""

    monkeypatch.setattr("core.streaming.recovery.ACK_DUE_MAX_S", 0.05)

    async def main() -> None:
        script = Script()
        engine = script.connected()
        handle = Handle(engine, lambda: script.now, lambda: None)
        await handle.write(bytes(20_000))
        for speaks in (True, False):
            sent = script.take()
            asking = asyncio.create_task(handle.probe())
            await asyncio.sleep(0)
            script.now += 1
            if speaks:
                script.give(build_packet(engine.local_id, script.peer_id, 0, sent[0].sequence))
            assert not asking.done()
            assert await asking is speaks
        assert not handle.has_arrived

    asyncio.run(main())
