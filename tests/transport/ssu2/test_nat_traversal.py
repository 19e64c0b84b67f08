"""Routers behind translators of all kinds: what they find out, and who reaches them."""

from __future__ import annotations

import pytest

from core.data.transport_address import INTRODUCERS_MAX
from core.transport.reachability_votes import ReachabilityState
from core.transport.ssu2.header import PacketType
from core.transport.ssu2.traversal import Introduced, IntroductionFailed, SendPacket
from tests.support.nat_routers import PORT, NatRouter, NatScene
from tests.support.world.nat import NatKind

KNOWN_WITHIN_S = 120.0
STATES = {
    None: ReachabilityState.OK,
    NatKind.FULL_CONE: ReachabilityState.OK,
    NatKind.ADDRESS_RESTRICTED: ReachabilityState.FIREWALLED,
    NatKind.PORT_RESTRICTED: ReachabilityState.FIREWALLED,
    NatKind.SYMMETRIC: ReachabilityState.SYMMETRIC,
}


def settle(scene: NatScene, router: NatRouter, state: ReachabilityState) -> None:
    """Until the router knows its state, and has introducers if it needs some."""
    scene.world.run_until(lambda: router.state is state, KNOWN_WITHIN_S)
    if state is not ReachabilityState.OK:
        scene.world.run_until(lambda: len(router.nat.introducers(False)) == INTRODUCERS_MAX, 30)


@pytest.mark.parametrize("kind", STATES)
def test_what_a_router_finds_out(kind: NatKind | None) -> None:
    scene = NatScene()
    alice = scene.behind(kind)
    scene.world.run_until(lambda: alice.state is STATES[kind], KNOWN_WITHIN_S)
    scene.world.run(KNOWN_WITHIN_S)
    assert alice.state is STATES[kind], alice.why
    if kind is None:
        assert alice.address == alice.socket.address
    elif STATES[kind] is ReachabilityState.OK:
        # What others see, which is not what it calls itself.
        assert alice.address is not None
        assert alice.address[0] == "100.0.1.1" and alice.address[1] != PORT
    else:
        assert alice.address is None
    if kind is NatKind.SYMMETRIC:
        assert "another port" in alice.why


@pytest.mark.parametrize("kind", [NatKind.ADDRESS_RESTRICTED, NatKind.PORT_RESTRICTED])
def test_charlies_who_were_called_prove_nothing(kind: NatKind) -> None:
    """All routers have been called by Alice: a box lets them in, and that must not count."""
    scene = NatScene(4)
    alice = scene.behind(kind)
    scene.world.run(300)
    assert alice.state is ReachabilityState.UNKNOWN
    assert alice.stats.peer_tests["ok"] == 0


def has_answered(charlie: NatRouter) -> bool:
    """Whether it agreed to be Charlie of a test: then it tries to get through."""
    return any(
        isinstance(one, SendPacket) and one.packet_type == PacketType.PEER_TEST
        for one in charlie.actions
    )


def test_a_charlie_who_is_called_during_the_test_proves_nothing() -> None:
    """Message 5 comes again after two seconds, and then the box lets it in."""
    scene = NatScene(5)
    alice = scene.behind(NatKind.PORT_RESTRICTED)
    stranger = scene.public[4]
    scene.world.run_until(lambda: has_answered(stranger), 60)
    scene.world.run(1)  # Bob has told Alice who it is
    alice.connect(stranger)
    scene.world.run_until(lambda: sum(alice.stats.peer_tests.values()) > 0, 60)
    scene.world.run(60)
    assert alice.stats.peer_tests["ok"] == 0
    assert alice.state is ReachabilityState.UNKNOWN


#: who reaches a firewalled Charlie: (Alice's translator, Charlie's, whether she does)
REACHES = [
    (alice, charlie, works)
    for charlie, by_alice in {
        NatKind.ADDRESS_RESTRICTED: (True, True, True, True, True),
        NatKind.PORT_RESTRICTED: (True, True, True, True, False),
        NatKind.SYMMETRIC: (True, True, False, False, False),
    }.items()
    for alice, works in zip((None, *NatKind), by_alice, strict=True)
]


@pytest.mark.parametrize(("alice_kind", "charlie_kind", "works"), REACHES)
def test_a_hole_punch_connects_where_it_can(
    alice_kind: NatKind | None, charlie_kind: NatKind, works: bool
) -> None:
    scene = NatScene()
    alice = scene.behind(alice_kind)
    charlie = scene.behind(charlie_kind, "charlie")
    settle(scene, charlie, STATES[charlie_kind])
    settle(scene, alice, STATES[alice_kind])
    alice.reach(charlie)
    scene.world.run(10)
    assert (charlie.hash in alice.sessions) is works
    assert (alice.hash in charlie.sessions) is works
    punches = [
        one
        for one in charlie.actions
        if isinstance(one, SendPacket) and one.packet_type == PacketType.HOLE_PUNCH
    ]
    assert len(punches) == 1
    told = [one for one in alice.actions if isinstance(one, Introduced)]
    assert told and told[0].token in charlie.tokens
    # Whom Charlie let in himself is no evidence that others get in.
    assert charlie.state is STATES[charlie_kind]


def test_introducers_are_kept_alive_and_replaced() -> None:
    scene = NatScene()
    charlie = scene.behind(NatKind.PORT_RESTRICTED, "charlie")
    settle(scene, charlie, ReachabilityState.FIREWALLED)
    first = charlie.nat.introducers(False)
    assert len(first) == INTRODUCERS_MAX
    assert all(15 <= charlie.sessions[one.router_hash].keep_alive_s <= 19 for one in first)
    (address,) = charlie.info.ssu2_addresses()
    assert list(address.introducers) == first and not address.is_published
    # A mapping of the box lives for two minutes of silence.
    scene.world.run(600)
    alice = scene.behind(None)
    scene.world.run(1)
    alice.reach(charlie)
    scene.world.run(3)
    assert charlie.hash in alice.sessions
    gone = next(one for one in scene.public if one.hash == first[0].router_hash)
    charlie.end_session(gone)
    scene.world.run(10)
    second = charlie.nat.introducers(False)
    assert gone.hash not in [one.router_hash for one in second]
    assert len(second) == INTRODUCERS_MAX
    # Published for an hour; what replaces them has other tags.
    for other in scene.public[4:]:
        charlie.connect(other)
    scene.world.run(3700)
    assert not {one.tag for one in charlie.nat.introducers(False)} & {one.tag for one in second}


def test_floodfills_do_not_introduce() -> None:
    scene = NatScene(router_caps="LRf")
    charlie = scene.behind(NatKind.PORT_RESTRICTED, "charlie")
    scene.world.run_until(lambda: charlie.state is ReachabilityState.FIREWALLED, KNOWN_WITHIN_S)
    scene.world.run(60)
    assert charlie.nat.introducers(False) == []


def test_an_unknown_tag_is_refused() -> None:
    scene = NatScene()
    charlie = scene.behind(NatKind.PORT_RESTRICTED, "charlie")
    settle(scene, charlie, ReachabilityState.FIREWALLED)
    alice = scene.behind(None)
    scene.world.run(1)
    for router in scene.public:
        if charlie.hash in router.sessions:
            router.sessions.pop(charlie.hash)
    alice.reach(charlie)
    scene.world.run(1)
    failed = [one for one in alice.actions if isinstance(one, IntroductionFailed)]
    assert [one.router_hash for one in failed] == [charlie.hash]
    assert "code 5" in failed[0].reason


def test_a_lost_message_5_is_sent_again() -> None:
    scene = NatScene()
    alice = scene.behind(None)
    alice.deaf_to.add(5)
    scene.world.run_until(lambda: alice.stats.peer_tests["firewalled"] == 1, 60)
    alice.deaf_to.clear()
    # One such test is no verdict, and the next ones say how it is.
    assert alice.state is ReachabilityState.UNKNOWN
    scene.world.run_until(lambda: alice.state is ReachabilityState.OK, KNOWN_WITHIN_S)


@pytest.mark.parametrize("is_hidden", [False, True])
def test_no_deadline_stays_behind(is_hidden: bool) -> None:
    """A test that runs, or must not begin, is no reason to be called again at once."""
    scene = NatScene()
    alice = scene.behind(NatKind.PORT_RESTRICTED)
    alice.votes.is_hidden = is_hidden
    for _ in range(600):
        scene.world.run(0.1)
        now = scene.world.now
        alice.nat.handle_timer(now)
        assert alice.nat.next_timer() > now
