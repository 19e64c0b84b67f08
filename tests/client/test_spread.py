"""Bulk data over the paths that carry it fastest: the trials, and sessions on slow tunnels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from core.client.spread import (
    GAIN_MIN,
    MEASURE_S,
    RATE_MAX,
    RETRY_MAX_S,
    RETRY_S,
    RUN_PACKETS,
    WIDTH_MAX,
    Spread,
    Trial,
)
from core.data.lease_set import Lease
from core.data.private_keys import PrivateKeys
from core.streaming.connection import Stream
from core.streaming.events import Connected, StreamOpened
from core.tunnel.pool import TunnelPool
from tests.client.parties import STEP_S, Inbound, Outbound, Party, Pool, World
from tests.support.deterministic import SeededEntropy

pytestmark = pytest.mark.doubles

START = 1_700_000_000.0
KEYS = PrivateKeys.generate_destination(SeededEntropy("site"), 7)
PATHS: list[Any] = [(Lease(bytes([n]) * 32, n, 0), object()) for n in range(5)]


class Flow:
    """Acknowledgements of a steady flow."""

    def __init__(self) -> None:
        self.spread = Spread()
        self.now = 100.0
        self.paths = PATHS[:1]

    def flow(self, rate: float, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end and self.spread.wanted is None:
            self.now += 0.1
            before = self.spread.delivered(round(rate / 10), 0.05, self.now)
            if before is not None:
                self.paths = before

    def wait_for(self, trial: Trial, rate: float) -> None:
        for _ in range(20):
            self.flow(rate, 2 * RETRY_MAX_S)
            if self.spread.wanted is trial:
                return
            self.spread.cannot(self.now)
        raise AssertionError("it was never tried")

    def try_out(self, paths: list[Any], rate: float) -> None:
        self.spread.begin(self.paths, self.now)
        self.paths = paths
        self.flow(rate, 2 * MEASURE_S + 1)


def test_a_path_that_brings_more_stays() -> None:
    flow = Flow()
    for width in range(1, WIDTH_MAX):
        flow.wait_for(Trial.WIDER, 100.0 * width)
        flow.try_out(PATHS[: width + 1], 100.0 * (width + 1))
        assert flow.paths == PATHS[: width + 1]


def test_a_path_in_vain_goes_and_trials_get_rarer() -> None:
    flow = Flow()
    pauses = []
    for _ in range(8):
        ended = flow.now
        flow.wait_for(Trial.WIDER, 100.0)
        pauses.append(flow.now - ended)
        flow.try_out(PATHS[:2], 100.0 * (GAIN_MIN - 0.1))
        assert flow.paths == PATHS[:1]
    assert [round(pause) for pause in pauses] == sorted(round(pause) for pause in pauses)
    assert pauses[0] < RETRY_S
    assert pauses[-1] > RETRY_MAX_S - 5


def test_a_path_that_adds_nothing_is_left_out() -> None:
    flow = Flow()
    flow.paths = PATHS[:2]
    flow.wait_for(Trial.NARROWER, 100.0)
    flow.try_out(PATHS[:1], 100.0)
    assert flow.paths == PATHS[:1]
    flow.paths = PATHS[:2]
    flow.wait_for(Trial.NARROWER, 100.0)
    flow.try_out(PATHS[:1], 80.0)
    assert flow.paths == PATHS[:2]


def test_a_path_that_dies_among_others_is_found_at_once() -> None:
    flow = Flow()
    flow.spread.extra = PATHS[1:2]
    flow.paths = PATHS[:2]
    flow.wait_for(Trial.NARROWER, 100.0)
    flow.try_out(PATHS[1:2], 50.0)  # both are needed, and the next trial is far away
    flow.spread.extra = PATHS[1:2]
    flow.flow(100.0, 2 * MEASURE_S)
    flow.flow(45.0, 3 * MEASURE_S + 1)
    assert flow.spread.wanted is Trial.ALONE


def test_what_stops_and_goes_is_no_bulk_data() -> None:
    flow = Flow()
    for _ in range(200):
        flow.flow(500.0, MEASURE_S - 0.5)
        flow.now += 4.0
    assert flow.spread.wanted is None
    flow = Flow()
    flow.flow(10.0, 300)
    assert flow.spread.wanted is None
    flow = Flow()
    flow.flow(2 * RATE_MAX, 300)
    assert flow.spread.wanted is None, "fast enough"


def test_nothing_is_tried_while_the_rate_grows_by_itself() -> None:
    flow = Flow()
    rate = 40.0
    while rate < 400.0:
        flow.flow(rate, MEASURE_S / 2)
        assert flow.spread.wanted is None
        rate *= 1.4
    flow.flow(rate, 3 * MEASURE_S)
    assert flow.spread.wanted is Trial.WIDER


def test_what_was_on_trial_before_a_pause_is_taken_back() -> None:
    flow = Flow()
    flow.wait_for(Trial.WIDER, 100.0)
    flow.spread.begin(flow.paths, flow.now)
    flow.paths = PATHS[:2]
    flow.flow(100.0, MEASURE_S)
    flow.now += 10.0
    flow.flow(10.0, 5 * MEASURE_S)
    assert flow.paths == PATHS[:1]


def test_all_paths_get_their_share() -> None:
    spread = Spread()
    assert spread.shares(50) == [(0, 50)]
    spread.extra = PATHS[1:3]
    assert spread.shares(30) == [(0, 10), (1, 10), (2, 10)]
    assert spread.shares(RUN_PACKETS + 1) == [(0, RUN_PACKETS), (1, 1)]
    assert spread.shares(1) == [(2, 1)]
    assert spread.shares(0) == []
    spread.is_held = True
    assert spread.shares(30) == [(0, 30)]


@dataclass(eq=False)
class SlowOutbound(Outbound):
    """Carries ``rate`` messages per second; more wait, and the last of too many are lost."""

    rate: float = 0.0
    waiting: list[tuple[bytes, int, bytes]] = field(default_factory=list)
    allowed: float = 0.0
    carried: int = 0

    def send(self, deliveries: list[tuple[int, bytes, int, bytes]], now: float) -> None:
        self.waiting += [(gateway, number, data) for _, gateway, number, data in deliveries]
        del self.waiting[150:]

    def tick(self) -> None:
        self.allowed = min(self.allowed + self.rate * STEP_S, self.rate)
        count = min(int(self.allowed), len(self.waiting))
        self.allowed -= count
        self.carried += count
        self.world.under_way += self.waiting[:count]
        del self.waiting[:count]


class WidePool(Pool):
    """Several tunnels each way."""

    def __init__(self, world: World, party: Party, rates: tuple[float, ...]) -> None:
        super().__init__(world, party)
        self.slow = [SlowOutbound(world, rate) for rate in rates]

    def build(self) -> None:
        super().build()
        for number in range(2):
            first = self.inbound[0]
            more = Inbound(bytes([number]) * 32, first.gateway_tunnel_id, first.expires_ms)
            self.inbound.append(more)
            self._world.tunnels[more.gateway_hash, more.gateway_tunnel_id] = self._party

    def pick_outbound(self, now: float, avoid: object = ()) -> Outbound:
        used = cast("tuple[Outbound, ...]", avoid)
        return next((one for one in self.slow if one not in used), self.slow[0])


class Upload:
    """From a client with slow tunnels to a site with fast ones."""

    def __init__(self, *rates: float) -> None:
        self.world = World(START)
        self.site = self.world.add("site", keys=KEYS, publish=True)
        self._widen(self.site, 1e6)
        self.world.run_until(lambda: self.site.engine.is_ready)
        self.client = self.world.add("client")
        self.tunnels = self._widen(self.client, *rates)
        self.client.find(KEYS.hash)
        self.stream = self.client.engine.streams.connect(
            KEYS.destination, to_port=80, from_port=0, now=self.world.network.now
        )
        while not any(isinstance(event, Connected) for event in self.client.events):
            self.step()
        opened = [event for event in self.site.events if isinstance(event, StreamOpened)]
        self.far: Stream = opened[0].stream

    def _widen(self, party: Party, *rates: float) -> list[SlowOutbound]:
        for old in party.pool.inbound:
            del self.world.tunnels[old.gateway_hash, old.gateway_tunnel_id]
        party.pool = WidePool(self.world, party, rates)
        pool = cast(TunnelPool, party.pool)
        sending = party.engine._sending
        party.engine.pool = sending._pool = sending._outlet._pool = pool
        self.world.renew_tunnels(party)
        return party.pool.slow

    def step(self) -> None:
        self.world.run(STEP_S)
        for party in self.world.parties:
            for tunnel in cast(WidePool, party.pool).slow:
                tunnel.tick()

    def run(self, seconds: float) -> float:
        """Bytes per second that arrive."""
        received = 0
        end = self.world.network.now + seconds
        while self.world.network.now < end:
            self.stream.write(bytes(500_000))
            self.step()
            while data := self.far.read():
                received += len(data)
        return received / seconds


def test_slow_tunnels_together_carry_what_none_does_alone() -> None:
    # At other rates a trial more or less may fail, and the next one comes late.
    upload = Upload(62, 62, 62)
    upload.run(60)
    one = 62 * 1812
    assert upload.run(60) > 2.2 * one
    assert all(tunnel.carried > 1000 for tunnel in upload.tunnels)


def test_a_faster_tunnel_is_found() -> None:
    upload = Upload(30, 200)
    upload.run(90)
    assert upload.run(20) > 0.6 * 200 * 1812


def test_one_of_three_tunnels_may_die() -> None:
    upload = Upload(60, 60, 60)
    upload.run(120)
    upload.tunnels[1].rate = 0.0
    upload.run(30)
    assert upload.run(20) > 0.8 * 60 * 1812


def test_one_tunnel_is_as_good_as_ever() -> None:
    upload = Upload(60)
    upload.run(60)
    assert upload.run(20) > 0.85 * 60 * 1812
