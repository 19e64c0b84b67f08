"""Whole routers behind translators: what they find out, publish and do with it."""

from __future__ import annotations

import pytest

from core.data.transport_address import INTRODUCERS_MAX
from tests.support.world import LinkModel, Machine, World
from tests.support.world.nat import NatBox, NatKind
from tests.support.world.pages import Site, Visitor

#: What the task of a router behind a translator is, by virtual time.
KNOWN_WITHIN_S = 120.0
STATES = {
    NatKind.FULL_CONE: "ok",
    NatKind.ADDRESS_RESTRICTED: "firewalled",
    NatKind.PORT_RESTRICTED: "firewalled",
    NatKind.SYMMETRIC: "symmetric nat",
}


class Neighbourhood:
    """Public routers that know each other; those behind translators join with :meth:`behind`."""

    def __init__(self, public: int = 10, seed: object = 1) -> None:
        self.world = World(seed, ways=LinkModel(delay_s=0.03, jitter_s=0.02, loss=0.002))
        self._boxes = 0
        self.public = [self.world.add(has_udp=True, floodfill=i < 3) for i in range(public)]
        # In a network so small all have been called soon, but for those that carry no transit.
        self.strangers = [self.world.add(has_udp=True, transit=False) for _ in range(8)]

    def behind(self, kind: NatKind, *, ssu2_pq: int = 0, **options: object) -> Machine:
        box = self.box(kind, **options)
        return self.world.add(host=box.host, box=box, ssu2_pq=ssu2_pq)

    def box(self, kind: NatKind, **options: object) -> NatBox:
        self._boxes += 1
        return NatBox(self.world.udp, kind, f"100.{self._boxes}.0.1", **options)  # type: ignore[arg-type]

    def settle(self, *machines: Machine) -> None:
        """Until they know their state, and have introducers if they need some."""
        for machine in machines:
            self.world.run_until(lambda one=machine: state(one) != "unknown", KNOWN_WITHIN_S)
            if state(machine) != "ok":
                self.world.run_until(
                    lambda one=machine: one.engine.introducer_count == INTRODUCERS_MAX, 60
                )
                self.world.run_until(lambda one=machine: options_of(one, "SSU2").get("ih2"), 30)


def state(machine: Machine, transport: str = "ssu2") -> str:
    return machine.engine.own.status(machine.now).transports[f"{transport}/ipv4"]


def options_of(machine: Machine, style: str) -> dict[str, str]:
    """What its RouterInfo says of a transport."""
    (address,) = (one for one in machine.info.addresses if one.style == style)
    return dict(address.options)


@pytest.mark.parametrize(
    "kind",
    [
        NatKind.FULL_CONE,
        *(
            pytest.param(kind, marks=pytest.mark.world)
            for kind in NatKind
            if kind is not NatKind.FULL_CONE
        ),
    ],
)
def test_behind_a_translator(kind: NatKind) -> None:
    """Its state, what it publishes, and that pages go both ways."""
    town = Neighbourhood()
    world, inside = town.world, town.behind(kind)
    own_site, visitor = Site(inside, "own"), Visitor(inside, "visitor")
    site, stranger = Site(town.public[-1], "public"), Visitor(town.public[-2], "stranger")
    world.introduce()
    town.settle(inside)
    assert state(inside) == STATES[kind]
    status = inside.engine.own.status(inside.now)
    assert (status.ipv4, status.ipv6) == (STATES[kind], "disabled") and status.why
    # Nothing is known of TCP, and nothing is claimed.
    assert state(inside, "ntcp2") == "unknown"
    assert "host" not in options_of(inside, "NTCP2")
    options = options_of(inside, "SSU2")
    if kind is NatKind.FULL_CONE:
        assert inside.box is not None
        outside = inside.box.address_of(inside.udp.address)
        assert (options["host"], int(options["port"])) == outside
        assert "R" in inside.info.caps and options["caps"] == "BC"
        assert inside.engine.introducer_count == 0
    else:
        assert "host" not in options and options["caps"] == "4"
        assert "U" in inside.info.caps
        assert inside.engine.introducer_count == INTRODUCERS_MAX
    parties = own_site, visitor, site, stranger
    world.run_until(lambda: all(one.is_ready for one in parties), 60)
    fetches = [visitor.fetch(site, 20_000), stranger.fetch(own_site, 20_000)]
    world.run_until(lambda: all(one.is_done for one in fetches), 60)
    before = state(inside)
    world.run(60)
    assert state(inside) == before


def test_two_behind_two_translators() -> None:
    """They are introduced to each other, and one browses what the other hosts.

    Their handshake is hybrid: they publish ``pq`` although nobody can dial them.
    """
    town = Neighbourhood()
    world = town.world
    one, other = (town.behind(NatKind.PORT_RESTRICTED, ssu2_pq=4) for _ in range(2))
    site, visitor = Site(one, "site"), Visitor(other, "visitor")
    world.introduce()
    town.settle(one, other)
    world.run_until(lambda: site.is_ready and visitor.is_ready, 60)
    fetch = visitor.fetch(site, 20_000)
    world.run_until(lambda: fetch.is_done, 60)
    if not other.engine.links.is_connected(one.hash):
        other.engine.netdb.import_routers([one.info])
        other.engine.pending_sends.send(one.hash, [], other.now)
        other.touch()
        world.run_until(lambda: other.engine.links.is_connected(one.hash), 20)
        assert other.engine.links.stats.introductions["alice"] == 1
        assert one.engine.links.stats.introductions["charlie"] == 1
    assert options_of(one, "SSU2")["pq"] == options_of(other, "SSU2")["pq"] == "4"
    sessions = other.engine.links.connected_sessions()
    assert [it.kem for it in sessions if it.router_hash == one.hash] == ["ML-KEM-768"]
    assert other.engine.links.stats.hybrid_fallbacks == 0


@pytest.mark.world
def test_who_has_no_introducer_finds_and_dials_them() -> None:
    town = Neighbourhood()
    world, inside = town.world, town.behind(NatKind.PORT_RESTRICTED)
    world.introduce()
    town.settle(inside)
    newcomer = world.add(has_udp=True)
    world.introduce([newcomer], known=10)
    world.run(5)
    newcomer.engine.netdb.import_routers([inside.info])
    newcomer.engine.pending_sends.send(inside.hash, [], newcomer.now)
    newcomer.touch()
    world.run_until(lambda: newcomer.engine.links.is_connected(inside.hash), 20)
    assert newcomer.engine.links.stats.introductions["alice"] >= 1


@pytest.mark.world
def test_introducers_that_go_are_replaced() -> None:
    town = Neighbourhood()
    world, inside = town.world, town.behind(NatKind.PORT_RESTRICTED)
    world.introduce()
    town.settle(inside)
    published = {f"ih{i}": options_of(inside, "SSU2")[f"ih{i}"] for i in range(INTRODUCERS_MAX)}
    hashes = {one.router_hash for one in inside.engine.ssu2.traversal.nat.introducers(False)}
    gone = [machine for machine in world.machines if machine.hash in hashes]
    gone[0].crash(is_silent=True)
    gone[1].stop()

    def is_replaced() -> bool:
        options = options_of(inside, "SSU2")
        now = {options.get(f"ih{i}") for i in range(INTRODUCERS_MAX)}
        return None not in now and len(now & set(published.values())) == 1

    world.run_until(is_replaced, 180)


@pytest.mark.world
def test_another_address_is_published_in_place_of_the_old_one() -> None:
    town = Neighbourhood()
    world, inside = town.world, town.behind(NatKind.FULL_CONE)
    site, stranger = Site(inside, "own"), Visitor(town.public[-1], "stranger")
    world.introduce()
    town.settle(inside)
    assert options_of(inside, "SSU2")["host"] == inside.host
    inside.move(town.box(NatKind.FULL_CONE))
    world.run_until(lambda: options_of(inside, "SSU2").get("host") == inside.host, KNOWN_WITHIN_S)
    assert state(inside) == "ok"
    world.run_until(lambda: site.is_ready and stranger.is_ready, 120)
    fetch = stranger.fetch(site, 5_000)
    world.run_until(lambda: fetch.is_done, 120)


@pytest.mark.world
def test_a_router_that_starts_before_its_network_finds_out_all_the_same() -> None:
    town = Neighbourhood()
    world, inside = town.world, town.behind(NatKind.PORT_RESTRICTED)
    world.ways.cut([inside.host])
    world.introduce()
    world.run(25)
    assert inside.engine.links.is_cut_off and inside.engine.links.connected_count == 0
    world.ways.heal()
    world.run_until(lambda: inside.engine.links.connected_count > 0, 60)
    assert not inside.engine.links.is_cut_off
    town.settle(inside)
    assert state(inside) == "firewalled"


def test_a_session_over_ssu2_takes_the_place_of_a_link_over_ntcp2(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(1, ways=LinkModel(delay_s=0.03))
    one, other = (world.add(has_udp=True) for _ in range(2))
    ssu2 = one.engine.ssu2
    assert ssu2 is not None and ssu2.traversal is not None
    monkeypatch.setattr(ssu2.traversal.nat, "wants_as_bob", lambda *_: False)
    one.engine.netdb.import_routers([other.info])
    for machine in (one, other):
        machine.start()
    one.engine.links.send(other.hash, [], one.now)
    one.touch()
    world.run_until(lambda: one.engine.links.is_connected(other.hash), 10)
    assert ssu2.session_with(other.hash) is None
    one.engine.links.connect(other.hash, ssu2, one.now)
    one.touch()
    world.run_until(lambda: ssu2.session_with(other.hash) is not None, 5)
    for _ in range(60):
        world.run(1)
        assert one.engine.links.is_connected(other.hash)
    assert one.engine.links.connected_sessions() == [ssu2.session_with(other.hash)]
