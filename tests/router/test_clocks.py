"""Clocks that are wrong, are set, and stand still: whole routers in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from core.client.config import EncryptedLeaseSetOptions
from core.crypto.signing import SigningType
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.router.clock import CHECK_S, PEERS_MAX, ClockWatch
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
def test_booted_with_a_wrong_clock_that_is_then_set_right(
    error_s: float, is_encrypted: bool
) -> None:
    scene = Scene(site_error_s=error_s, is_encrypted=is_encrypted)
    scene.world.run(45)
    assert scene.server.skew_s == pytest.approx(-error_s, abs=1)
    assert not scene.site.is_ready
    scene.server.wall.error_s = 0.0
    assert scene.page_s() < PAGE_S
    assert -1 < scene.server.age_s < PAGE_S
    assert abs(scene.server.skew_s) < 1


@pytest.mark.parametrize("error_s", [2 * HOUR, -400 * DAY], ids=lambda s: f"{s:+}")
def test_a_visitor_that_booted_with_a_wrong_clock(error_s: float) -> None:
    scene = Scene(visitor_error_s=error_s)
    scene.world.run(45)
    assert not scene.visitor.is_ready
    scene.client.wall.error_s = 0.0
    assert scene.page_s() < PAGE_S


@pytest.mark.parametrize(
    "error_s",
    [HOUR, *(pytest.param(error_s, marks=pytest.mark.world) for error_s in (-120.0, DAY))],
    ids=lambda s: f"{s:+}",
)
def test_a_clock_that_is_set_wrong_while_it_runs(error_s: float) -> None:
    scene = Scene()
    scene.until_ready()
    scene.page_s()
    for node in both(scene):
        node.wall.error_s = error_s
        scene.world.run(CHECK_S)
        assert node.skew_s == pytest.approx(-error_s, abs=1)
    scene.world.run(20 * MINUTE)
    for node in both(scene):
        assert node.skew_s == pytest.approx(-error_s, abs=1)
        node.wall.error_s = 0.0
    assert scene.page_s() < PAGE_S
    for node in both(scene):
        assert -1 < node.age_s < PAGE_S
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
    scene.server.wall.error_s = -DAY
    scene.world.run(CHECK_S)
    assert netdb.router_count == count - 1
    assert netdb.dated_ahead_s == pytest.approx(DAY, abs=60)


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
    wall.advance(100.0)
    assert clock.skew_s(10.0) == pytest.approx(-99.8)
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
