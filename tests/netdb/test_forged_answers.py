"""Answers whose signature is wrong: whose they are is known only where they were sealed for us."""

from __future__ import annotations

import pytest

from core.data.lease_set import LeaseSet2
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.i2np.database import DatabaseStore
from core.netdb.events import AnswerForged, RegisterReplyKey
from core.netdb.store import Verdict
from tests.support.netdb_network import (
    Network,
    Node,
    build_lease_set,
    build_router_info,
    drain,
)


def spoil(raw: bytes) -> bytes:
    return raw[:-1] + bytes((raw[-1] ^ 1,))


def asking(key: bytes, owner: object) -> tuple[Network, Node, bytes, bytes]:
    """A node that has asked one floodfill for ``key``: both, and the tag of the answer."""
    network = Network()
    node, floodfill = network.add(), network.add(floodfill=True)
    network.introduce(node, floodfill)
    if owner is None:
        node.netdb.lookup_router(key, network.now, is_direct=False)
    else:
        node.netdb.lookup_lease_set(key, owner, network.now)
    (asked,) = [one for one in drain(node.netdb) if isinstance(one, RegisterReplyKey)]
    return network, node, floodfill.hash, asked.tag


def forgeries(network: Network, node: Node, store: DatabaseStore, **how: object) -> list[bytes]:
    node.netdb.receive_store(store, how.pop("sender", None), network.now, **how)  # type: ignore[arg-type]
    return [one.floodfill for one in drain(node.netdb) if isinstance(one, AnswerForged)]


@pytest.mark.parametrize("owner", ["site", None])
def test_a_sealed_answer_is_the_floodfills_own(owner: object) -> None:
    network = Network(seed=2)
    if owner is None:
        keys = PrivateKeys.generate_router(network.entropy)
        info = build_router_info(keys, int(network.wall.now() * 1000))
        forged = DatabaseStore.of_router_info(RouterInfo.parse(spoil(info.raw)))
    else:
        keys = PrivateKeys.generate_destination(network.entropy)
        lease_set = LeaseSet2.parse(spoil(build_lease_set(keys, network.wall.now()).raw))
        forged = DatabaseStore.of_lease_set(lease_set)
    network, node, floodfill, tag = asking(forged.key, owner)
    # What comes in the clear, or with a tag of nobody, may be anybody's.
    assert not forgeries(network, node, forged, via_tunnel=True, owner=owner)
    assert not forgeries(network, node, forged, via_tunnel=True, owner=owner, reply_tag=b"x" * 8)
    # So is what a link brings: the router may be the end of somebody's tunnel.
    assert not forgeries(network, node, forged, sender=floodfill)
    sealed = {"via_tunnel": True, "owner": owner, "reply_tag": tag}
    assert forgeries(network, node, forged, **sealed) == [floodfill]
    assert not forgeries(network, node, forged, **sealed), "a tag holds once"


def test_an_answer_that_is_only_old_is_none() -> None:
    network = Network(seed=2)
    keys = PrivateKeys.generate_destination(network.entropy)
    old = build_lease_set(keys, network.wall.now() - 3600)
    network, node, _, tag = asking(old.hash, "site")
    store = DatabaseStore.of_lease_set(old)
    assert not forgeries(network, node, store, via_tunnel=True, owner="site", reply_tag=tag)


def test_a_floodfill_is_believed_from_itself_alone() -> None:
    """Over a link as well: an invented floodfill is not what the link's router says of itself."""
    network = Network()
    node, other = network.add(floodfill=True), network.add()
    keys = PrivateKeys.generate_router(network.entropy)
    now_ms = int(network.wall.now() * 1000)
    invented = build_router_info(keys, now_ms, floodfill=True)
    receive = node.netdb.receive_router_info
    assert receive(invented, other.hash, network.now, flood=True) is Verdict.UNASKED
    assert node.netdb.get_router(invented.hash) is None and not drain(node.netdb)
    plain = build_router_info(keys, now_ms - 1000)
    assert receive(plain, other.hash, network.now, flood=True) is Verdict.NEW
    assert receive(invented, other.hash, network.now) is Verdict.UNASKED
    assert receive(invented, invented.hash, network.now) is Verdict.NEWER
