"""Clocks that are wrong, are set, and stand still: whole routers in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from core.client.config import EncryptedLeaseSetOptions
from core.crypto.signing import SigningType
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.router.clock import CHECK_S, ClockWatch
from core.router.time_sources import PEERS_MAX, PEERS_MIN, STOP_SHOWS_S, ClockSource
from core.tunnel.shape import TunnelShape
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.world import Machine, World
from tests.support.world.pages import Site, Visitor

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
#: what users are promised after the clock is right again
PAGE_S = 30.0
NOON = 20_000 * DAY + DAY / 2


SHAPE = TunnelShape(1, 1)


class Scene:
    """A site and a visitor on routers of their own, and six routers between them."""

    def __init__(
        self,
        *,
        site_error_s: float = 0.0,
        visitor_error_s: float = 0.0,
        is_encrypted: bool = False,
        start: float = NOON,
    ) -> None:
        self.world = World("clocks", start=start)
        for number in range(6):
            self.add(floodfill=number < 3)
        self.server = self.add(error_s=site_error_s, transit=False)
        self.client = self.add(error_s=visitor_error_s, transit=False)
        options: dict[str, Any] = {"shape": SHAPE}
        if is_encrypted:
            options["encrypted"] = EncryptedLeaseSetOptions()
            entropy = SeededEntropy("site")
            options["keys"] = PrivateKeys.generate_destination(entropy, SigningType.REDDSA)
        self.site = Site(self.server, "site", **options)
        self.visitor = Visitor(self.client, "visitor", shape=SHAPE)
        self.world.introduce()

    def add(self, **more: Any) -> Machine:
        return self.world.add(exploratory_inbound=SHAPE, exploratory_outbound=SHAPE, **more)

    def page_s(self) -> float:
        """Seconds until a page is there."""
        return self.visitor.page_s(self.site)

    def until_ready(self) -> None:
        self.world.run_until(lambda: self.site.is_ready and self.visitor.is_ready, 40)


def both(scene: Scene) -> tuple[Machine, Machine]:
    return scene.server, scene.client


@pytest.mark.parametrize(
    ("error_s", "is_encrypted"),
    [
        *((error_s, False) for error_s in (2 * HOUR, -2 * HOUR, 90.0, -120.0, 400 * DAY)),
        *((error_s, True) for error_s in (2 * HOUR, -400 * DAY)),
    ],
)
def test_booted_with_a_wrong_clock_and_corrected_by_other_routers(
    error_s: float, is_encrypted: bool
) -> None:
    scene = Scene(site_error_s=error_s, is_encrypted=is_encrypted)
    clock = scene.server.engine.clock
    scene.world.run_until(lambda: clock.correction_s != 0.0, 30)
    assert clock.correction_s == pytest.approx(-error_s, abs=2)
    assert clock.source is ClockSource.PEERS
    assert scene.page_s() < 2 * PAGE_S
    assert -2 < scene.server.age_s < 3 * PAGE_S
    assert abs(scene.server.skew_s) < 2
    scene.server.wall.error_s = 0.0
    scene.world.run(CHECK_S)
    assert clock.correction_s == 0.0
    assert scene.page_s() < PAGE_S
    assert -1 < scene.server.age_s < 4 * PAGE_S
    assert abs(scene.server.skew_s) < 1


@pytest.mark.parametrize("error_s", [2 * HOUR, -400 * DAY], ids=lambda s: f"{s:+}")
def test_a_visitor_that_booted_with_a_wrong_clock(error_s: float) -> None:
    scene = Scene(visitor_error_s=error_s)
    assert scene.page_s() < 2 * PAGE_S
    assert scene.client.engine.clock.correction_s == pytest.approx(-error_s, abs=2)
    scene.client.wall.error_s = 0.0
    assert scene.page_s() < PAGE_S


@pytest.mark.parametrize("error_s", [2 * HOUR, -3 * DAY], ids=lambda s: f"{s:+}")
def test_time_servers_correct_the_clock_before_anything_is_published(error_s: float) -> None:
    scene = Scene(site_error_s=error_s)
    machine, clock = scene.server, scene.server.engine.clock
    clock.note_time_servers(scene.world.true_time - machine.now, machine.now)
    scene.world.run(CHECK_S)
    assert clock.source is ClockSource.NTP
    assert clock.correction_s == pytest.approx(-error_s, abs=0.1)
    assert scene.page_s() < PAGE_S
    assert abs(machine.skew_s) < 1


@pytest.mark.parametrize(
    "error_s",
    [
        *(HOUR, -120.0),
        *(pytest.param(error_s, marks=pytest.mark.world) for error_s in (DAY, -DAY)),
    ],
    ids=lambda s: f"{s:+}",
)
def test_a_clock_that_is_set_wrong_while_it_runs(error_s: float) -> None:
    scene = Scene()
    scene.until_ready()
    scene.page_s()
    for node in both(scene):
        node.wall.error_s = error_s
    scene.world.run(CHECK_S)
    scene.world.run(STOP_SHOWS_S + CHECK_S)
    for node in both(scene):
        assert node.engine.clock.correction_s == pytest.approx(-error_s, abs=2)
    assert scene.page_s() < PAGE_S
    for node in both(scene):
        assert -2 < node.age_s < 4 * PAGE_S
        node.wall.error_s = 0.0
    scene.world.run(CHECK_S)
    assert scene.page_s() < PAGE_S
    for node in both(scene):
        assert node.engine.clock.correction_s == 0.0
        assert abs(node.skew_s) < 1


@pytest.mark.parametrize(
    ("seconds", "who", "is_counted"),
    [
        pytest.param(2 * HOUR, "server", True, marks=pytest.mark.slow),
        pytest.param(2 * HOUR, "server", False, marks=pytest.mark.slow),
        pytest.param(2 * HOUR, "client", True, marks=pytest.mark.slow),
        pytest.param(45 * MINUTE, "server", True, marks=pytest.mark.world),
        (5 * MINUTE, "server", False),
        pytest.param(15 * MINUTE, "client", False, marks=pytest.mark.world),
    ],
)
def test_after_sleep_there_is_a_page(seconds: float, who: str, is_counted: bool) -> None:
    scene = Scene()
    scene.until_ready()
    scene.page_s()
    node: Machine = getattr(scene, who)
    scene.world.sleep(node, seconds, is_counted=is_counted)
    assert scene.page_s() < PAGE_S
    scene.world.run(CHECK_S)
    assert -1 < node.age_s < PAGE_S
    assert abs(node.skew_s) < 1


def test_an_encrypted_site_moves_to_the_key_of_the_day_that_a_jump_leads_to() -> None:
    scene = Scene(is_encrypted=True)
    scene.until_ready()
    before = scene.site.session.own.published
    for node in scene.world.machines:
        node.wall.error_s = DAY
    scene.world.run(CHECK_S)
    after = scene.site.session.own.published
    assert before is not None and after is not None and before.hash != after.hash
    assert scene.page_s() < PAGE_S


def test_what_lies_in_the_future_is_dropped_unless_most_does() -> None:
    scene = Scene()
    scene.world.run(5)
    netdb = scene.server.engine.netdb
    stranger = scene.add(error_s=2 * HOUR)
    info: RouterInfo = stranger.engine.router_info
    netdb.import_routers([info])
    assert netdb.get_router(info.hash) is not None
    count = netdb.router_count
    scene.server.wall.error_s = 5 * MINUTE  # a jump: RouterInfos are looked at again
    scene.world.run(CHECK_S)
    assert netdb.get_router(info.hash) is None
    assert netdb.router_count == count - 1
    # Where most lies in the future, it is our clock that is wrong.
    scene.server.wall.correction_s = -DAY
    netdb.clock_changed(scene.server.now)
    assert netdb.router_count == count - 1
    assert netdb.dated_ahead_s == pytest.approx(DAY, abs=400)


def test_a_router_info_from_the_future_gives_way_to_a_right_one() -> None:
    scene = Scene()
    netdb = scene.server.engine.netdb
    stranger = scene.add(error_s=2 * HOUR)
    netdb.import_routers([stranger.engine.router_info])
    stranger.wall.error_s = 0.0
    stranger.engine.run(stranger.now + CHECK_S)
    right = stranger.engine.router_info
    assert stranger.age_s < 1
    assert netdb.receive_router_info(right, None, 0.0).is_stored
    assert netdb.get_router(right.hash) is right


def test_routers_given_by_the_user_are_taken_whatever_our_clock_says() -> None:
    for error_s in (-400 * DAY, 400 * DAY):
        scene = Scene(site_error_s=error_s)
        assert scene.server.engine.netdb.router_count == 7


def test_the_median_of_peers_decides_and_one_counts_once() -> None:
    wall = FakeWallClock(NOON)
    clock = ClockWatch(wall, 10.0)
    assert clock.skew_s(10.0) == 0.0
    assert clock.skew_s(10.0, otherwise=70.0) == 70.0
    for number in range(5):
        clock.note_skew(b"honest %d" % number, 0.2, 10.0)
    for _ in range(50):
        clock.note_skew(b"liar", 5000.0, 10.0)
    assert clock.skew_s(10.0) == pytest.approx(0.2)
    wall.advance(102.0)
    assert clock.skew_s(12.0) == pytest.approx(-99.8)
    assert clock.check(12.0, ())
    assert clock.is_wrong(12.0)
    # What was measured since the jump is better than what was known before.
    clock.note_skew(b"honest 1", 1.0, 12.0)
    assert clock.skew_s(12.0) == pytest.approx(1.0)
    wall.advance(2.0)
    assert not clock.check(14.0, ())
    for number in range(PEERS_MAX):
        clock.note_skew(b"other %d" % number, -3.0, 14.0)
    assert clock.skew_s(14.0) == pytest.approx(-3.0)


class Watched:
    """A watch over a clock that the test moves."""

    def __init__(self) -> None:
        self.wall = FakeWallClock(NOON)
        self.now = 10.0
        self.clock = ClockWatch(self.wall, self.now)

    def pass_s(self, seconds: float) -> None:
        """Time passes, for the system's clock too."""
        self.wall.advance(seconds)
        self.now += seconds
        self.clock.check(self.now, ())

    def measure(self, skew_s: float, count: int, name: str = "peer") -> None:
        """So many routers say that our system's clock is behind by this."""
        for number in range(count):
            seen_s = skew_s - self.wall.correction_s
            self.clock.note_skew(b"%s %d" % (name.encode(), number), seen_s, self.now)

    def ask(self, skew_s: float) -> None:
        """Time servers say that our system's clock is behind by this."""
        epoch_s = self.wall.time + skew_s - self.now
        self.clock.note_time_servers(epoch_s, self.now)


def test_two_routers_correct_nothing_and_three_do() -> None:
    watched = Watched()
    watched.measure(300.0, PEERS_MIN - 1)
    watched.pass_s(2)
    assert watched.wall.correction_s == 0.0
    watched.measure(300.0, PEERS_MIN)
    watched.pass_s(2)
    assert watched.wall.correction_s == pytest.approx(300.0)
    assert watched.clock.source is ClockSource.PEERS


def test_routers_that_do_not_agree_correct_nothing() -> None:
    watched = Watched()
    for number, skew_s in enumerate((300.0, 400.0, 500.0, 600.0)):
        watched.measure(skew_s, 1, f"peer {number}")
    watched.pass_s(2)
    assert watched.wall.correction_s == 0.0


@pytest.mark.parametrize("liars", [1, 2, 7])
def test_a_minority_of_liars_changes_nothing(liars: int) -> None:
    watched = Watched()
    watched.measure(0.4, liars + 1, "honest")
    watched.measure(7200.0, liars, "liar")
    watched.pass_s(2)
    assert watched.wall.correction_s == 0.0
    assert watched.clock.source is ClockSource.PEERS


@pytest.mark.parametrize(
    ("routers", "count", "servers", "correction_s", "source"),
    [
        (None, 0, 0.3, 0.0, "ntp"),
        (None, 0, -1.5, -1.5, "ntp"),
        (14.0, 5, None, 0.0, "peers"),
        (16.0, 5, None, 16.0, "peers"),
        (3.0, 15, 20.0, 20.0, "ntp"),  # servers are more exact
        (0.0, 4, 7200.0, 7200.0, "ntp"),
        (0.0, 5, 7200.0, 0.0, "peers"),  # forged: no router agrees
        (7200.0, 5, 0.0, 7200.0, "peers"),
    ],
)
def test_who_is_believed(
    routers: float | None, count: int, servers: float | None, correction_s: float, source: str
) -> None:
    watched = Watched()
    if routers is not None:
        watched.measure(routers, count)
    if servers is not None:
        watched.ask(servers)
    watched.pass_s(2)
    assert watched.wall.correction_s == pytest.approx(correction_s)
    assert watched.clock.source == source


def test_a_clock_that_is_set_back_is_corrected_by_what_was_known() -> None:
    watched = Watched()
    watched.ask(0.0)
    watched.pass_s(2)
    watched.wall.advance(-3600.0)
    watched.pass_s(2)
    assert watched.wall.correction_s == pytest.approx(3600.0)


def test_a_leap_ahead_is_believed_until_somebody_contradicts() -> None:
    watched = Watched()
    watched.ask(0.0)
    watched.measure(0.0, 5)
    watched.pass_s(2)
    doubted_at = watched.clock.doubted_at
    watched.wall.advance(3600.0)
    watched.pass_s(2)
    assert watched.wall.correction_s == 0.0
    assert watched.clock.source is None
    assert watched.clock.doubted_at != doubted_at  # time servers are asked
    watched.pass_s(STOP_SHOWS_S)
    assert watched.wall.correction_s == pytest.approx(-3600.0)


def test_a_machine_that_stood_still_believes_new_handshakes() -> None:
    watched = Watched()
    watched.ask(0.0)
    watched.measure(0.0, 5)
    watched.pass_s(2)
    watched.wall.advance(3600.0)  # its monotonic clock stood still meanwhile
    watched.measure(0.0, 3, "new")
    watched.pass_s(2)
    watched.measure(0.0, 3, "new")
    watched.pass_s(2 * STOP_SHOWS_S)
    assert watched.wall.correction_s == 0.0
    assert watched.clock.source is ClockSource.PEERS


def test_one_router_with_another_time_is_a_reason_to_ask_time_servers_but_not_often() -> None:
    watched = Watched()
    watched.measure(3600.0, 1, "first")
    first = watched.clock.doubted_at
    assert first is not None
    watched.pass_s(20)
    watched.measure(3600.0, 1, "second")
    assert watched.clock.doubted_at == first
