"""What strangers may cost a router: whoever floods it shuts nobody else out.

With a tenth of the CPU time that strangers may use; the whole of it is measured by
``python -m tests.bench.floods``.
"""

from __future__ import annotations

import pytest

from core.i2np.database import DatabaseStore
from tests.support.flooded_router import (
    HONEST,
    FloodedRouter,
    flood_builds,
    flood_lookups,
    flood_sessions,
    flood_stores,
    link,
)

pytestmark = pytest.mark.doubles

SHARE = 0.05


@pytest.mark.parametrize("valid", [False, True], ids=["forged", "of keys nobody wants"])
def test_stores_in_garlic(valid: bool) -> None:
    assert flood_stores(400, 0.8, links=3, valid=valid, share=SHARE).part >= 0.9


def test_stores_from_where_the_flood_comes_from() -> None:
    assert flood_stores(200, 0.8, shared=True, share=SHARE).part >= 0.8


def test_lookups_in_garlic() -> None:
    assert flood_lookups(500, 0.8, links=3, garlic=True, share=SHARE).part >= 0.9


@pytest.mark.parametrize("sound", [False, True], ids=["junk", "sound"])
def test_build_requests(sound: bool) -> None:
    assert flood_builds(1000, 0.8, links=3, sound=sound, share=SHARE).part >= 0.9


def test_new_sessions_with_a_destination() -> None:
    assert flood_sessions(500, 1.5, share=SHARE).part >= 0.8


def test_one_flooded_destination_is_not_another_ones_trouble() -> None:
    assert flood_sessions(1000, 0.5, share=SHARE, tunnels=3).part > 0


def test_a_replay_costs_its_source_nothing() -> None:
    """Who repeats an honest message over and over must not use up the sender's share."""
    router = FloodedRouter(share=SHARE)
    store = DatabaseStore.of_lease_set(router.lease_set(), 5, 7, link(9))
    first = router.sealed(1, store.write())
    router.receive(link(1), [first] * 3000)
    wanted = router.lease_set()
    store = DatabaseStore.of_lease_set(wanted, 5, 7, link(9))
    router.receive(link(1), [router.sealed(1, store.write())])
    router.tick()
    assert router.engine.netdb._lease_sets.served.get(wanted.hash) == wanted
    assert router.engine.inbox.garlic.dropped == 2999


def test_made_up_gateways_do_not_keep_answers_from_others() -> None:
    """An answer for a router nobody knows costs a lookup; those are shared out, too."""
    router = FloodedRouter()
    pending = router.engine.pending_sends
    for number in range(1000):
        pending.can_reach(number.to_bytes(32, "big"), (link(1), number), router.now)
    assert pending.can_reach(b"honest".ljust(32), (link(2), 0), router.now)


def test_answers_to_made_up_routers_do_not_keep_answers_from_others() -> None:
    """An acknowledgement goes where the store says: a stranger may name a router of its fancy."""
    router = FloodedRouter(floodfills=400, share=0.5)
    pending = router.engine.pending_sends
    known = [info.hash for info in router.engine.netdb.routers()]
    for number in range(1500):
        target = known[number % 400] if number % 2 else router.entropy.random_bytes(32)
        store = DatabaseStore.of_lease_set(router.lease_set(), 5, 0, target)
        router.receive(link(1), [router.short(1, store.write())])
    router.tick()
    assert pending.unasked > 1000
    wanted = DatabaseStore.of_lease_set(router.lease_set(), 5, 0, link(HONEST))
    router.receive(link(2), [router.short(1, wanted.write())])
    router.tick()
    assert [message[0] for message in router.engine.sent[link(HONEST)]] == [10]
