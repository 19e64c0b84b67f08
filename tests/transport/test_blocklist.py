"""Whom the user has blocked: no link either way, and links that are up end."""

from __future__ import annotations

import pytest

from core.data.address_ranges import AddressRange
from core.transport.events import PeerFailed
from tests.support.link_nodes import Node, Wire, message, pair


def block(node: Node, how: str, other: Node, now: float) -> None:
    hashes = {other.hash} if how == "hash" else set()
    ranges = (AddressRange.parse(other.host),) if how == "address" else ()
    node.links.block(hashes, ranges, now)


def linked() -> tuple[Node, Node, Wire]:
    alice, bob, wire = pair()
    alice.links.send(bob.hash, [], wire.now)
    wire.run()
    alice.take_events()
    return alice, bob, wire


@pytest.mark.parametrize("how", ["hash", "address"])
def test_a_link_that_is_up_ends(how: str) -> None:
    alice, bob, wire = linked()
    block(bob, how, alice, wire.now)
    wire.run()
    assert not bob.links.is_connected(alice.hash)
    assert not alice.links.is_connected(bob.hash)


@pytest.mark.parametrize("how", ["hash", "address"])
def test_nobody_blocked_is_dialled_or_let_in(how: str) -> None:
    alice, bob, wire = pair()
    block(alice, how, bob, wire.now)
    alice.links.send(bob.hash, [message(1)], wire.now)
    assert alice.take_events() == [PeerFailed(bob.hash, "banned", 1)]
    assert not alice.links.can_try(bob.hash, wire.now)
    bob.links.send(alice.hash, [message(1)], wire.now)
    wire.run()
    assert not alice.links.is_connected(bob.hash)
    assert alice.links.stats.refused["blocked"] == (how == "address")
    alice.links.block((), (), wire.now)
    wire.now += 60
    alice.links.send(bob.hash, [message(1)], wire.now)
    wire.run()
    assert alice.links.is_connected(bob.hash), "not any more"
