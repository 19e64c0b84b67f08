"""Pools in virtual time: cold start, renewal, failures, tests, evidence."""

from __future__ import annotations

import pytest

from core.base.errors import LocalError
from core.i2np.message import make_standard
from core.tunnel.delivery import DeliveryKind
from core.tunnel.events import (
    BuildFinished,
    LeasesChanged,
    RoutersWanted,
    TunnelLost,
    TunnelReady,
    TunnelTested,
)
from core.tunnel.records import LONG, SHORT, RecordFormat
from core.tunnel.shape import TunnelShape
from tests.tunnel.mesh import Mesh

TWO = TunnelShape(2, 2)
THREE = TunnelShape(3, 2)


def start(mesh: Mesh, index: int = 0, client: TunnelShape = THREE) -> None:
    router = mesh.routers[index]
    router.manager.add_pool("exploratory", TWO, TWO, mesh.now, is_exploratory=True)
    router.manager.add_pool("client", client, client, mesh.now)


def ready(mesh: Mesh, index: int = 0) -> bool:
    pool = mesh.routers[index].manager.pool("client")
    assert pool is not None
    return pool.is_ready(mesh.now)


@pytest.mark.parametrize("fmt", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_cold_start_takes_a_few_round_trips(length: int, fmt: RecordFormat) -> None:
    mesh = Mesh(8, fmt)
    start(mesh, client=TunnelShape(length, 2))
    mesh.run(10, lambda: ready(mesh))
    assert mesh.now < 1.0
    mesh.run(5)
    pool = mesh.routers[0].manager.pool("client")
    assert pool is not None
    assert len(pool.live_inbound(mesh.now)) == 2
    assert len(pool.live_outbound(mesh.now)) >= 2
    assert all(len(t.hops) == length for t in pool.live_inbound(mesh.now))


def test_everybody_starts_at_once_in_a_small_network() -> None:
    mesh = Mesh(6)
    for index in range(6):
        start(mesh, index)
    mesh.run(10, lambda: all(ready(mesh, i) for i in range(6)))
    assert mesh.now < 2.0


def test_a_pool_shrinks_and_grows_while_it_runs() -> None:
    mesh = Mesh(8)
    start(mesh, client=TunnelShape(2, 3))
    mesh.run(5)
    manager = mesh.routers[0].manager
    pool = manager.pool("client")
    assert pool is not None
    manager.reshape("client", TunnelShape(2, 1), TunnelShape(2, 1), mesh.now)
    assert len(pool.live_inbound(mesh.now)) == 1, "published at once"
    assert len(pool.inbound.tunnels) >= 3, "others may still send to the old ones"
    mesh.run(mesh.now + 700)
    assert len(pool.inbound.tunnels) <= 2
    manager.reshape("client", TunnelShape(3, 3), TunnelShape(2, 1), mesh.now)
    mesh.run(mesh.now + 3)
    live = pool.live_inbound(mesh.now)
    assert len(live) == 3
    assert all(len(tunnel.hops) == 3 for tunnel in live)
    manager.reshape("nobody", TunnelShape(), TunnelShape(), mesh.now)


def test_messages_pass_between_pools_for_half_an_hour_without_a_gap() -> None:
    mesh = Mesh(7)
    start(mesh, 0)
    start(mesh, 1)
    mesh.run(5)
    alice, bob = mesh.routers[:2]
    sent = 0
    while mesh.now < 1800:
        pool = alice.manager.pool("client")
        target = bob.manager.pool("client")
        assert pool is not None and target is not None
        outbound = pool.pick_outbound(mesh.now)
        leases = target.live_inbound(mesh.now)
        assert outbound is not None
        assert len(leases) == 2
        body = sent.to_bytes(4, "big")
        message = make_standard(20, sent + 1, int(mesh.wall.now() + 30) * 1000, body)
        lease = leases[sent % 2]
        kind = (DeliveryKind.TUNNEL, lease.gateway_hash, lease.gateway_tunnel_id)
        outbound.send([(*kind, message)], mesh.now)
        sent += 1
        mesh.run(mesh.now + 10)
    assert [int.from_bytes(body, "big") for _, body in bob.inbox] == list(range(sent))
    lost = [e for _, e in alice.seen(TunnelLost)]
    assert lost
    assert all(isinstance(e, TunnelLost) and e.reason == "expired" for e in lost)


def test_replacements_are_up_before_their_predecessors_end() -> None:
    mesh = Mesh(7)
    start(mesh)
    mesh.run(3)
    pool = mesh.routers[0].manager.pool("client")
    assert pool is not None
    while mesh.now < 1300:
        mesh.run(mesh.now + 5)
        assert len(pool.live_inbound(mesh.now)) == 2
        assert min(t.expires_at for t in pool.live_inbound(mesh.now)) - mesh.now > 45
        assert len(pool.live_outbound(mesh.now)) >= 2
    builds = len(mesh.routers[0].seen(BuildFinished, "client"))
    assert builds < 30, "no more builds than tunnels need"


def test_leases_are_announced_when_they_change() -> None:
    mesh = Mesh(6)
    start(mesh)
    mesh.run(400)
    router = mesh.routers[0]
    changes = router.seen(LeasesChanged, "client")
    assert 1 <= len(changes) <= 4
    mesh.run(700)
    assert len(router.seen(LeasesChanged, "client")) > len(changes)


def test_a_dead_hop_is_found_by_tests_and_replaced() -> None:
    mesh = Mesh(9)
    start(mesh)
    mesh.run(20)
    router = mesh.routers[0]
    pool = router.manager.pool("client")
    assert pool is not None
    victim = pool.live_inbound(mesh.now)[0].hops[1]
    mesh.down.add(victim)
    router.opinions.unusable.add(victim)
    mesh.run(65)
    used = [h for t in pool.live_inbound(mesh.now) + pool.live_outbound(mesh.now) for h in t.hops]
    assert victim not in used
    assert pool.is_ready(mesh.now)
    lost = [e for _, e in router.seen(TunnelLost, "client")]
    assert any(isinstance(e, TunnelLost) and e.reason == "test" for e in lost)


def test_tests_measure_the_round_trip() -> None:
    mesh = Mesh(7)
    start(mesh)
    mesh.run(40)
    router = mesh.routers[0]
    tests = [e for _, e in router.seen(TunnelTested, "client")]
    assert tests
    for event in tests:
        assert isinstance(event, TunnelTested)
        endpoint, gateway = event.hops[2:4]
        journeys = 8 - (endpoint == gateway)
        assert event.rtt_s == pytest.approx(journeys * mesh.latency_s, abs=0.03)
    pool = router.manager.pool("client")
    assert pool is not None
    assert all(t.rtt_s is not None for t in pool.live_outbound(mesh.now))


def test_declining_routers_do_not_stop_the_pool() -> None:
    mesh = Mesh(10)
    for router in mesh.routers[1:4]:
        router.decline()
    start(mesh)
    mesh.run(30, lambda: ready(mesh))
    assert mesh.now < 30
    finished = [e for _, e in mesh.routers[0].seen(BuildFinished)]
    codes = [c for e in finished if isinstance(e, BuildFinished) for c in e.codes or ()]
    assert 30 in codes


def test_unanswered_builds_are_hedged_and_time_out() -> None:
    mesh = Mesh(10)
    for router in mesh.routers[1:3]:
        mesh.down.add(router.hash)
    start(mesh)
    mesh.run(30, lambda: ready(mesh))
    assert mesh.now < 20
    mesh.run(40)
    manager = mesh.routers[0].manager
    assert manager.builder.timed_out > 0
    ended = [e for _, e in mesh.routers[0].seen(BuildFinished)]
    assert any(isinstance(e, BuildFinished) and e.codes is None for e in ended)


def test_a_failed_first_hop_ends_the_build_at_once() -> None:
    mesh = Mesh(5)
    for router in mesh.routers[1:]:
        mesh.down.add(router.hash)
    start(mesh)
    mesh.run(0.1)
    router = mesh.routers[0]
    for peer in mesh.routers[1:]:
        router.manager.note_peer_failed(peer.hash, mesh.now)
    mesh.run(0.2)
    ended = [e for _, e in router.seen(BuildFinished)]
    assert ended
    assert all(isinstance(e, BuildFinished) and len(e.hops) == 1 for e in ended)


def test_routers_that_would_not_dial_us_are_dialled_before_they_answer() -> None:
    mesh = Mesh(8)
    router = mesh.routers[0]
    mesh.lost = lambda sender, peer, message: (
        peer == router.hash and sender not in router.opinions.connected
    )
    start(mesh)
    mesh.run(30, lambda: ready(mesh))
    assert mesh.now < 1.0
    assert not router.manager.builder.timed_out


def test_nobody_there_costs_next_to_nothing() -> None:
    mesh = Mesh(1)
    start(mesh)
    mesh.run(60)
    assert mesh.timer_calls < 300
    assert mesh.routers[0].manager.builder.started == 0


def test_an_idle_pool_costs_about_one_timer_a_second() -> None:
    mesh = Mesh(6)
    start(mesh)
    mesh.run(30)
    before = mesh.timer_calls
    mesh.run(90)
    assert mesh.timer_calls - before < 60 * 2.5


def test_pools_of_zero_hops_are_ready_at_once() -> None:
    mesh = Mesh(2)
    router = mesh.routers[0]
    zero = TunnelShape(0, 1)
    pool = router.manager.add_pool("local", zero, zero, mesh.now)
    mesh.run(0.1)
    assert pool.is_ready(mesh.now)
    outbound, inbound = pool.pick_outbound(mesh.now), pool.pick_inbound(mesh.now)
    assert outbound is not None and inbound is not None
    message = make_standard(20, 5, int(mesh.wall.now() + 30) * 1000, b"to myself")
    target = (inbound.gateway_hash, inbound.gateway_tunnel_id)
    outbound.send([(DeliveryKind.TUNNEL, *target, message)], mesh.now)
    mesh.run(0.2)
    assert router.inbox == [("local", b"to myself")]
    mesh.run(1300)
    assert pool.is_ready(mesh.now)


def test_a_closed_pool_leaves_nothing_behind() -> None:
    mesh = Mesh(6)
    start(mesh)
    mesh.run(5)
    router = mesh.routers[0]
    ids = [t.tunnel_id for t in router.manager.pool("client").live_inbound(mesh.now)]  # type: ignore[union-attr]
    router.manager.remove_pool("client", mesh.now)
    mesh.run(10)
    assert router.manager.pool("client") is None
    assert not any(router.dispatcher.is_taken(i) for i in ids)
    reasons = {e.reason for _, e in router.seen(TunnelLost, "client") if isinstance(e, TunnelLost)}
    assert reasons == {"closed"}
    router.manager.remove_pool("client", mesh.now)


def test_an_owner_has_one_pool() -> None:
    mesh = Mesh(2)
    start(mesh)
    with pytest.raises(LocalError):
        mesh.routers[0].manager.add_pool("client", TWO, TWO, mesh.now)
    with pytest.raises(LocalError):
        mesh.routers[0].manager.add_pool("other", TWO, TWO, mesh.now, is_exploratory=True)


def test_suspicion_leads_to_a_test_at_once() -> None:
    mesh = Mesh(6)
    start(mesh)
    mesh.run(20)
    router = mesh.routers[0]
    pool = router.manager.pool("client")
    assert pool is not None
    tunnel = pool.live_outbound(mesh.now)[0]
    router.manager.note_suspect(tunnel, mesh.now)
    assert tunnel.failures == 1
    mesh.run(mesh.now + 1.5)
    assert tunnel.failures == 0
    events = [e for _, e in router.seen(TunnelReady, "client")]
    assert tunnel in [e.tunnel for e in events if isinstance(e, TunnelReady)]


def test_a_neighbour_whose_link_broke_is_dialled_and_replaced_once_that_fails() -> None:
    mesh = Mesh(6)
    start(mesh, client=TunnelShape(1, 2))
    mesh.run(20)
    router = mesh.routers[0]
    manager, pool = router.manager, router.manager.pool("client")
    assert pool is not None
    tunnel = pool.live_inbound(mesh.now)[0]
    neighbour = tunnel.hops[-1]
    manager.note_link_lost(neighbour, mesh.now)
    assert router.dispatcher.take_outgoing() == [(neighbour, [], None)]
    assert tunnel.failures == 1
    assert not pool.inbound.missing(mesh.now)
    manager.note_peer_failed(neighbour, mesh.now, is_peers_fault=False)
    assert not pool.inbound.missing(mesh.now)
    manager.note_peer_failed(neighbour, mesh.now)
    assert pool.inbound.missing(mesh.now)
    assert tunnel not in pool.live_inbound(mesh.now)


def test_tunnels_are_tested_in_which_a_router_that_takes_no_link_is_a_hop_further_away() -> None:
    mesh = Mesh(6)
    start(mesh)
    mesh.run(20)
    router = mesh.routers[0]
    manager, pool = router.manager, router.manager.pool("client")
    assert pool is not None
    tunnel = pool.live_outbound(mesh.now)[0]
    manager.note_peer_failed(tunnel.hops[-1], mesh.now, is_peers_fault=False)
    assert tunnel.failures == 0
    manager.note_peer_failed(tunnel.hops[-1], mesh.now)
    assert tunnel.failures == 1, "others come first"
    mesh.run(mesh.now + 1.5)
    assert tunnel.failures == 0, "it works"


def test_a_lossy_network_keeps_its_tunnels() -> None:
    mesh = Mesh(8)
    counter = iter(range(10**9))
    mesh.lost = lambda sender, peer, message: next(counter) % 50 == 0
    start(mesh)
    mesh.run(120)
    assert ready(mesh)
    lost = [e for _, e in mesh.routers[0].seen(TunnelLost, "client")]
    assert len(lost) <= 2


@pytest.mark.parametrize("fmt", [SHORT, LONG], ids=["short", "long"])
def test_a_build_whose_gateway_is_the_endpoint_that_delivers_it(fmt: RecordFormat) -> None:
    mesh = Mesh(2, fmt)
    start(mesh, client=TunnelShape(1, 1))
    mesh.run(3)
    # There is only one other router, so every request after the first meets this case.
    assert ready(mesh)
    assert len(mesh.routers[1].transit) >= 4


def test_a_pool_of_named_routers_uses_no_others() -> None:
    mesh = Mesh(9)
    near = tuple(router.hash for router in mesh.routers[1:4])
    far = tuple(router.hash for router in mesh.routers[4:7])
    router = mesh.routers[0]
    router.manager.add_pool("exploratory", TWO, TWO, 0.0, is_exploratory=True)
    pool = router.manager.add_pool(
        "client",
        TunnelShape(2, 2, explicit_peers=near),
        TunnelShape(2, 2, explicit_peers=far),
        0.0,
    )
    mesh.run(1500)
    built = [event for _, event in router.seen(BuildFinished, "client")]
    for is_inbound, named in ((True, near), (False, far)):
        mine = [
            e.hops for e in built if isinstance(e, BuildFinished) and e.is_inbound == is_inbound
        ]
        assert len(mine) >= 4 and {hop for hops in mine for hop in hops} == set(named)
    assert pool.is_ready(mesh.now) and not pool.lacks_peers


def test_named_routers_that_are_missing_are_looked_up_and_waited_for() -> None:
    mesh = Mesh(6)
    router = mesh.routers[0]
    known, late = mesh.routers[1], mesh.routers[2]
    del router.directory.infos[late.hash]
    router.manager.add_pool("exploratory", TWO, TWO, 0.0, is_exploratory=True)
    shape = TunnelShape(2, 2, explicit_peers=(known.hash, late.hash))
    pool = router.manager.add_pool("client", shape, shape, 0.0)
    mesh.run(45)
    assert pool.lacks_peers and not pool.inbound.tunnels and not pool.outbound.tunnels
    wanted = router.seen(RoutersWanted, "client")
    assert {event.router_hashes for _, event in wanted} == {(late.hash,)}  # type: ignore[union-attr]
    assert len(wanted) == 4, "for each direction, now and half a minute later"
    router.directory.infos[late.hash] = late.info
    mesh.run(50)
    assert pool.is_ready(mesh.now) and not pool.lacks_peers


def test_naming_routers_replaces_the_tunnels_through_others() -> None:
    mesh = Mesh(8)
    start(mesh, client=TWO)
    mesh.run(5)
    manager = mesh.routers[0].manager
    pool = manager.pool("client")
    assert pool is not None
    named = tuple(router.hash for router in mesh.routers[1:4])
    shape = TunnelShape(2, 2, explicit_peers=named)
    manager.reshape("client", shape, shape, mesh.now)
    mesh.run(10)
    good = [t for t in pool.outbound.tunnels if set(t.hops) <= set(named)]
    assert len(good) >= 2
    mesh.run(700)
    assert all(set(t.hops) <= set(named) for t in pool.outbound.tunnels)
    assert all(set(t.hops) <= set(named) for t in pool.inbound.tunnels)
