"""What our own tunnels carry is measured; what routers claim is not believed."""

from __future__ import annotations

from collections import Counter

import pytest

from core.i2np.message import make_standard
from core.tunnel.delivery import DeliveryKind
from core.tunnel.events import TunnelCarried
from core.tunnel.shape import TunnelShape
from tests.tunnel.mesh import Mesh, Opinions
from tests.tunnel.test_selection import info, path, selector

TWO = TunnelShape(2, 2)


def test_the_throughput_of_a_tunnel_is_told_with_its_hops() -> None:
    mesh = Mesh(8)
    router = mesh.routers[0]
    router.manager.add_pool("exploratory", TWO, TWO, 0.0, is_exploratory=True)
    router.manager.add_pool("client", TWO, TWO, 0.0)
    mesh.run(20)
    assert not router.seen(TunnelCarried), "tests are no traffic"
    pool = router.manager.pool("client")
    assert pool is not None
    sender, receiver = pool.live_outbound(mesh.now)[0], pool.live_inbound(mesh.now)[0]
    target = (receiver.gateway_hash, receiver.gateway_tunnel_id)
    for second in range(10):
        for number in range(50):
            expires_ms = int(mesh.wall.now() + 30) * 1000
            message = make_standard(20, second * 50 + number + 1, expires_ms, bytes(900))
            sender.send([(DeliveryKind.TUNNEL, *target, message)], mesh.now)
        mesh.run(mesh.now + 1)
    told = [e for _, e in router.seen(TunnelCarried, "client") if isinstance(e, TunnelCarried)]
    fastest: dict[tuple[bytes, ...], float] = {}
    for event in told:
        fastest[event.hops] = max(fastest.get(event.hops, 0.0), event.bytes_s)
    assert fastest.keys() == {sender.hops, receiver.hops}
    assert fastest[sender.hops] == pytest.approx(50 * 1024, rel=0.25)
    assert fastest[receiver.hops] == pytest.approx(50 * 1024, rel=0.25)


def test_a_proven_router_gains_nothing_by_what_it_claims() -> None:
    infos = [info(i, caps="XR" if i < 5 else "OR") for i in range(10)]
    opinions = Opinions()
    opinions.proven = [one.hash for one in infos]
    chooser = selector(infos, opinions)
    count = Counter(path(chooser, 1)[0] for _ in range(600))
    claiming = sum(count[one.hash] for one in infos[:5])
    assert 250 < claiming < 350
    strangers = Counter(path(selector(infos), 1)[0] for _ in range(10))
    assert strangers, "of a stranger nothing else is known"


def test_congestion_that_a_router_admits_is_believed() -> None:
    infos = [info(i, caps="ORD" if i < 5 else "OR") for i in range(10)]
    opinions = Opinions()
    opinions.proven = [one.hash for one in infos]
    chooser = selector(infos, opinions)
    count = Counter(path(chooser, 1)[0] for _ in range(600))
    assert 80 < sum(count[one.hash] for one in infos[:5]) < 190, "a third as often"
    badly = [info(i, caps="ORE" if i < 5 else "OR") for i in range(10)]
    chooser = selector(badly, opinions)
    assert not {path(chooser, 1)[0] for _ in range(100)} & {one.hash for one in badly[:5]}
