"""Sites that are visited often are found at once, also after their lease sets have ended."""

from __future__ import annotations

import pytest

from core.client.events import LeaseSetFound
from core.client.frequent_destinations import FREQUENT_MAX, KEEP_S, FrequentDestinations
from tests.client.parties import Party, World

START = 1_700_000_000.0


def test_only_who_is_visited_often_and_lately_is_frequent() -> None:
    frequent = FrequentDestinations()
    for destination, visits in ((b"often", 5), (b"twice", 2), (b"thrice", 3)):
        for _ in range(visits):
            frequent.note_visit(destination, 100.0)
    assert frequent.current(101.0) == [b"often", b"thrice"]
    assert frequent.current(100.0 + 1800.0) == [b"often"]
    assert frequent.current(100.0 + KEEP_S) == []
    frequent.forget(b"often")
    assert frequent.current(101.0) == [b"thrice"]


def test_they_are_few() -> None:
    frequent = FrequentDestinations()
    for number in range(200):
        for _ in range(4):
            frequent.note_visit(b"%d" % number, float(number))
    assert len(frequent.current(200.0)) == FREQUENT_MAX


def visit(world: World, client: Party, site: Party) -> None:
    client.engine.lookup(site.keys.hash, world.network.now)
    world.run(5.0)
    assert any(isinstance(event, LeaseSetFound) and event.lease_set for event in client.events)
    client.events.clear()


@pytest.mark.doubles
@pytest.mark.parametrize(("visits", "is_frequent"), [(1, False), (3, True)])
def test_a_frequent_destination_is_found_at_once(visits: int, is_frequent: bool) -> None:
    world = World(START)
    site, client = world.add("site", publish=True), world.add("client")
    world.run(20.0)
    for _ in range(visits):
        visit(world, client, site)
    world.run(900.0)
    client.engine.lookup(site.keys.hash, world.network.now)
    found = client.engine.next_event()
    assert isinstance(found, LeaseSetFound) is is_frequent


@pytest.mark.doubles
def test_a_frequent_destination_that_is_gone_is_asked_for_once() -> None:
    world = World(START)
    site, client = world.add("site", publish=True), world.add("client")
    world.run(20.0)
    for _ in range(3):
        visit(world, client, site)
    site.is_frozen = True
    world.run(1500.0)
    assert client.engine._remotes._frequent.current(world.network.now) == []
