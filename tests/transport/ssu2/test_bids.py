"""In which family routers are dialled that are to test or introduce us."""

from __future__ import annotations

import pytest

from core.data.router_info import RouterInfo
from core.data.transport_address import RouterAddress
from core.transport.families import FAILURES_MAX
from core.transport.reachability_votes import ReachabilityState
from core.transport.ssu2.bids import COST_BOB
from core.transport.ssu2.published import COST_PUBLISHED
from tests.support.world.nat import NatKind
from tests.transport.ssu2.test_session_traversal import PUBLIC_6, Scene, TraversingNode

V4, V6 = "77.0.0.1", "2a77::1"


def both(node: TraversingNode) -> RouterInfo:
    """A router that tests and introduces in both families."""
    address = next(one for one in node.ssu2.addresses() if "host" in one.options)
    addresses = [
        RouterAddress(address.cost, 0, address.style, {**address.options, "host": host})
        for host in (V4, V6)
    ]
    return RouterInfo.build(
        node.keys, 1, addresses, {"netId": "77", "router.version": "0.9.67", "caps": "LR"}
    )


def bid(node: TraversingNode, bob: RouterInfo, now: float) -> tuple[str, int]:
    """Where, and how dear."""
    found = node.ssu2.bid(bob, now)
    assert found is not None
    return found.host, found.cost


@pytest.mark.parametrize("known_6", [False, True], ids=["ipv4 is known", "ipv6 is known"])
def test_a_bob_is_dialled_in_the_family_that_lacks_one(known_6: bool) -> None:
    scene = Scene(PUBLIC_6) if known_6 else Scene()
    alice = scene.walled("alice", "2a11:1::2" if known_6 else "100.0.0.1", NatKind.FULL_CONE)
    dual = both(scene.public[5])
    assert bid(alice, dual, scene.net.now) == (V4, COST_BOB), "nothing is known of either"
    ok = ReachabilityState.OK
    assert scene.net.run(lambda: scene.state(alice, is_ipv6=known_6) is ok, 120)
    scene.net.run(seconds=1)
    wanted, other = (V4, V6) if known_6 else (V6, V4)
    assert bid(alice, dual, scene.net.now) == (wanted, COST_BOB)
    # Without a way out of that family nobody can help in it.
    for _ in range(FAILURES_MAX):
        alice.ssu2._bids._families.failed(wanted)
    assert bid(alice, dual, scene.net.now) == (other, COST_PUBLISHED)
