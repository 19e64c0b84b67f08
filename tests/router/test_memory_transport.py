"""Whole routers over a transport that is not NTCP2: tunnels, the network database, a stream."""

from __future__ import annotations

from typing import Any

from core.router.own_info import NEWS_INTERVAL_S
from tests.support.memory_routers import FLOODFILLS, MemoryRouter, MemoryRouters
from tests.support.memory_transport import STYLE, MemoryEndpoint


def test_routers_build_tunnels_and_carry_a_stream_without_ntcp2() -> None:
    network = MemoryRouters(6)
    near, far = network.routers[-1], network.routers[-2]
    site, visitor = far.open("site", publish=True), near.open("visitor", publish=False)
    network.run_until(lambda: site.is_ready and visitor.is_ready, 40)
    network.run(5)
    visitor.lookup(site.owner, network.now)
    near.engine.touch(visitor)
    network.run_until(lambda: near.lease_set is not None, 20)
    lease_set: Any = near.lease_set
    stream = visitor.streams.connect(lease_set.destination, now=network.now, initial=b"a question")
    near.engine.touch(visitor)
    network.run_until(lambda: far.accepted, 20)
    (accepted,) = far.accepted
    assert accepted.read(100) == b"a question"
    accepted.write(b"an answer")
    far.engine.touch(site)
    answer = bytearray()

    def is_answered() -> bool:
        answer.extend(stream.read(100))
        return answer == b"an answer"

    network.run_until(is_answered, 20)
    for router in network.routers:
        info = router.engine.router_info
        assert [address.style for address in info.addresses] == [STYLE]
        assert info.is_reachable and info.options["memory"] == "1"
        exploratory = router.engine.tunnels.exploratory
        assert exploratory is not None and exploratory.live_outbound(network.now)
        assert router.engine.ntcp2 is None and router.engine.ssu2 is None


def test_a_transport_that_publishes_another_address_has_the_router_info_signed_anew() -> None:
    network = MemoryRouters(6)
    network.run(5)
    moved = network.routers[-1]
    before = moved.engine.router_info
    (endpoint,) = moved.engine.endpoints
    assert isinstance(endpoint, MemoryEndpoint)
    endpoint.publish(False, ("127.77.99.1", 1), network.now)
    network.run(NEWS_INTERVAL_S)
    info = moved.engine.router_info
    assert info.published_ms > before.published_ms
    assert [a.options["host"] for a in info.addresses] == ["127.77.99.1"]

    def known_at(router: MemoryRouter) -> str | None:
        known = router.engine.netdb.get_router(info.hash)
        return None if known is None else known.addresses[0].options["host"]

    floodfills = network.routers[:FLOODFILLS]
    network.run_until(lambda: "127.77.99.1" in map(known_at, floodfills), 30)
