"""Dispatch, limits, floods, pings, and hostile input."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import LocalError, Unavailable
from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from core.streaming import packet as p
from core.streaming.closed_streams import REPLIES_MAX
from core.streaming.early_packets import (
    EARLY_BYTES_MAX,
    EARLY_PACKETS_MAX,
    EARLY_PEERS_MAX,
)
from core.streaming.events import Pong
from core.streaming.manager import StreamManager
from core.streaming.measured import WINDOW_REMEMBERED_MAX
from core.streaming.options import StreamingOptions
from core.streaming.packet import Packet, build_packet
from core.streaming.state import StreamState
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.stream_path import KEYS, Network, Path


def syn(
    keys: PrivateKeys, stream_id: int, *, target: bytes = KEYS[1].hash, payload: bytes = b""
) -> bytes:
    return build_packet(
        0,
        stream_id,
        0,
        0,
        recipient_hash=target,
        flags=p.SYNCHRONIZE | p.NO_ACK,
        sender=keys.destination,
        payload_max=1812,
        signer=keys,
        payload=payload,
    )


def receiver(options: StreamingOptions | None = None) -> StreamManager:
    return StreamManager(KEYS[1], options or StreamingOptions(), FakeWallClock(), SeededEntropy(9))


def test_syn_for_somebody_else_is_a_replay() -> None:
    manager = receiver()
    manager.receive_packets([(None, 0, 0, syn(KEYS[0], 5, target=KEYS[2].hash))], 1.0)
    assert manager.counters == {"replayed": 1}
    assert not manager.streams


def test_old_syn_opens_nothing_a_second_time() -> None:
    manager = receiver()
    raw = syn(KEYS[0], 5)
    manager.receive_packets([(None, 0, 0, raw)], 1.0)
    manager.streams[0].reset(2.0)
    manager.receive_packets([(None, 0, 0, raw)], 100.0)
    assert not manager.streams
    assert manager.counters == {"replayed": 1}


def test_forged_syn() -> None:
    manager = receiver()
    raw = bytearray(syn(KEYS[0], 5))
    raw[-1] ^= 1
    manager.receive_packets([(None, 0, 0, bytes(raw))], 1.0)
    assert manager.counters == {"unauthentic": 1}


def test_syn_flood_is_limited_and_too_many_streams_are_refused() -> None:
    options = StreamingOptions(max_streams=30, new_streams_burst=40, new_streams_per_second=10)
    manager = receiver(options)
    for number in range(1, 101):
        manager.receive_packets([(KEYS[0].hash, 0, 0, syn(KEYS[0], number))], 1.0)
    assert len(manager.streams) == 30
    assert manager.counters == {"refused": 10, "flood": 60}
    sent = [Packet.parse(out.packet) for out in manager.packets_to_send(1.0)]
    assert sum(1 for packet in sent if packet.flags & p.RESET) == 10
    with pytest.raises(Unavailable):
        manager.connect(KEYS[0].destination, now=2.0)


def test_streams_per_peer_and_minute() -> None:
    manager = receiver(StreamingOptions(peer_streams_per_minute=3))
    for number in range(1, 6):
        manager.receive_packets([(None, 0, 0, syn(KEYS[0], number))], 1.0)
        manager.receive_packets([(None, 0, 0, syn(KEYS[2], number))], 1.0)
    assert len(manager.streams) == 6
    manager.receive_packets([(None, 0, 0, syn(KEYS[0], 77))], 62.0)
    assert len(manager.streams) == 7


def test_not_listening_resets_the_initiator() -> None:
    network = Network()
    network.b.is_listening = False
    stream = network.connect(initial=b"hello")
    network.run(seconds=5)
    assert stream.state is StreamState.RESET
    assert network.resets(0) == ["peer"]
    assert network.now < 1006


def test_a_client_does_not_tell_that_it_is_there() -> None:
    client = receiver(StreamingOptions(accepts_streams=False, answer_pings=False))
    ping = build_packet(
        9, 0, 0, 0, flags=p.ECHO, sender=KEYS[0].destination, signer=KEYS[0], payload=b"x"
    )
    for source in (None, KEYS[0].hash):
        opening = syn(KEYS[0], 5 if source else 6, payload=b"hello")
        client.receive_packets([(source, 0, 80, opening), (source, 0, 0, ping)], 1.0)
    assert client.counters == {"refused": 2, "pings_ignored": 2}
    assert not client.streams and not client.packets_to_send(1.0) and client.next_event() is None
    # It still reaches others itself.
    network = Network(options=client.options, options_b=StreamingOptions())
    stream = network.connect(initial=b"hello")
    network.run(lambda: bool(network.ends[1].streams))
    network.run(seconds=1)
    assert stream.state is StreamState.OPEN


def test_data_that_overtakes_its_syn_is_kept() -> None:
    manager = receiver()
    early = [
        build_packet(0, 5, number, 0, flags=p.NO_ACK, payload=bytes([number])) for number in (2, 1)
    ]
    for raw in early:
        manager.receive_packets([(KEYS[0].hash, 0, 0, raw)], 1.0)
    manager.receive_packets([(KEYS[0].hash, 0, 0, syn(KEYS[0], 5, payload=b"\0"))], 1.5)
    assert manager.streams[0].read() == b"\0\1\2"


def test_early_packets_are_bounded_and_expire() -> None:
    manager = receiver()
    for peer in range(1, EARLY_PEERS_MAX * 2):
        for number in range(1, EARLY_PACKETS_MAX + 5):
            raw = build_packet(0, peer, number, 0, flags=p.NO_ACK, payload=b"x")
            manager.receive_packets([(None, 0, 0, raw)], 1.0)
    assert len(manager._demux._early) == EARLY_PEERS_MAX
    assert manager.counters["early"] == 4 * (EARLY_PEERS_MAX * 2 - 1)
    at = manager.next_timer()
    while at is not None:
        manager.handle_timer(at)
        at = manager.next_timer()
    assert len(manager._demux._early) == 0


def test_early_packets_are_bounded_by_bytes_too() -> None:
    manager = receiver()
    for number in range(1, EARLY_PACKETS_MAX):
        raw = build_packet(0, 5, number, 0, flags=p.NO_ACK, payload=bytes(10_000))
        manager.receive_packets([(None, 0, 0, raw)], 1.0)
    assert manager.counters["early"] == EARLY_PACKETS_MAX - 1 - EARLY_BYTES_MAX // 10_000


def test_ping_and_pong() -> None:
    for authenticated in (True, False):
        network = Network(lambda: Path(delay=0.1), authenticated=authenticated)
        network.a.ping(KEYS[1].hash, network.now, payload=b"p" * 40)
        network.run(seconds=5)
        (pong,) = network.events(0, Pong)
        assert isinstance(pong, Pong)
        assert pong.remote_hash == KEYS[1].hash
        assert pong.payload == b"p" * 32
        assert pong.rtt_s == pytest.approx(0.2, abs=0.01)


def test_pings_are_limited_and_can_be_ignored() -> None:
    ping = build_packet(
        9, 0, 0, 0, flags=p.ECHO, sender=KEYS[0].destination, signer=KEYS[0], payload=b"x"
    )
    manager = receiver()
    manager.receive_packets([(None, 0, 0, ping)] * 100, 1.0)
    assert len(manager.packets_to_send(1.0)) == 30
    silent = receiver(StreamingOptions(answer_pings=False))
    silent.receive_packets([(None, 0, 0, ping)], 1.0)
    assert not silent.packets_to_send(1.0)
    unsigned = build_packet(9, 0, 0, 0, flags=p.ECHO, sender=KEYS[0].destination)
    manager.receive_packets([(None, 0, 0, unsigned)], 100.0)
    assert manager.counters["unauthentic"] == 1
    manager.receive_packets([(KEYS[0].hash, 0, 0, unsigned)], 100.0)
    assert len(manager.packets_to_send(100.0)) == 1


def test_who_accepts_no_streams_shows_nobody_that_it_is_there() -> None:
    ping = build_packet(
        9, 0, 0, 0, flags=p.ECHO, sender=KEYS[0].destination, signer=KEYS[0], payload=b"x"
    )
    unknown = build_packet(77, 5, 3, 0, payload=b"x")
    for is_hidden in (False, True):
        options = StreamingOptions(accepts_streams=not is_hidden, answer_pings=not is_hidden)
        manager = receiver(options)
        manager.is_listening = False
        for raw in (ping, unknown, syn(KEYS[0], 5)):
            manager.receive_packets([(KEYS[0].hash, 0, 0, raw)], 1.0)
            assert bool(manager.packets_to_send(1.0)) != is_hidden
        assert not manager.streams


def test_unknown_streams_are_answered_sparingly() -> None:
    manager = receiver()
    raw = build_packet(1234, 5, 7, 3, payload=b"x")
    manager.receive_packets([(None, 0, 0, raw)] * 10, 1.0)
    assert not manager.packets_to_send(1.0)
    manager.receive_packets([(KEYS[0].hash, 0, 0, raw)] * 100, 1.0)
    out = manager.packets_to_send(1.0)
    assert len(out) == 30
    reset = Packet.parse(out[0].packet)
    # i2pd obeys it as the next in order only: that is what its own ack says.
    assert (reset.send_id, reset.receive_id, reset.sequence) == (5, 1234, 4)
    assert reset.is_signed_by(KEYS[1].destination)


def test_closed_streams_answer_a_few_times_and_are_forgotten() -> None:
    network = Network()
    stream = network.connect(initial=b"hi")
    network.run(lambda: bool(network.ends[1].streams))
    peer = network.ends[1].streams[0]
    stream.close(network.now)
    peer.close(network.now)
    network.run(seconds=5)
    assert stream.state is peer.state is StreamState.CLOSED
    sent = network.ends[1].out.sent
    late = build_packet(peer.local_id, stream.local_id, 1, 0, payload=b"late")
    for _ in range(20):
        network.inject(1, late, source=KEYS[0].hash)
    network.run(seconds=2)
    assert network.ends[1].out.sent - sent == REPLIES_MAX
    network.run(seconds=100)
    assert len(network.b._closed) == len(network.a._closed) == 0
    assert network.a.next_timer() is None


def test_too_much_initial_data() -> None:
    manager = receiver()
    with pytest.raises(LocalError):
        manager.connect(KEYS[0].destination, now=1.0, initial=bytes(1_000_000))


def test_shutdown_tells_every_peer() -> None:
    network = Network()
    for _ in range(5):
        network.connect(initial=b"x")
    network.run(lambda: len(network.ends[1].streams) == 5)
    network.run(seconds=1)
    network.a.shutdown(network.now)
    network.run(seconds=1)
    assert network.resets(1) == ["peer"] * 5


def test_a_second_stream_starts_from_what_the_first_one_learnt() -> None:
    network = Network(lambda: Path(delay=0.2, rate=600))
    first = network.connect(initial=b"x" * 400_000)
    network.run(lambda: first.is_flushed, seconds=30)
    first.close(network.now)
    network.ends[1].streams[0].close(network.now)
    network.run(lambda: first.is_dead, seconds=30)
    second = network.connect()
    assert second.stats.window == pytest.approx(0.75 * first.stats.window)
    assert 100 < second.stats.window < WINDOW_REMEMBERED_MAX
    third = network.connect()
    assert third.stats.window == StreamingOptions().window_initial, "it is not for each of many"
    assert third.stats.rtt == second.stats.rtt
    assert second.stats.rtt == pytest.approx(0.4, abs=0.1)


def test_what_a_transfer_learnt_outlasts_small_streams_after_it() -> None:
    network = Network(lambda: Path(delay=0.2, rate=600))
    first = network.connect(initial=b"x" * 400_000)
    network.run(lambda: first.is_flushed, seconds=30)
    first.close(network.now)
    network.run(seconds=2)
    assert not first.is_dead, "the peer has not closed its direction"
    learnt = 0.75 * first.stats.window
    for _ in range(3):
        small = network.connect(initial=b"a page")
        assert small.stats.window == pytest.approx(learnt)
        small.close(network.now)
        network.run(seconds=1)
        for peer in network.ends[1].streams:
            if not peer.is_dead:
                peer.close(network.now)
        network.run(seconds=1)
        assert small.is_dead


def test_many_streams_at_once() -> None:
    network = Network(lambda: Path(delay=0.05, loss=0.02), seed=3)
    streams = [network.connect(initial=bytes([i]) * (i * 50)) for i in range(150)]
    for stream in streams:
        stream.close(network.now)

    def step() -> None:
        for peer in network.ends[1].streams:
            if peer.is_remote_closed and not peer.is_dead and peer.writable_bytes:
                peer.write(peer.read(100_000))
                peer.close(network.now)

    network.on_step = step
    network.run(lambda: all(stream.is_dead for stream in streams), seconds=100)
    for i, stream in enumerate(streams):
        assert stream.state is StreamState.CLOSED
        assert stream.read(100_000) == bytes([i]) * (i * 50)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.binary(max_size=100), max_size=8), st.integers(0, 0xFFFF))
def test_junk_is_counted_and_nothing_else(packets: list[bytes], flags: int) -> None:
    manager = receiver()
    stream = manager.connect(KEYS[0].destination, now=1.0)
    known = stream.local_id.to_bytes(4, "big")
    now = 1.0
    for raw in packets:
        shaped = known + raw[:13] + b"\0\0" + flags.to_bytes(2, "big") + raw
        for junk in (raw, known + raw, shaped):
            now += 0.01
            manager.receive_packets([(None, 0, 0, junk), (KEYS[0].hash, 1, 2, junk)], now)
            manager.packets_to_send(now)
            manager.handle_timer(now)


@pytest.mark.doubles
@pytest.mark.parametrize("seed", range(4))
def test_mutated_packets_never_break_the_machines(seed: int) -> None:
    # With sources known nothing is authenticated below this layer here, so bytes of the data may
    # change; what must hold is that nobody raises and no table grows.
    network = Network(lambda: Path(delay=0.05, rate=300, jitter=0.02), seed=seed)
    rand = random.Random(seed)
    original = StreamManager.receive_packets

    def mutate(raw: bytes) -> bytes:
        if rand.random() < 0.2 and raw:
            mutated = bytearray(raw)
            for _ in range(rand.randrange(1, 4)):
                mutated[rand.randrange(min(len(mutated), 60))] = rand.randrange(256)
            return bytes(mutated[: rand.randrange(1, len(mutated) + 1)])
        return raw

    for end in network.ends:
        manager = end.manager

        def receive(
            batch: list[tuple[object, int, int, bytes]],
            now: float,
            manager: StreamManager = manager,
        ) -> None:
            original(manager, [(s, f, t, mutate(raw)) for s, f, t, raw in batch], now)

        manager.receive_packets = receive  # type: ignore[method-assign,assignment]
    streams = [network.connect(initial=b"z" * 20_000) for _ in range(10)]

    def step() -> None:
        for peer in network.ends[1].streams:
            peer.read(100_000)

    network.on_step = step
    network.run(seconds=30)
    for stream in streams:
        stream.reset(network.now)
    network.run(seconds=700)
    assert not network.a.streams
    assert len(network.b.streams) <= 10


def test_destination_of_another_signing_type() -> None:
    keys = PrivateKeys.generate_destination(SeededEntropy("p256"), signing_type=1)
    assert isinstance(keys.destination, Destination)
    manager = receiver()
    manager.receive_packets([(None, 0, 0, syn(keys, 5))], 1.0)
    assert manager.streams[0].remote == keys.destination


def test_an_ack_that_overtakes_the_syn_reply_costs_no_data() -> None:
    """Two inbound tunnels, two speeds: the server's plain ack arrives before its SYN reply."""
    client = StreamManager(KEYS[0], StreamingOptions(), FakeWallClock(), SeededEntropy(3))
    server = receiver()
    stream = client.connect(KEYS[1].destination, now=1.0, initial=b"question")
    asked = [(None, o.from_port, o.to_port, o.packet) for o in client.packets_to_send(1.0)]
    server.receive_packets(asked, 1.0)
    (served,) = server.streams
    served.write(b"answer")
    reply = [(None, o.from_port, o.to_port, o.packet) for o in server.packets_to_send(1.0)]
    early_ack = build_packet(stream.local_id, served.local_id, 0, 0)
    client.receive_packets([(None, 0, 0, early_ack)], 1.1)
    client.receive_packets(reply, 1.2)
    assert stream.read() == b"answer"
