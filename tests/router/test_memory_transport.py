"""Whole routers over a transport that is not NTCP2: tunnels, the network database, a page."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from core.base.errors import LocalError
from core.router.transports import EndpointFactory
from core.transport.context import TransportContext
from core.transport.ports import Endpoint
from tests.support.memory_transport import STYLE, MemoryEndpoint, MemoryNetwork
from tests.support.virtual_network import Node, VirtualNetwork


def over(memory: MemoryNetwork, host: str) -> EndpointFactory:
    """The factory of a router at ``host``."""

    def make(context: TransportContext) -> Sequence[Endpoint]:
        return [MemoryEndpoint(memory, context, host)]

    return make


def six_routers() -> tuple[MemoryNetwork, VirtualNetwork, list[Node]]:
    memory, network = MemoryNetwork(), VirtualNetwork()
    network.carry = lambda: memory.carry(network.now)
    nodes = [
        network.add(make_endpoints=over(memory, f"127.77.{number}.1")) for number in range(1, 7)
    ]
    network.introduce()
    return memory, network, nodes


def test_routers_build_tunnels_and_carry_a_page_without_ntcp2() -> None:
    memory, network, nodes = six_routers()
    server = nodes[4].open("server", publish=True)
    client = nodes[5].open("client")
    network.run(20)
    assert network.fetch(nodes[5], client, nodes[4], server.keys.hash) < 10
    for node in nodes:
        info = node.engine.router_info
        assert [address.style for address in info.addresses] == [STYLE]
        assert info.is_reachable and info.options["memory"] == "1"
        assert not info.ntcp2_addresses()
        exploratory = node.engine.tunnels.exploratory
        assert exploratory is not None and exploratory.live_outbound(node.now)
        with pytest.raises(LocalError):
            _ = node.engine.ntcp2
    assert memory.carried > 100


def test_a_transport_that_publishes_another_address_has_the_router_info_signed_anew() -> None:
    _, network, nodes = six_routers()
    network.run(5)
    moved = nodes[5]
    before = moved.engine.router_info
    (endpoint,) = moved.engine.endpoints
    assert isinstance(endpoint, MemoryEndpoint)
    endpoint.publish_at("127.77.99.1", moved.now)
    network.run(1)
    info = moved.engine.router_info
    assert info.published_ms > before.published_ms
    assert [a.options["host"] for a in info.addresses] == ["127.77.99.1"]

    def known_at(node: Node) -> str | None:
        known = node.engine.netdb.get_router(info.hash)
        return None if known is None else known.addresses[0].options["host"]

    network.run_until(lambda: "127.77.99.1" in map(known_at, nodes[:3]), 30)
