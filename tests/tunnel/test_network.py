"""Tunnels of 0 to 7 hops through real hops in memory, both record formats."""

from __future__ import annotations

import pytest

from core.tunnel.delivery import DeliveryKind
from core.tunnel.records import LONG, SHORT, RecordFormat
from core.tunnel.transit import TransitLimits
from core.tunnel.tunnels import ZeroHopOutbound
from tests.tunnel.network import Network, message


@pytest.mark.parametrize("fmt", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("hops", range(1, 8))
def test_messages_pass_tunnels_of_every_length(hops: int, fmt: RecordFormat) -> None:
    network = Network(2 + 2 * hops)
    alice, bob = network.nodes[:2]
    _, codes, inbound = network.build_inbound(bob, network.nodes[2 : 2 + hops], fmt)
    assert codes == (0,) * hops
    assert inbound is not None
    _, codes, outbound = network.build_outbound(alice, network.nodes[2 + hops :], fmt)
    assert codes == (0,) * hops
    assert outbound is not None
    bodies = [bytes([i]) * size for i, size in enumerate((1, 900, 5000, 62000, 1, 2, 3))]
    outbound.send(
        [
            (
                DeliveryKind.TUNNEL,
                inbound.gateway_hash,
                inbound.gateway_tunnel_id,
                message(body, network.wall, i + 1),
            )
            for i, body in enumerate(bodies)
        ],
        network.now,
    )
    network.run()
    assert [m[16:] for _, _, m in bob.inbox] == bodies
    assert all(owner is bob for owner, _, _ in bob.inbox)


def test_reply_comes_through_an_inbound_tunnel_and_is_wrapped() -> None:
    network = Network(8)
    alice = network.nodes[0]
    _, _, inbound = network.build_inbound(alice, network.nodes[1:4])
    build, codes, outbound = network.build_outbound(alice, network.nodes[4:7], reply=inbound)
    assert codes == (0, 0, 0)
    assert outbound is not None
    assert alice.keys == {}, "the garlic key of the reply was used"
    assert build.is_short


def test_reply_whose_gateway_is_the_endpoint_comes_plain() -> None:
    network = Network(5)
    alice = network.nodes[0]
    _, _, inbound = network.build_inbound(alice, network.nodes[1:3])
    path = [network.nodes[3], network.nodes[1]]
    _, codes, _ = network.build_outbound(alice, path, reply=inbound)
    assert codes == (0, 0)
    assert len(alice.keys) == 1, "the garlic key was not needed"


def test_endpoint_delivers_to_routers() -> None:
    network = Network(5)
    alice, bob = network.nodes[:2]
    _, _, outbound = network.build_outbound(alice, network.nodes[2:])
    assert outbound is not None
    target = message(b"hello", network.wall)
    outbound.send([(DeliveryKind.ROUTER, bob.hash, None, target)], network.now)
    last = network.nodes[-1]
    outbound.send([(DeliveryKind.ROUTER, last.hash, None, target)], network.now)
    network.run()
    assert [m[9:] for m in bob.router_messages] == [b"hello"]
    assert [m[9:] for m in last.router_messages] == [b"hello"]


def test_zero_hops_deliver_directly() -> None:
    network = Network(4)
    alice, bob = network.nodes[:2]
    _, _, inbound = network.build_inbound(bob, network.nodes[2:])
    assert inbound is not None
    outbound = ZeroHopOutbound(alice, 1, alice.dispatcher, network.now)
    gateway = (inbound.gateway_hash, inbound.gateway_tunnel_id)
    outbound.send([(DeliveryKind.TUNNEL, *gateway, message(b"x", network.wall))], network.now)
    outbound.send([(DeliveryKind.ROUTER, bob.hash, None, message(b"y", network.wall))], network.now)
    network.run()
    assert [m[16:] for _, _, m in bob.inbox] == [b"x"]
    assert [m[9:] for m in bob.router_messages] == [b"y"]


def test_a_declining_hop_says_30_and_others_accept() -> None:
    network = Network(4)
    network.nodes[2].transit.configure(TransitLimits(accepts=False))
    _, codes, tunnel = network.build_inbound(network.nodes[0], network.nodes[1:])
    assert codes == (0, 30, 0)
    assert tunnel is None
    assert len(network.nodes[2].transit) == 0


def test_transit_tunnels_end_after_660_seconds() -> None:
    network = Network(3)
    _, _, inbound = network.build_inbound(network.nodes[0], network.nodes[1:])
    assert inbound is not None
    gateway = network.nodes[1]
    gateway.dispatcher._accepters[inbound.gateway_tunnel_id].accept(
        message(b"used", network.wall), gateway.dispatcher, network.now
    )
    gateway.transit.handle_timer(network.now + 120)
    assert gateway.transit.next_timer() == network.now + 660
    gateway.transit.handle_timer(network.now + 659)
    assert len(gateway.transit) == 1
    gateway.transit.handle_timer(network.now + 660)
    assert len(gateway.transit) == 0
    assert not gateway.dispatcher.is_taken(inbound.gateway_tunnel_id)
