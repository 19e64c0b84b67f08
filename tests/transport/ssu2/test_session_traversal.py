"""Peer tests between whole SSU2 endpoints, behind translators of all kinds."""

from __future__ import annotations

import pytest

from core.data.router_info import RouterInfo
from core.transport.events import LinkWanted, RouterInfoReceived, TraversalStep
from core.transport.own_addresses import OwnAddresses
from core.transport.reachability import Reachability
from core.transport.reachability_votes import ReachabilityState
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.introduction_queue import WAIT_S
from core.transport.ssu2.responder import Responder
from core.transport.ssu2.session_traversal import SessionTraversal
from tests.support.ssu2_nodes import Ssu2Net, Ssu2Node
from tests.support.world.models import LinkModel
from tests.support.world.nat import NatBox, NatKind


class TraversingNode(Ssu2Node):
    """A node that tests and is tested."""

    def __init__(self, name: str, host: str, net: Ssu2Net, *, is_public: bool = True) -> None:
        self.is_public = is_public
        super().__init__(name, SocketAddress(host, 9111), net.wall, is_published=is_public)
        reachability = Reachability(private=True, ipv6=True)
        self.own = OwnAddresses(reachability, {":" in host: host} if is_public else None)
        self.own.listen("ssu2", self.address.port, self.ssu2.publish)
        self.votes = self.own.votes
        self.traversal = SessionTraversal(
            self.ssu2,
            self.ssu2.context,
            reachability,
            self.own,
            self.keys.sign,
            lambda: is_public,
        )
        self.ssu2.traverse(self.traversal)
        self.publish()

    def publish(self, age_s: float = 0.0) -> RouterInfo:
        self.router_info = RouterInfo.build(
            self.keys,
            int(self.wall.now() * 1000),
            self.ssu2.addresses(),
            {"netId": "77", "router.version": "0.9.67", "caps": "LR" if self.is_public else "LU"},
        )
        return self.router_info

    def serve(self, now: float) -> None:
        super().serve(now)
        for event in self.events:
            if isinstance(event, LinkWanted):
                self.links.send(event.router_hash, [], now)
            elif isinstance(event, RouterInfoReceived):
                self.known[event.router_info.hash] = event.router_info


MESSAGE = bytes.fromhex("14000000016553f1ff0000000100")


class Scene:
    """Eight public routers with sessions among them; ``hosts``: where they are, by number."""

    def __init__(self, hosts: str = "1{}.0.0.1") -> None:
        self.net = Ssu2Net()
        self.public = [
            TraversingNode(f"public {n}", hosts.format(n + 1), self.net) for n in range(8)
        ]
        for node in self.public:
            self.net.add(node)
        for number, node in enumerate(self.public):
            for other in self.public[number + 1 :]:
                node.links.send(other.hash, [MESSAGE], self.net.now)
        self.net.run(seconds=2)

    def behind(self, kind: NatKind, name: str, host: str) -> TraversingNode:
        """One more, with sessions to four of them."""
        box = NatBox(self.net.net, kind, host)
        return self._add(TraversingNode(name, "192.168.0.2", self.net, is_public=False), box)

    def walled(self, name: str, host: str, kind: NatKind) -> TraversingNode:
        """One with an address of its own behind a firewall that lets in what ``kind`` says."""
        box = NatBox(self.net.net, kind, host, keeps_ports=True)
        return self._add(TraversingNode(name, host, self.net, is_public=False), box)

    def _add(self, node: TraversingNode, box: NatBox) -> TraversingNode:
        node.socket = box.bind(*node.address)
        for other in self.public:
            node.known[other.hash] = other.router_info
        self.net.nodes.append(node)
        for other in self.public[:4]:
            node.links.send(other.hash, [MESSAGE], self.net.now)
        return node

    def state(self, node: TraversingNode, *, is_ipv6: bool = False) -> ReachabilityState:
        return node.votes.verdict("ssu2", is_ipv6, self.net.now).state


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (NatKind.FULL_CONE, ReachabilityState.OK),
        (NatKind.ADDRESS_RESTRICTED, ReachabilityState.FIREWALLED),
        (NatKind.PORT_RESTRICTED, ReachabilityState.FIREWALLED),
        (NatKind.SYMMETRIC, ReachabilityState.SYMMETRIC),
    ],
)
def test_what_a_router_finds_out(kind: NatKind, state: ReachabilityState) -> None:
    scene = Scene()
    alice = scene.behind(kind, "alice", "100.0.0.1")
    assert scene.net.run(lambda: scene.state(alice) is state, 120), alice.stats.peer_tests


def hidden(scene: Scene, kind: NatKind) -> TraversingNode:
    """A router behind a translator with three introducers."""
    charlie = scene.behind(kind, "charlie", "100.0.0.1")
    assert scene.net.run(lambda: len(charlie.traversal.nat.introducers(False)) == 3, 120)
    charlie.publish()
    return charlie


@pytest.mark.parametrize("alice_kind", [NatKind.FULL_CONE, NatKind.PORT_RESTRICTED])
def test_a_firewalled_router_is_reached(alice_kind: NatKind) -> None:
    scene = Scene()
    charlie = hidden(scene, NatKind.PORT_RESTRICTED)
    alice = scene.behind(alice_kind, "alice", "100.0.1.1")
    scene.net.run(seconds=5)
    alice.known[charlie.hash] = charlie.router_info
    alice.links.send(charlie.hash, [MESSAGE], scene.net.now)
    assert scene.net.run(lambda: MESSAGE in charlie.messages(), 10), alice.stats
    assert scene.net.run(lambda: charlie.hash in alice.connected(), 1)


def steps(node: TraversingNode, exchange: int) -> set[tuple[str, bool]]:
    """What a node told of an introduction: name, and whether it was sent."""
    told = [one for one in node.events if isinstance(one, TraversalStep)]
    assert not any(one.code for one in told if one.exchange == exchange)
    return {(one.name, one.is_sent) for one in told if one.exchange == exchange}


def test_an_introduction_is_told_step_by_step() -> None:
    scene = Scene()
    charlie = hidden(scene, NatKind.PORT_RESTRICTED)
    alice = scene.behind(NatKind.FULL_CONE, "alice", "100.0.1.1")
    scene.net.run(seconds=5)
    alice.known[charlie.hash] = charlie.router_info
    alice.links.send(charlie.hash, [MESSAGE], scene.net.now)
    assert scene.net.run(lambda: MESSAGE in charlie.messages(), 10), alice.stats
    scene.net.run(seconds=1)
    told = [one for one in alice.events if isinstance(one, TraversalStep)]
    (exchange,) = {one.exchange for one in told if one.name == "relay_request"}
    answers = {("relay_response", False), ("hole_punch", False)}
    assert steps(alice, exchange) == {("relay_request", True), *answers, ("session_request", True)}
    assert steps(charlie, exchange) == {
        *(("relay_intro", False), ("relay_response", True), ("hole_punch", True)),
    }
    (bob,) = [node for node in scene.public if steps(node, exchange)]
    assert steps(bob, exchange) == {
        *(("relay_request", False), ("relay_intro", True)),
        *(("relay_response", False), ("relay_response", True)),
    }
    tested = {one.name for one in charlie.events if isinstance(one, TraversalStep)}
    assert {"peer_test_1", "peer_test_4"} <= tested


def test_a_dial_follows_a_hole_punch_from_another_address() -> None:
    # A symmetric translator has another port for each target: the one that Bob names is no use.
    scene = Scene()
    charlie = hidden(scene, NatKind.SYMMETRIC)
    alice = TraversingNode("alice", "20.0.0.1", scene.net)
    scene.net.add(alice, is_known=False)
    for other in scene.public:
        alice.known[other.hash] = other.router_info
        alice.links.send(other.hash, [MESSAGE], scene.net.now)
    scene.net.run(seconds=5)
    # The response through Bob is faster than the HolePunch.
    scene.net.ways.set_pair("100.0.0.1", "20.0.0.1", LinkModel(delay_s=0.5))
    alice.known[charlie.hash] = charlie.router_info
    alice.links.send(charlie.hash, [MESSAGE], scene.net.now)
    assert scene.net.run(lambda: bool(alice.ssu2._dials._unconfirmed), 2)
    (first,) = alice.ssu2._dials._unconfirmed
    assert scene.net.run(lambda: MESSAGE in charlie.messages(), 6), alice.stats
    session = alice.session_with(charlie.hash)
    assert session is not None and session.remote.host == first.host
    assert session.remote.port != first.port
    assert scene.net.run(lambda: len(alice.ssu2._dials) == 0, 2)


def test_introducers_are_dialled_when_none_is_connected() -> None:
    scene = Scene()
    charlie = hidden(scene, NatKind.PORT_RESTRICTED)
    alice = TraversingNode("alice", "20.0.0.1", scene.net)
    scene.net.add(alice, is_known=False)
    for other in scene.public:
        alice.known[other.hash] = other.router_info
    alice.known[charlie.hash] = charlie.router_info
    alice.links.send(charlie.hash, [MESSAGE], scene.net.now)
    assert scene.net.run(lambda: MESSAGE in charlie.messages(), 10), alice.stats
    assert alice.stats.introductions["alice"] == 1


def test_a_refused_introduction_is_asked_of_another_introducer() -> None:
    scene = Scene()
    charlie = hidden(scene, NatKind.PORT_RESTRICTED)
    first, second, _ = charlie.traversal.nat.introducers(False)
    for node in scene.public:
        if node.hash in (first.router_hash, second.router_hash):
            node.traversal.nat._relay_bob._tags.clear()
    alice = TraversingNode("alice", "20.0.0.1", scene.net)
    scene.net.add(alice, is_known=False)
    for other in scene.public:
        alice.known[other.hash] = other.router_info
        alice.links.send(other.hash, [MESSAGE], scene.net.now)
    scene.net.run(seconds=5)
    alice.known[charlie.hash] = charlie.router_info
    alice.links.send(charlie.hash, [MESSAGE], scene.net.now)
    assert scene.net.run(lambda: MESSAGE in charlie.messages(), 10), alice.stats
    assert alice.stats.introductions["alice"] == 3


def test_a_dial_ends_where_no_introducer_can_be_reached() -> None:
    scene = Scene()
    charlie = hidden(scene, NatKind.PORT_RESTRICTED)
    alice = TraversingNode("alice", "20.0.0.1", scene.net)
    scene.net.add(alice, is_known=False)
    alice.known[charlie.hash] = charlie.router_info
    alice.links.send(charlie.hash, [MESSAGE], scene.net.now)
    assert len(alice.ssu2._dials) == 1
    assert scene.net.run(lambda: len(alice.ssu2._dials) == 0, WAIT_S + 1)
    assert alice.stats.dials_failed == 1


def test_a_router_that_goes_ends_dials_that_wait_for_an_introduction() -> None:
    scene = Scene()
    charlie = hidden(scene, NatKind.PORT_RESTRICTED)
    alice = scene.behind(NatKind.FULL_CONE, "alice", "100.0.1.1")
    scene.net.run(seconds=5)
    alice.known[charlie.hash] = charlie.router_info
    alice.links.send(charlie.hash, [MESSAGE], scene.net.now)
    assert len(alice.ssu2._dials.waiting) == 1
    alice.links.shutdown(scene.net.now)
    assert len(alice.ssu2._dials) == 0
    assert scene.net.run(lambda: alice.ssu2.next_timer() is None, 20)


def test_tokens_end_with_the_address_that_they_were_given_to() -> None:
    """Theirs for us are of no use any more; ours hold for the peer's address alone."""
    scene = Scene()
    alice, bob = scene.public[:2]
    now, wall_s = scene.net.now, alice.wall.now()
    alice.ssu2.context.tokens.put(bob.address, 7, wall_s + 100)
    moved = SocketAddress(bob.address.host, bob.address.port + 1)
    assert alice.ssu2.context.tokens.take(moved, wall_s) == 0
    alice.traversal.network_changed(False, now)
    assert alice.ssu2.context.tokens.take(bob.address, wall_s) == 0
    mint = alice.ssu2.context.mint
    assert mint.redeem(bob.address, mint.new_token(bob.address), now)
    assert not mint.redeem(moved, mint.new_token(bob.address), now)


def test_the_first_packet_of_a_dial_asks_for_a_tag() -> None:
    scene = Scene()
    alice = hidden(scene, NatKind.PORT_RESTRICTED)
    nat = alice.traversal.nat
    bob = scene.public[4]
    for introducer in nat.introducers(False):
        alice.links.disconnect(introducer.router_hash, scene.net.now)
    assert scene.net.run(lambda: len(nat.introducers(False)) < 3, 10)
    alice.links.send(bob.hash, [MESSAGE], scene.net.now)
    responders: list[Responder] = []

    def is_asked() -> bool:
        responders[:] = [one.responder for one in bob.ssu2._sessions.values() if one.responder]
        return bool(responders)

    assert scene.net.run(is_asked, 2) and responders[0].wants_tag
    assert scene.net.run(lambda: bob.hash in {i.router_hash for i in nat.introducers(False)}, 1)


PUBLIC_6 = "2a10:{}::1"


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (NatKind.FULL_CONE, ReachabilityState.OK),
        (NatKind.PORT_RESTRICTED, ReachabilityState.FIREWALLED),
    ],
    ids=["open", "closed"],
)
def test_what_a_router_finds_out_over_ipv6(kind: NatKind, state: ReachabilityState) -> None:
    """Where nothing is translated: only whether strangers get through differs."""
    scene = Scene(PUBLIC_6)
    alice = scene.walled("alice", "2a11:1::2", kind)
    found = scene.net.run(lambda: scene.state(alice, is_ipv6=True) is state, 120)
    assert found, alice.stats.peer_tests
    assert scene.state(alice) is not ReachabilityState.OK
    alice.own.refresh(scene.net.now)
    hosts = [one.host for one in alice.publish().ssu2_addresses() if one.is_published]
    assert hosts == ([alice.address.host] if state is ReachabilityState.OK else [])


def test_routers_behind_firewalls_of_ipv6_are_introduced() -> None:
    scene = Scene(PUBLIC_6)
    charlie = scene.walled("charlie", "2a11:1::2", NatKind.PORT_RESTRICTED)
    assert scene.net.run(lambda: len(charlie.traversal.nat.introducers(True)) == 3, 120)
    assert not charlie.traversal.nat.introducers(False)
    charlie.publish()
    alice = scene.walled("alice", "2a11:2::2", NatKind.PORT_RESTRICTED)
    scene.net.run(seconds=5)
    alice.known[charlie.hash] = charlie.router_info
    alice.links.send(charlie.hash, [MESSAGE], scene.net.now)
    assert scene.net.run(lambda: MESSAGE in charlie.messages(), 10), alice.stats
    (exchange,) = {
        one.exchange
        for one in charlie.events
        if isinstance(one, TraversalStep) and one.name == "hole_punch"
    }
    assert {("relay_request", True), ("session_request", True)} <= steps(alice, exchange)
    assert any(("relay_intro", True) in steps(bob, exchange) for bob in scene.public)
