"""Bulk transfers over a simulated path: exact bytes, and how much of the path they fill."""

from __future__ import annotations

import pytest

from core.streaming.options import StreamingOptions
from tests.support.stream_path import KEYS, Network, Path, Transfer, transfer

MTU = 1812


@pytest.mark.parametrize(
    ("loss", "share"),
    [
        (0.0, 0.8),
        pytest.param(0.01, 0.75, marks=pytest.mark.world),
        (0.05, 0.7),
        pytest.param(0.10, 0.65, marks=pytest.mark.world),
        (0.20, 0.45),
    ],
)
def test_twenty_megabytes_over_600_ms(loss: float, share: float) -> None:
    network = Network(lambda: Path(delay=0.3, loss=loss, rate=600, queue=400))
    job = transfer(network, 20_000_000)
    assert job.is_exact
    assert job.read == 20_000_000
    assert network.resets(0) == network.resets(1) == []
    assert job.goodput > share * 600 * MTU
    # No more is resent than was lost, give or take what is lost twice or acknowledged late.
    assert network.ends[0].out.sent < (20_000_000 / MTU) * (1.06 + loss * 1.4)


@pytest.mark.parametrize(
    ("name", "path", "total", "share"),
    [
        ("slow, deep queue", Path(delay=0.3, rate=28, queue=1000), 1_000_000, 0.85),
        ("slow, shallow queue", Path(delay=0.3, rate=28, queue=10), 1_000_000, 0.8),
        ("fast, batching hops", Path(delay=0.002, rate=13000, queue=3000, tick=0.02), 20e6, 0.6),
        ("reordering", Path(delay=0.15, jitter=0.05, rate=600), 5_000_000, 0.6),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_paths_are_filled(name: str, path: Path, total: float, share: float) -> None:
    network = Network(lambda: Path(**vars(path)))
    job = transfer(network, int(total))
    assert job.is_exact
    assert job.read == int(total)
    assert job.goodput > share * path.rate * MTU


@pytest.mark.parametrize("authenticated", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_everything_that_can_happen_on_a_path(seed: int, authenticated: bool) -> None:
    network = Network(
        lambda: Path(delay=0.1, loss=0.08, jitter=0.15, duplicate=0.05, rate=400, queue=60),
        seed=seed,
        authenticated=authenticated,
    )
    job = transfer(network, 600_000)
    assert job.is_exact
    assert job.read == 600_000
    assert network.resets(0) == network.resets(1) == []


def _long_and_repaired(links: int = 5) -> Path:
    return Path(delay=0.3, links=links, repaired=0.015)


@pytest.mark.parametrize("seed", range(3))
def test_links_that_repair_their_losses_are_filled_beyond_the_trusted_window(seed: int) -> None:
    network = Network(_long_and_repaired, seed=seed)
    job = transfer(network, 12_000_000)
    assert job.is_exact
    assert job.goodput > 0.85e6  # 0.72 with 512 packets under way
    assert network.ends[0].out.sent < 12_000_000 / MTU * 1.02


@pytest.mark.parametrize(("seed", "loss"), [(0, 0.9), (1, 0.6)])
def test_losses_at_the_start_are_not_what_the_path_carries(seed: int, loss: float) -> None:
    network = Network(_long_and_repaired, seed=seed)
    stream = network.connect()
    job = Transfer(network, 12_000_000)

    def step() -> None:
        job.step(stream, network.accepted)
        network.ends[0].out.loss = loss if 1001.5 < network.now < 1002.2 else 0.0

    network.on_step = step
    network.run(lambda: job.ended_at > 0, seconds=120)
    assert job.is_exact
    assert job.goodput > 0.6e6  # 0.34 while the rate of that start was believed


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.world) for seed in range(2, 6))]
)
def test_two_paths_are_no_worse_than_one(seed: int) -> None:
    """Their packets overtake each other by whole round trips: nothing of that is a loss."""

    def both() -> Path:
        path = _long_and_repaired()
        path.beside = _long_and_repaired(links=4)
        return path

    network = Network(both, seed=seed)
    job = transfer(network, 12_000_000)
    assert job.is_exact
    assert job.goodput > 0.85e6
    assert network.ends[0].out.sent < 12_000_000 / MTU * 1.05


def test_cubic_can_be_chosen() -> None:
    network = Network(
        lambda: Path(delay=0.1, rate=600, queue=200), options=StreamingOptions(congestion="cubic")
    )
    job = transfer(network, 5_000_000)
    assert job.is_exact
    assert job.goodput > 0.7 * 600 * MTU


def test_a_transfer_survives_an_outage() -> None:
    network = Network(lambda: Path(delay=0.1, rate=600))
    stream = network.connect()
    job = Transfer(network, 3_000_000)

    def step() -> None:
        job.step(stream, network.accepted)
        down = 1001.0 < network.now < 1031.0
        network.ends[0].out.is_down = network.ends[1].out.is_down = down

    network.on_step = step
    network.run(lambda: job.ended_at > 0, seconds=120)
    assert job.is_exact
    assert job.read == 3_000_000
    # i2pd and we back off to 20 s at most, so it goes on soon after.
    assert job.ended_at < 1031 + 25


@pytest.mark.parametrize("seed", range(3))
def test_an_outage_does_not_slow_down_what_comes_after_it(seed: int) -> None:
    """Its probes, answered seconds apart or not at all, say nothing about the rate of the path."""
    network = Network(lambda: Path(delay=0.02, rate=4000, queue=300), seed=seed)
    stream = network.connect()
    job = Transfer(network, 20_000_000)
    outage_s = 100.0

    def step() -> None:
        job.step(stream, network.accepted)
        is_bad = 1001.0 < network.now < 1001.0 + outage_s
        for end in network.ends:
            end.out.loss = 0.9 if is_bad else 0.0
            if network.now > 1001.0 + outage_s:
                end.out.delay = 0.001  # another path, a shorter one

    network.on_step = step
    network.run(lambda: job.ended_at > 0, seconds=300)
    assert job.is_exact
    assert job.read == 20_000_000
    # 20 s is the longest time between two probes.
    assert job.ended_at < 1001.0 + outage_s + 20 + 2.5 * 20_000_000 / (4000 * MTU)


def test_streams_share_a_path_fairly() -> None:
    network = Network(lambda: Path(delay=0.1, rate=600, queue=150))
    jobs = [(network.connect(), Transfer(network, 10**9)) for _ in range(8)]

    def step() -> None:
        accepted = {stream.remote_id: stream for stream in network.ends[1].streams}
        for stream, job in jobs:
            job.step(stream, accepted.get(stream.local_id))

    network.on_step = step
    network.run(lambda: False, seconds=8)
    shares = [job.read for _, job in jobs]
    total = sum(shares)
    assert total > 0.8 * 8 * 600 * MTU
    fairness = total**2 / (8 * sum(share**2 for share in shares))
    assert fairness > 0.8
    assert min(shares) > total / 8 / 4


def test_a_budget_is_never_exceeded_and_its_renewal_is_used() -> None:
    network = Network(lambda: Path(delay=0.05))
    remote = KEYS[1].hash
    window = 20
    spent = 0
    network.a.set_budget(remote, window)

    def step() -> None:
        nonlocal spent
        job.step(stream, network.accepted)
        spent -= network.a.take_delivered().get(remote, (0, 0.0))[0]
        spent += network.ends[0].out.sent - counted[0]
        counted[0] = network.ends[0].out.sent
        # Plain acks are not acknowledged; here the sender sends none worth counting.
        assert spent <= window + 1
        network.a.set_budget(remote, max(0, window - spent))

    counted = [0]
    stream = network.connect()
    job = Transfer(network, 500_000, close=False)
    network.on_step = step
    network.run(lambda: job.ended_at > 0, seconds=120)
    assert job.is_exact
    assert job.read == 500_000
    # Twenty packets per round trip of 0.1 s, less the reserve for acks.
    assert job.goodput > 0.6 * 18 * MTU / 0.1


def test_a_spent_budget_still_lets_probes_through() -> None:
    network = Network(lambda: Path(delay=0.05))
    network.a.set_budget(KEYS[1].hash, 5)
    stream = network.connect()
    network.ends[0].out.is_down = True
    network.run(seconds=10)
    network.ends[0].out.is_down = False
    stream.write(b"x" * 20000)
    network.run(lambda: bool(network.ends[1].streams), seconds=30)
    assert network.ends[1].streams
    assert network.ends[0].out.sent <= 10
