"""What is lost on the way to a destination, or all that is, does not end what goes on there."""

from __future__ import annotations

import pytest

from core.client.outlet import OFFER_RETRY_S
from core.client.remote import (
    FAILED_PATHS,
    PATH_TRIAL_S,
    QUEUE_MAX,
    STUCK_S,
    UNDER_WAY_SHORT,
    Remote,
)
from core.data.lease_set import Lease
from core.data.private_keys import PrivateKeys
from core.garlic.session import UNDER_WAY_MAX
from core.streaming.connection import Stream
from core.streaming.events import Connected, StreamOpened
from tests.client.parties import STEP_S, Party, World
from tests.support.deterministic import SeededEntropy

pytestmark = pytest.mark.doubles

START = 1_700_000_000.0
KEYS = PrivateKeys.generate_destination(SeededEntropy("site"), 7)


class Visit:
    """A client and a site, and a stream between them that both ends move data over."""

    def __init__(self) -> None:
        self.world = World(START)
        self.site = self.world.add("site", keys=KEYS, publish=True)
        self.world.run_until(lambda: self.site.engine.is_ready)
        self.client = self.world.add("client")
        self.client.find(KEYS.hash)
        self.near = self.open()
        self.far = next(e.stream for e in self.site.events if isinstance(e, StreamOpened))

    def open(self) -> Stream:
        """A stream from the client to the site that has got an answer."""
        stream = self.client.engine.streams.connect(
            KEYS.destination, to_port=80, from_port=0, now=self.world.network.now
        )
        self.world.run_until(
            lambda: any(isinstance(e, Connected) and e.stream is stream for e in self.client.events)
        )
        return stream

    def move(self, source: Stream, sink: Stream, count: int, limit_s: float) -> float:
        """Seconds until ``count`` bytes have arrived."""
        started = self.world.network.now
        written = received = 0
        while received < count:
            assert self.world.network.now < started + limit_s, f"{received} of {count}"
            written += source.write(bytes(min(count - written, 500_000)))
            self.world.run(STEP_S)
            while data := sink.read():
                received += len(data)
        return self.world.network.now - started

    def lose_all_but_the_last(self, party: Party, seconds: float) -> int:
        """Of what goes there for so long one message arrives; returns how many do not."""
        lost = []
        end = self.world.network.now + seconds
        while self.world.network.now < end:
            kept = []
            for message in self.world.under_way:
                (lost if self.world.tunnels[message[:2]] is party else kept).append(message)
            self.world.under_way = kept
            self.near.write(bytes(500_000))
            self.world.run(STEP_S)
        self.world.under_way.append(lost.pop())
        return len(lost)


def test_all_under_way_may_be_lost_at_once() -> None:
    visit = Visit()
    visit.move(visit.near, visit.far, 3_000_000, 60)
    assert visit.lose_all_but_the_last(visit.site, 0.5) > 400
    # The next visitor of the same destination is not held up by what was lost before.
    started = visit.world.network.now
    visit.open()
    assert visit.world.network.now - started < 3
    visit.move(visit.near, visit.far, 1_000_000, 30)


def test_a_session_that_only_the_other_side_can_use_is_replaced() -> None:
    visit = Visit()
    visit.move(visit.near, visit.far, 300_000, 60)
    # As if more had been lost in a row than the site looks ahead: what we send is noise to it.
    for remote in visit.site.engine.ratchet._remotes.values():
        for session in remote.sessions:
            session.close()
    before = visit.site.engine.ratchet.counters.new_sessions
    took = visit.move(visit.far, visit.near, 2_000_000, 40)
    assert visit.site.engine.ratchet.counters.new_sessions > before
    assert took < 20


def test_a_path_is_on_trial_before_the_next_one_is_taken() -> None:
    remote = Remote(bytes(32))
    assert remote.suspect_path(100.0)
    assert not remote.suspect_path(100.0 + PATH_TRIAL_S / 2)
    assert not remote.may_have_lost_us
    now = 100.0
    while remote.failed_paths <= FAILED_PATHS:
        now += PATH_TRIAL_S
        assert remote.suspect_path(now)
    assert remote.may_have_lost_us
    remote.delivered(1, 0.1, now)
    assert not remote.may_have_lost_us


def test_failures_far_apart_are_no_row() -> None:
    remote = Remote(bytes(32))
    for now in range(100, 2000, 100):
        remote.suspect_path(float(now))
    assert not remote.may_have_lost_us


def test_what_may_be_under_way_follows_from_how_long_it_waits() -> None:
    remote = Remote(bytes(32))
    remote.lease = Lease(bytes(32), 1, 0)
    assert remote.under_way_max == UNDER_WAY_SHORT
    remote.delivered(1, 0.5, 10.0)  # of the path before
    remote.delivered(1, 0.6, 11.0)
    assert remote.under_way_max == UNDER_WAY_MAX
    now = 11.0
    for _ in range(100):
        now += 0.1
        remote.delivered(1, 1.2, now)
    assert remote.under_way_max == UNDER_WAY_MAX, "each link may have repaired a loss"
    for _ in range(100):
        now += 0.1
        remote.delivered(1, 2.4, now)
    # Half of the time is spent waiting, so half of the packets wait.
    assert 2 * QUEUE_MAX <= remote.under_way_max <= 2 * QUEUE_MAX + 8
    for _ in range(100):
        now += 0.1
        remote.delivered(1, 12.0, now)
    assert QUEUE_MAX < remote.under_way_max < 1.2 * QUEUE_MAX


def test_a_short_path_has_no_more_under_way_before_a_queue_shows() -> None:
    remote = Remote(bytes(32))
    for step in range(20):
        remote.delivered(1, 0.004, 10.0 + step)
    assert remote.under_way_max == UNDER_WAY_SHORT


def test_another_path_is_expected_to_be_as_long_as_the_last() -> None:
    remote = Remote(bytes(32))
    remote.delivered(1, 0.6, 10.0)
    remote.lease = Lease(bytes(32), 1, 0)
    remote.delivered(1, 0.6, 11.0)
    assert not remote.round_trip.minimum
    assert remote.under_way_max == UNDER_WAY_MAX


def test_silence_with_everything_under_way_is_noticed() -> None:
    remote = Remote(bytes(32), sent_at=50.0)
    assert not remote.is_stuck(50.0 + STUCK_S / 2)
    assert remote.is_stuck(50.0 + STUCK_S)


RENEWED_S = 3.0
"""How long both ends are without tunnels."""


class Loss:
    """All inbound tunnels of both ends are gone at once, and each has new ones soon after."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.at = visit.world.network.now
        for party in (visit.site, visit.client):
            visit.world.cut_tunnels(party)

    def renew(self) -> None:
        self.visit.world.run(RENEWED_S)
        for party in (self.visit.site, self.visit.client):
            self.visit.world.renew_tunnels(party)

    def back_after(self, stream: Stream, limit_s: float = 30.0) -> float:
        """Seconds from the loss until something new is read from the stream."""
        while stream.read():
            pass
        self.visit.world.run_until(lambda: stream.readable_bytes > 0, limit_s)
        return self.visit.world.network.now - self.at


def test_a_download_goes_on_when_both_ends_lost_all_their_tunnels() -> None:
    visit = Visit()
    visit.move(visit.far, visit.near, 300_000, 60)
    visit.far.write(bytes(200_000))
    visit.world.run(0.2)
    loss = Loss(visit)
    loss.renew()
    assert loss.back_after(visit.near) < 10
    visit.move(visit.far, visit.near, 300_000, 30)


def test_offers_in_vain_are_noticed_although_the_next_goes_out_before_an_answer_is_late() -> None:
    visit = Visit()
    visit.move(visit.far, visit.near, 300_000, 60)
    visit.near.close(visit.world.network.now)  # it sends nothing that would be missed
    (remote,) = visit.client.engine._remotes.by_hash.values()
    assert remote.answer_wait_s > OFFER_RETRY_S
    loss = Loss(visit)
    loss.renew()
    visit.world.run_until(lambda: remote.failed_at > loss.at, 30)
    assert remote.failed_at - loss.at < RENEWED_S + remote.answer_wait_s + OFFER_RETRY_S


def test_a_download_goes_on_although_its_receiver_has_ended_its_own_direction() -> None:
    visit = Visit()
    visit.move(visit.far, visit.near, 300_000, 60)
    visit.near.close(visit.world.network.now)
    visit.world.run(2)
    visit.far.write(bytes(200_000))
    visit.world.run(0.2)
    loss = Loss(visit)
    loss.renew()
    assert loss.back_after(visit.near) < 12


def test_an_idle_stream_is_told_where_we_are_now() -> None:
    visit = Visit()
    visit.world.run(60)
    Loss(visit).renew()
    visit.world.run(7)
    loss = Loss.__new__(Loss)
    loss.visit, loss.at = visit, visit.world.network.now
    visit.far.write(b"news")
    assert loss.back_after(visit.near) < 2


def test_no_path_is_changed_for_new_leases_alone() -> None:
    visit = Visit()
    for _ in range(5):
        visit.world.run(20)
        visit.world.renew_tunnels(visit.client)
        visit.world.renew_tunnels(visit.site)
        visit.world.run(20)
    for party in (visit.client, visit.site):
        for remote in party.engine._remotes.by_hash.values():
            assert remote.failed_paths == 0
