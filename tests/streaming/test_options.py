"""What the options of streams change."""

from __future__ import annotations

import pytest

from core.streaming.connection import Stream
from core.streaming.options import StreamingOptions
from core.streaming.receiver import Receiver
from core.streaming.state import StreamState
from tests.support.stream_path import Network


def opened(
    options: StreamingOptions, other: StreamingOptions | None = None
) -> tuple[Network, Stream]:
    network = Network(options=options, options_b=other or StreamingOptions())
    stream = network.connect(initial=b"hello")
    network.run(seconds=2)
    assert stream.state is StreamState.OPEN
    return network, stream


@pytest.mark.parametrize("window", [4, 16, 64])
@pytest.mark.parametrize("congestion", ["bbr", "cubic"])
def test_no_more_packets_than_the_window_are_under_way(window: int, congestion: str) -> None:
    network, stream = opened(StreamingOptions(window_max=window, congestion=congestion))
    most = 0

    def look() -> None:
        nonlocal most
        most = max(most, stream.stats.in_flight)

    network.on_step = look
    stream.write(bytes(400_000))
    network.run(seconds=60)
    assert most == window
    assert stream.is_flushed


def test_inactivity_may_end_a_stream() -> None:
    network, stream = opened(StreamingOptions(keepalive_s=30.0, ends_inactive=True))
    for _ in range(3):
        stream.write(b"not idle")
        network.run(seconds=28)
        assert stream.state is StreamState.OPEN
    network.run(seconds=4)
    assert network.resets(0) == ["inactive"]
    assert network.resets(1) == ["peer"]


def test_without_inactivity_nothing_is_said_and_nothing_ends() -> None:
    silent = StreamingOptions(keepalive_s=0.0, ends_inactive=True)
    network, _ = opened(silent, silent)
    network.run(seconds=30)
    sent = [end.out.sent for end in network.ends]
    network.run(seconds=5000)
    assert [end.out.sent for end in network.ends] == sent
    assert network.resets(0) == network.resets(1) == []


def test_a_peer_is_given_up_after_so_many_timeouts() -> None:
    taken_s = []
    for resends in (2, 6):
        network, stream = opened(StreamingOptions(resend_max=resends))
        network.ends[1].out.is_down = network.ends[0].out.is_down = True
        stream.write(b"lost")
        start = network.now
        sent = network.ends[0].out.sent
        while not network.resets(0):
            network.run(seconds=0.5)
            assert network.now - start < 600
        assert network.resets(0) == ["timeout"]
        assert network.ends[0].out.sent - sent >= resends
        taken_s.append(network.now - start)
    assert taken_s[0] * 3 < taken_s[1]


@pytest.mark.parametrize(
    ("delay_s", "round_trip_s", "waits_s"),
    [(0.4, 60.0, 0.4), (0.4, 2.0, 0.2), (0.1, 2.0, 0.1), (0.01, 2.0, 0.01), (0.4, 0.0, 0.01)],
)
def test_acknowledgements_wait_no_longer_than_allowed(
    delay_s: float, round_trip_s: float, waits_s: float
) -> None:
    receiver = Receiver(StreamingOptions(ack_delay_max_s=delay_s))
    for sequence in range(3):
        receiver.add(sequence, b"x", 100.0 + sequence * 0.001, round_trip_s)
    assert receiver.ack_at == pytest.approx(100.0 + waits_s)


def test_connecting_takes_as_long_as_allowed() -> None:
    for limit_s in (20.0, 300.0):
        network = Network(options=StreamingOptions(connect_timeout_s=limit_s, resend_max=2))
        network.ends[0].out.is_down = True
        network.connect()
        network.run(seconds=limit_s - 5)
        assert network.resets(0) == []
        network.run(seconds=10)
        assert network.resets(0) == ["connect_timeout"]
