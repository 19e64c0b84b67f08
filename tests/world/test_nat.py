"""The four kinds of address translators: who gets in, under which port, and for how long."""

from __future__ import annotations

import pytest

from tests.support.world import World
from tests.support.world.nat import MAPPING_LIFE_S, NatBox, NatKind
from tests.support.world.udp import Address, UdpSocket

KINDS = list(NatKind)
BOX, INNER = "11.0.0.1", ("192.168.0.2", 5000)


class Scene:
    """A socket behind a box, and three outside: two ports of one host, and another host."""

    def __init__(self, kind: NatKind, **options: object) -> None:
        self.world = World(1)
        self.box = NatBox(self.world.udp, kind, BOX, **options)  # type: ignore[arg-type]
        self.inner = self.box.bind(*INNER)
        host = self.world.udp.host("12.0.0.1")
        self.bob, self.bobs_other = host.bind(1), host.bind(2)
        self.carol = self.world.udp.host("13.0.0.1").bind(1)

    def seen_by(self, socket: UdpSocket) -> Address:
        """Send there, and say which address that seems to come from."""
        self.inner.send(b"out", socket.address)
        self.world.run(0.1)
        data, source = socket.received.pop()
        assert data == b"out"
        return source

    def gets_in(self, socket: UdpSocket, to: Address) -> bool:
        """Whether what a socket outside sends there arrives inside."""
        self.inner.received.clear()
        socket.send(b"in", to)
        self.world.run(0.1)
        if self.inner.received:
            assert self.inner.received.pop() == (b"in", socket.address)
            return True
        return False


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_gets_in_before_something_went_out(kind: NatKind) -> None:
    scene = Scene(kind, keeps_ports=True)
    assert not scene.gets_in(scene.bob, (BOX, INNER[1]))
    assert scene.world.udp.dropped["no mapping"] == 1


@pytest.mark.parametrize(
    ("kind", "bob", "bobs_other", "carol"),
    [
        (NatKind.FULL_CONE, True, True, True),
        (NatKind.ADDRESS_RESTRICTED, True, True, False),
        (NatKind.PORT_RESTRICTED, True, False, False),
        (NatKind.SYMMETRIC, True, False, False),
    ],
)
def test_who_gets_in_after_it_sent_to_bob(
    kind: NatKind, bob: bool, bobs_other: bool, carol: bool
) -> None:
    scene = Scene(kind)
    outer = scene.seen_by(scene.bob)
    assert outer[0] == BOX
    assert scene.gets_in(scene.bob, outer) is bob
    assert scene.gets_in(scene.bobs_other, outer) is bobs_other
    assert scene.gets_in(scene.carol, outer) is carol


@pytest.mark.parametrize("kind", KINDS)
def test_only_symmetric_ones_show_everybody_another_port(kind: NatKind) -> None:
    scene = Scene(kind)
    seen = [scene.seen_by(one) for one in (scene.bob, scene.bobs_other, scene.carol, scene.bob)]
    assert len(set(seen)) == (1 if kind.is_cone else 3)
    assert seen[0] == seen[3]


@pytest.mark.parametrize("kind", KINDS)
def test_a_mapping_ends_when_nothing_leaves(kind: NatKind) -> None:
    scene = Scene(kind)
    outer = scene.seen_by(scene.bob)
    scene.world.run(MAPPING_LIFE_S - 1)
    assert scene.gets_in(scene.bob, outer)
    scene.world.run(1)
    assert not scene.gets_in(scene.bob, outer)
    assert scene.seen_by(scene.bob) != outer


@pytest.mark.parametrize("kind", KINDS)
def test_what_leaves_keeps_a_mapping(kind: NatKind) -> None:
    scene = Scene(kind)
    outer = scene.seen_by(scene.bob)
    for _ in range(5):
        scene.world.run(MAPPING_LIFE_S - 1)
        assert scene.seen_by(scene.bob) == outer
    assert scene.gets_in(scene.bob, outer)


@pytest.mark.parametrize("refreshes", [False, True])
def test_what_comes_in_keeps_it_where_the_box_is_so(refreshes: bool) -> None:
    scene = Scene(NatKind.PORT_RESTRICTED, inbound_refreshes=refreshes)
    outer = scene.seen_by(scene.bob)
    scene.world.run(MAPPING_LIFE_S * 0.6)
    assert scene.gets_in(scene.bob, outer)
    scene.world.run(MAPPING_LIFE_S * 0.6)
    assert scene.gets_in(scene.bob, outer) is refreshes


@pytest.mark.parametrize("kind", [NatKind.ADDRESS_RESTRICTED, NatKind.PORT_RESTRICTED])
def test_leave_to_send_in_ends_for_each(kind: NatKind) -> None:
    scene = Scene(kind)
    outer = scene.seen_by(scene.bob)
    scene.world.run(MAPPING_LIFE_S * 0.6)
    assert scene.seen_by(scene.carol) == outer
    scene.world.run(MAPPING_LIFE_S * 0.6)
    assert scene.gets_in(scene.carol, outer)
    assert not scene.gets_in(scene.bob, outer)


@pytest.mark.parametrize("keeps", [False, True])
def test_ports_that_are_kept_unless_they_are_taken(keeps: bool) -> None:
    scene = Scene(NatKind.FULL_CONE, keeps_ports=keeps)
    assert (scene.seen_by(scene.bob)[1] == INNER[1]) is keeps
    neighbour = scene.box.bind("192.168.0.3", INNER[1])
    neighbour.send(b"out", scene.bob.address)
    scene.world.run(0.1)
    assert scene.bob.received.pop()[1][1] != INNER[1]


@pytest.mark.parametrize("has_hairpin", [False, True])
def test_two_behind_one_box(has_hairpin: bool) -> None:
    scene = Scene(NatKind.PORT_RESTRICTED, has_hairpin=has_hairpin)
    neighbour = scene.box.bind("192.168.0.3", 6000)
    outer = scene.seen_by(scene.bob)
    neighbour.send(b"out", scene.bob.address)
    scene.world.run(0.1)
    others = scene.bob.received.pop()[1]
    for _ in range(2):
        scene.inner.send(b"across", others)
        neighbour.send(b"across", outer)
        scene.world.run(0.1)
    assert ((b"across", others) in scene.inner.received) is has_hairpin
    scene.inner.send(b"direct", neighbour.address)
    scene.world.run(0.1)
    assert neighbour.received.pop() == (b"direct", INNER)


def test_a_box_behind_a_box_is_as_strict_as_the_stricter() -> None:
    world = World(1)
    carrier = NatBox(world.udp, NatKind.SYMMETRIC, BOX)
    home = NatBox(world.udp, NatKind.FULL_CONE, "100.64.0.2", behind=carrier)
    inner = home.bind(*INNER)
    bob, carol = (world.udp.host(host).bind(1) for host in ("12.0.0.1", "13.0.0.1"))
    inner.send(b"out", bob.address)
    world.run(0.1)
    _, outer = bob.received.pop()
    assert outer[0] == BOX
    bob.send(b"in", outer)
    carol.send(b"in", outer)
    world.run(0.1)
    assert list(inner.received) == [(b"in", bob.address)]


def test_a_box_that_starts_anew_has_forgotten_all() -> None:
    scene = Scene(NatKind.FULL_CONE)
    outer = scene.seen_by(scene.bob)
    assert scene.box.address_of(INNER) == outer
    scene.box.forget()
    assert scene.box.address_of(INNER) is None
    assert not scene.gets_in(scene.bob, outer)


@pytest.mark.parametrize(
    ("here", "there", "is_open"),
    [
        (NatKind.FULL_CONE, NatKind.SYMMETRIC, True),
        (NatKind.ADDRESS_RESTRICTED, NatKind.SYMMETRIC, True),
        (NatKind.PORT_RESTRICTED, NatKind.PORT_RESTRICTED, True),
        (NatKind.PORT_RESTRICTED, NatKind.SYMMETRIC, False),
        (NatKind.SYMMETRIC, NatKind.SYMMETRIC, False),
    ],
)
def test_which_pairs_a_hole_punch_joins(here: NatKind, there: NatKind, is_open: bool) -> None:
    """What each sends to where a third one sees the other: the table of RFC 5128, section 3."""
    world = World(1)
    relay = world.udp.host("12.0.0.1").bind(1)
    sockets: list[UdpSocket] = []
    seen: list[Address] = []
    for number, kind in enumerate((here, there)):
        box = NatBox(world.udp, kind, f"11.0.{number}.1")
        socket = box.bind("192.168.0.2", 5000)
        socket.send(b"hello", relay.address)
        world.run(0.1)
        sockets.append(socket)
        seen.append(relay.received.pop()[1])
    answered: list[int] = []
    for index, socket in enumerate(sockets):

        def heard(
            data: bytes, source: Address, socket: UdpSocket = socket, me: int = index
        ) -> None:
            answered.append(me)
            if data == b"punch":
                socket.send(b"answer", source)

        socket.on_datagram = heard
    for _ in range(3):
        for socket, other in zip(sockets, reversed(seen), strict=True):
            socket.send(b"punch", other)
        world.run(0.2)
    assert (set(answered) == {0, 1}) is is_open
