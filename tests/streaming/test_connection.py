"""The life of a stream: opening, closing in any order, resets, choking, silence."""

from __future__ import annotations

import pytest

from core.base.errors import LocalError
from core.streaming import packet as p
from core.streaming.connection import Stream
from core.streaming.events import (
    Closed,
    Connected,
    PathSuspect,
    Readable,
    RemoteClosed,
    StreamOpened,
    Writable,
)
from core.streaming.options import StreamingOptions
from core.streaming.packet import Packet, build_packet
from core.streaming.state import StreamState
from tests.support.deterministic import SeededEntropy
from tests.support.stream_path import KEYS, Network, Path, Transfer


def opened(network: Network, *, initial: bytes = b"") -> tuple[Stream, Stream]:
    stream = network.connect(initial=initial)
    ready = lambda: bool(network.ends[1].streams) and stream.state is StreamState.OPEN  # noqa: E731
    assert network.run(ready, seconds=60)
    network.run(seconds=1)
    return stream, network.ends[1].streams[0]


def flags_of(raw: bytes) -> int:
    return Packet.parse(raw).flags


def test_open_with_initial_data_takes_one_packet_each_way() -> None:
    network = Network()
    stream = network.connect(initial=b"GET /", to_port=80)
    network.run(lambda: bool(network.ends[1].streams))
    peer = network.ends[1].streams[0]
    assert network.ends[0].out.sent == 1
    assert peer.read() == b"GET /"
    assert peer.local_port == 80
    assert peer.remote == KEYS[0].destination
    peer.write(b"200")
    network.run(lambda: stream.readable_bytes > 0)
    assert stream.read() == b"200"
    assert [type(e) for e in network.ends[0].events] == [Connected, Readable]
    assert [type(e) for e in network.ends[1].events] == [StreamOpened, Readable]
    assert network.now == pytest.approx(1000.1, abs=0.01)


def test_data_follows_the_syn_before_the_answer() -> None:
    network = Network(lambda: Path(delay=0.5))
    stream = network.connect(initial=b"x" * 10000)
    network.run(seconds=0.4)
    assert network.ends[0].out.sent == StreamingOptions().window_unanswered
    network.run(lambda: bool(network.ends[1].streams))
    network.run(seconds=0.1)
    assert network.ends[1].streams[0].readable_bytes == 3 * 1812
    network.run(seconds=3)
    assert network.ends[1].streams[0].readable_bytes == 10000
    assert stream.is_flushed


def test_mtu_is_the_smaller_one() -> None:
    network = Network(options_b=StreamingOptions(mtu=1730))
    stream, peer = opened(network)
    assert stream.mtu == peer.mtu == 1730


@pytest.mark.parametrize("first", [0, 1])
def test_half_close_both_orders(first: int) -> None:
    network = Network()
    pair = opened(network, initial=b"hi")
    pair[1].read()
    one, two = pair[first], pair[1 - first]
    one.write(b"last words")
    one.close(network.now)
    with pytest.raises(LocalError):
        one.write(b"more")
    network.run(seconds=2)
    assert two.read() == b"last words"
    assert two.at_eof
    assert not one.is_dead
    assert network.events(1 - first, RemoteClosed)
    two.write(b"still talking " * 1000)
    network.run(seconds=5)
    assert one.read(10**6) == b"still talking " * 1000
    assert not one.at_eof
    two.close(network.now)
    network.run(seconds=5)
    assert one.state is two.state is StreamState.CLOSED
    assert one.at_eof
    assert len(network.events(0, Closed)) == len(network.events(1, Closed)) == 1
    assert not network.a.streams
    assert not network.b.streams


def test_a_whole_exchange_in_one_packet_each_way_and_an_ack() -> None:
    network = Network()
    stream = network.connect(initial=b"GET /")
    stream.close(network.now)

    def step() -> None:
        for peer in network.ends[1].streams:
            if peer.is_remote_closed and peer.read():
                peer.write(b"answer")
                peer.close(network.now)

    network.on_step = step
    network.run(lambda: stream.is_dead, seconds=20)
    assert stream.state is StreamState.CLOSED
    assert stream.read() == b"answer"
    network.run(seconds=1)
    assert network.ends[1].streams[0].state is StreamState.CLOSED
    assert network.ends[0].out.sent == 2
    assert network.ends[1].out.sent == 1


@pytest.mark.parametrize("lossy", [0, 1])
@pytest.mark.parametrize("flag", [p.SYNCHRONIZE, p.CLOSE])
def test_lost_syn_and_close_are_repeated(flag: int, lossy: int) -> None:
    network = Network()
    lost = 0

    def drop(raw: bytes) -> bool:
        nonlocal lost
        if flags_of(raw) & flag and lost < 2:
            lost += 1
            return True
        return False

    network.ends[lossy].out.drop = drop
    stream = network.connect(initial=b"data")
    network.run(lambda: bool(network.ends[1].streams), seconds=30)
    peer = network.ends[1].streams[0]
    stream.close(network.now)
    peer.close(network.now)
    network.run(lambda: stream.is_dead and peer.is_dead, seconds=60)
    assert stream.state is peer.state is StreamState.CLOSED
    assert peer.read() == b"data"
    assert lost == 2
    assert len(network.ends[1].streams) == 1


def test_connect_timeout() -> None:
    network = Network()
    network.ends[0].out.is_down = True
    stream = network.connect(initial=b"anybody?")
    network.run(seconds=100)
    assert stream.state is StreamState.RESET
    assert network.resets(0) == ["connect_timeout"]
    suspects = network.events(0, PathSuspect)
    assert len(suspects) >= 2
    # SYN at 0, 3, 9, 21, 41 s, and the RESET at the end.
    assert network.ends[0].out.sent == 6


@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.parametrize("authenticated", [True, False])
def test_reset_is_passed_on(who: int, authenticated: bool) -> None:
    network = Network(authenticated=authenticated)
    pair = opened(network, initial=b"hi")
    pair[who].reset(network.now)
    network.run(seconds=2)
    assert network.resets(who) == ["local"]
    assert network.resets(1 - who) == ["peer"]
    assert pair[0].state is pair[1].state is StreamState.RESET


def test_a_lost_reset_is_repeated_when_the_peer_goes_on() -> None:
    network = Network()
    stream, peer = opened(network)
    network.ends[0].out.is_down = True
    stream.write(b"lost")
    network.run(seconds=0.1)
    stream.reset(network.now)
    network.run(seconds=0.1)
    network.ends[0].out.is_down = False
    peer.write(b"hello?")
    network.run(seconds=2)
    assert peer.state is StreamState.RESET
    # i2pd obeys it only as the next packet in order.
    assert network.resets(1) == ["peer"]


def test_forged_reset_and_close_do_nothing() -> None:
    network = Network(authenticated=False)
    stream, peer = opened(network)
    for flags, signer in ((p.RESET, None), (p.CLOSE, None), (p.RESET, KEYS[2]), (p.CLOSE, KEYS[2])):
        raw = build_packet(stream.local_id, peer.local_id, 1, 0, flags=flags, signer=signer)
        network.inject(0, raw)
        network.inject(0, raw, source=KEYS[2].hash)
    network.run(seconds=1)
    assert stream.state is StreamState.OPEN
    assert not stream.is_remote_closed
    assert network.a.counters["unauthentic"] == 4
    assert network.a.counters["foreign"] == 4


def test_data_of_another_session_does_not_get_in() -> None:
    network = Network()
    stream, peer = opened(network)
    raw = build_packet(stream.local_id, peer.local_id, 1, 0, payload=b"evil")
    network.inject(0, raw, source=KEYS[2].hash)
    network.run(seconds=1)
    assert stream.readable_bytes == 0


def test_slow_reader_chokes_and_unchokes() -> None:
    options = StreamingOptions(receive_bytes_max=200_000)
    network = Network(lambda: Path(delay=0.05, rate=2000), options=options)
    stream, peer = opened(network)
    job = Transfer(network, 1_500_000)
    seen: list[int] = []

    def drop(raw: bytes) -> bool:
        delay = Packet.parse(raw).delay_ms
        if delay:
            seen.append(delay)
        return False

    network.ends[1].out.drop = drop
    reading = False

    def step() -> None:
        job.step(stream, peer if reading else None)
        assert peer.readable_bytes <= 210_000

    network.on_step = step
    network.run(seconds=15)
    assert set(seen) == {p.DELAY_CHOKE_SENT}
    sent = network.ends[0].out.sent
    network.run(seconds=10)
    assert network.ends[0].out.sent - sent <= 4
    reading = True
    job.step(stream, peer)
    assert network.run(lambda: job.ended_at > 0, seconds=20)
    assert job.is_exact


def test_a_stalled_reader_lets_acks_trickle_but_not_from_the_beginning() -> None:
    # i2pd gives up after 90 s without any progress; i2pd 2.56 is woken only by what is left to
    # acknowledge.
    options = StreamingOptions(receive_bytes_max=100_000)
    network = Network(lambda: Path(delay=0.05), options=options)
    stream, peer = opened(network)
    told: list[int] = []
    at_choke: list[int] = []

    def watch(raw: bytes) -> bool:
        packet = Packet.parse(raw)
        told.append(packet.ack_through)
        if packet.delay_ms:
            at_choke.append(stream.recovery.next_sequence - 1 - packet.ack_through)
        return False

    network.ends[1].out.drop = watch
    data = SeededEntropy("stalled").random_bytes(500_000)
    assert stream.write(data) == len(data)
    network.run(seconds=15)
    assert min(at_choke) >= 1, "the peer always has something to ask with"
    progress = []
    for _ in range(5):
        network.run(seconds=60)
        progress.append(told[-1])
    assert stream.state is peer.state is StreamState.OPEN
    assert peer.readable_bytes <= 200_000
    assert progress[0] < progress[-1], "acks make some progress"
    received = bytearray()

    def read() -> None:
        received.extend(peer.read(1 << 20))

    network.on_step = read
    network.run(lambda: len(received) == len(data), seconds=60)
    assert bytes(received) == data


def test_memory_of_all_streams_is_bounded() -> None:
    options = StreamingOptions(receive_total_bytes_max=1_000_000)
    network = Network(lambda: Path(delay=0.02), options=options)
    streams = [network.connect(initial=b"x" * 500_000) for _ in range(20)]

    def step() -> None:
        for stream in streams:
            if stream.writable_bytes:
                stream.write(b"y" * 100_000)

    network.on_step = step
    network.run(seconds=5)
    held = sum(stream.readable_bytes for stream in network.ends[1].streams)
    assert held < 20 * 300_000 + 1_000_000


def test_write_is_bounded_and_says_when_there_is_room() -> None:
    options = StreamingOptions(send_bytes_max=50_000)
    network = Network(options=options)
    stream, _ = opened(network)
    assert stream.write(b"x" * 80_000) == 50_000
    assert stream.write(b"x") == 0
    network.run(seconds=2)
    assert len(network.events(0, Writable)) == 1
    assert stream.writable_bytes == 50_000


def test_small_writes_are_packed_but_not_delayed() -> None:
    network = Network(lambda: Path(delay=0.2))
    stream, peer = opened(network)
    before = network.ends[0].out.sent
    stream.write(b"first")
    network.run(seconds=0.001)
    for _ in range(100):
        stream.write(b"more.")
        network.run(seconds=0.0004)
    network.run(seconds=1)
    assert peer.readable_bytes == 505
    assert network.ends[0].out.sent - before <= 13


def test_keepalive_keeps_a_live_peer_and_finds_a_dead_one() -> None:
    network = Network()
    stream, peer = opened(network, initial=b"hi")
    sent = network.ends[0].out.sent
    network.run(seconds=1000)
    assert stream.state is peer.state is StreamState.OPEN
    assert 5 <= network.ends[0].out.sent + network.ends[1].out.sent - sent <= 50
    assert peer.read() == b"hi"
    assert peer.readable_bytes == 0
    network.ends[1].out.is_down = network.ends[0].out.is_down = True
    network.run(seconds=600)
    assert network.resets(0) == ["timeout"]
    assert network.resets(1) == ["timeout"]


def test_close_without_reading_discards_and_ends() -> None:
    network = Network()
    stream, peer = opened(network)
    peer.write(b"unwanted" * 1000)
    network.run(seconds=1)
    stream.close(network.now, reading=False)
    assert stream.readable_bytes == 0
    peer.write(b"more" * 1000)
    network.run(seconds=5)
    assert stream.readable_bytes == 0
    assert peer.is_flushed
    assert not stream.is_dead
    network.run(seconds=70)
    assert network.resets(0) == ["local"]
    assert network.resets(1) == ["peer"]


def test_acks_of_a_bulk_transfer_are_few() -> None:
    network = Network(lambda: Path(delay=0.3, rate=600))
    stream, peer = opened(network)
    job = Transfer(network, 3_000_000, close=False)
    network.on_step = lambda: job.step(stream, peer)
    before = network.ends[1].out.sent
    network.run(lambda: job.ended_at > 0, seconds=60)
    assert network.ends[1].out.sent - before < 3_000_000 / 1812 / 6


def trickle(network: Network, stream: Stream, peer: Stream, bursts: int) -> None:
    """1 MB/s as a server sends it that writes every 20 ms."""
    for _ in range(bursts):
        assert stream.write(b"x" * 20_000) == 20_000
        network.run(seconds=0.02)
        while peer.read():
            pass


def test_an_application_that_limits_the_rate_needs_few_acks() -> None:
    network = Network(lambda: Path(delay=0.0025))
    stream, peer = opened(network)
    trickle(network, stream, peer, 20)
    before = network.ends[1].out.sent
    trickle(network, stream, peer, 50)
    assert network.ends[1].out.sent - before <= 20, "one for each burst would be 50"
    network.run(seconds=0.1)
    assert stream.is_flushed
    assert stream.stats.resent == 0


def test_a_gap_is_told_at_once_however_much_time_the_sender_has() -> None:
    network = Network(lambda: Path(delay=0.0025))
    stream, peer = opened(network)
    trickle(network, stream, peer, 20)
    doomed = stream.recovery.next_sequence + 3
    lost: list[int] = []

    def drop(raw: bytes) -> bool:
        is_doomed = Packet.parse(raw).sequence == doomed and not lost
        if is_doomed:
            lost.append(doomed)
        return is_doomed

    network.ends[0].out.drop = drop
    stream.write(b"y" * 20_000)
    network.run(seconds=0.02)
    assert lost
    assert peer.readable_bytes == 20_000


def test_stats_tell_the_path() -> None:
    network = Network(lambda: Path(delay=0.1, rate=600))
    stream, peer = opened(network)
    job = Transfer(network, 1_000_000, close=False)
    network.on_step = lambda: job.step(stream, peer)
    network.run(lambda: job.ended_at > 0, seconds=60)
    stats = stream.stats
    assert stats.rtt_minimum == pytest.approx(0.2, abs=0.02)
    assert stats.lost == stats.resent == 0
    assert stats.bytes_sent == 1_000_000
    assert peer.stats.duplicates == 1  # packet 1 of a first flight
    assert peer.stats.bytes_received == 1_000_000 + 1812
