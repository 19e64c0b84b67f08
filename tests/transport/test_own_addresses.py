"""What of our addresses is published: only what the user set, or what there is evidence for."""

from __future__ import annotations

import logging

import pytest

from core.transport.own_addresses import OwnAddresses
from core.transport.reachability import Reachability
from core.transport.reachability_votes import Address, PeerTestOutcome, PeerTestResult

HOST, PORT = "198.51.100.7", 9111
#: Documentation addresses are no ones of the network: witnesses need real ones.
HOST6 = "2a11:1::2"
WITNESS = "8.8.{}.1"
OK, FIREWALLED = PeerTestOutcome.OK, PeerTestOutcome.FIREWALLED


class Scene:
    """Both transports listen; ``published`` is what they were told last."""

    def __init__(self, configured: dict[bool, str] | None = None, **options: bool) -> None:
        self.own = OwnAddresses(Reachability(ipv6=True), configured, **options)
        self.published: dict[tuple[str, bool], Address | None] = {}
        self.now = 1000.0
        self.witnesses = 0
        for transport in ("ntcp2", "ssu2"):
            self.own.listen(transport, PORT, self._listener(transport))

    def _listener(self, transport: str):  # type: ignore[no-untyped-def]
        def publish(is_ipv6: bool, address: Address | None, now: float) -> None:
            self.published[transport, is_ipv6] = address

        return publish

    def witness(self) -> str:
        self.witnesses += 1
        return WITNESS.format(self.witnesses)

    def seen(self, *hosts: str, port: int = PORT) -> None:
        for host in hosts:
            self.own.votes.observed(self.witness(), (host, port), self.now)

    def tested(self, *outcomes: PeerTestOutcome, at: Address = (HOST, PORT)) -> None:
        for outcome in outcomes:
            is_ipv6 = ":" in at[0]
            result = PeerTestResult(outcome, is_ipv6, at, None, b"b", b"c", self.witness())
            self.own.votes.tested("ssu2", result, self.now)

    def of(self, transport: str, is_ipv6: bool = False) -> Address | None:
        self.own.refresh(self.now)
        return self.published.get((transport, is_ipv6))


def test_nothing_is_published_without_evidence() -> None:
    scene = Scene()
    scene.seen(HOST, HOST, HOST)
    assert scene.of("ssu2") is None and scene.of("ntcp2") is None
    assert scene.published == {}


def test_what_tests_reached_is_published_for_their_transport_alone() -> None:
    scene = Scene()
    scene.seen(HOST, HOST, port=4711)
    scene.tested(OK, OK, at=(HOST, 4711))
    assert scene.of("ssu2") == (HOST, 4711)
    assert scene.of("ntcp2") is None
    scene.tested(FIREWALLED, FIREWALLED, FIREWALLED, at=(HOST, 4711))
    assert scene.of("ssu2") is None


def test_an_address_at_which_others_do_not_see_us_is_not_published() -> None:
    scene = Scene()
    scene.seen("198.51.100.99", "198.51.100.99")
    scene.tested(OK, OK)
    assert scene.of("ssu2") is None


def test_what_the_user_set_stays_whatever_is_said() -> None:
    scene = Scene({False: HOST})
    scene.seen("198.51.100.99", "198.51.100.99")
    scene.tested(FIREWALLED, FIREWALLED)
    scene.own.refresh(scene.now)
    assert scene.published == {}  # the endpoints have it from the start
    assert scene.own.candidate("ssu2", False) == (HOST, PORT)
    assert scene.own.status(scene.now).ipv4 == "firewalled"
    assert scene.own.status(scene.now).transports["ntcp2/ipv4"] == "unknown"
    assert "router.host" in scene.own.votes.verdict("ntcp2", False, scene.now).why


def test_a_mapped_port_is_published_for_ntcp2_where_others_see_us_at_that_address() -> None:
    scene = Scene()
    mapping = {("ntcp2", False): ((HOST, 2222), "pcp"), ("ssu2", False): ((HOST, 2222), "pcp")}
    scene.own.mapped(mapping)
    assert scene.of("ntcp2") is None  # nobody has said where we are
    scene.seen(HOST, HOST)
    assert scene.of("ntcp2") == (HOST, 2222)
    assert scene.of("ssu2") is None  # others can try that, so they have to
    assert scene.own.candidate("ssu2", False) == (HOST, 2222)
    # A gateway that lies about one port is not believed about the other.
    scene.tested(FIREWALLED, FIREWALLED)
    assert scene.of("ntcp2") is None
    scene.tested(OK, OK, OK, at=(HOST, 2222))
    assert scene.of("ntcp2") == scene.of("ssu2") == (HOST, 2222)
    scene.own.mapped({})
    assert scene.of("ntcp2") is None


def test_an_address_of_this_machine_itself_is_published_for_ntcp2() -> None:
    scene = Scene()
    scene.own.has_local(frozenset((HOST, "10.0.0.7")))
    assert scene.of("ntcp2") is None
    scene.seen(HOST, HOST)
    assert scene.of("ntcp2") == (HOST, PORT)
    scene.own.has_local(frozenset())
    assert scene.of("ntcp2") is None


def test_behind_a_firewall_an_address_of_this_machine_is_published_on_evidence_alone() -> None:
    """What keeps UDP out is taken to keep TCP out, too, until somebody connects."""
    scene = Scene()
    scene.own.has_local(frozenset((HOST,)))
    scene.seen(HOST, HOST)
    scene.tested(FIREWALLED, FIREWALLED)
    assert scene.of("ntcp2") is None
    for host in ("9.9.1.1", "9.9.2.1"):
        scene.own.connected("ntcp2", host, scene.now)
    assert scene.of("ntcp2") == (HOST, PORT)
    assert scene.of("ssu2") is None


def test_over_ipv6_an_address_of_this_machine_counts_after_udp_has_come_through() -> None:
    scene = Scene()
    scene.own.has_local(frozenset((HOST6,)))
    scene.seen(HOST6, HOST6)
    assert scene.of("ntcp2", is_ipv6=True) is None
    scene.tested(OK, OK, at=(HOST6, PORT))
    assert scene.of("ntcp2", is_ipv6=True) == scene.of("ssu2", is_ipv6=True) == (HOST6, PORT)
    scene.tested(FIREWALLED, FIREWALLED, FIREWALLED, at=(HOST6, PORT))
    assert scene.of("ntcp2", is_ipv6=True) is None


def test_a_port_that_is_mapped_for_ntcp2_alone_is_not_closed_by_what_keeps_udp_out() -> None:
    scene = Scene()
    scene.own.mapped({("ntcp2", False): ((HOST, 2222), "pcp")})
    scene.seen(HOST, HOST)
    scene.tested(FIREWALLED, FIREWALLED)
    assert scene.of("ntcp2") == (HOST, 2222)


def test_connections_are_evidence_unless_they_come_from_the_same_network() -> None:
    scene = Scene()
    scene.seen(HOST, HOST)
    for host in ("192.168.1.7", "10.1.2.3", "127.0.0.1"):
        assert not scene.own.connected("ntcp2", host, scene.now)
    assert not scene.own.connected("ntcp2", "9.9.1.1", scene.now)
    assert not scene.own.connected("ntcp2", "9.9.1.1", scene.now)
    assert scene.of("ntcp2") is None
    assert scene.own.connected("ntcp2", "9.9.2.1", scene.now)
    assert scene.of("ntcp2") == (HOST, PORT)
    assert scene.of("ssu2") is None


def test_another_host_takes_the_place_of_the_old_one() -> None:
    scene = Scene()
    scene.seen(HOST, HOST)
    scene.tested(OK, OK)
    assert scene.of("ssu2") == (HOST, PORT)
    moved = "198.51.100.8"
    scene.seen(moved, moved, moved)
    assert scene.of("ssu2") is None
    scene.tested(OK, OK, at=(moved, PORT))
    assert scene.of("ssu2") == (moved, PORT)


def test_a_hidden_router_publishes_nothing() -> None:
    scene = Scene(is_hidden=True)
    scene.seen(HOST, HOST)
    scene.tested(OK, OK)
    assert scene.of("ssu2") is None
    assert scene.own.status(scene.now).ipv4 == "hidden"


def test_each_change_is_logged_once_and_names_no_address(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.seen(HOST, HOST)
    with caplog.at_level(logging.INFO, "core.transport.reachability"):
        scene.tested(OK, OK)
        for _ in range(3):
            scene.of("ssu2")
        scene.tested(FIREWALLED, FIREWALLED, FIREWALLED)
        for _ in range(3):
            scene.of("ssu2")
    lines = [record.getMessage() for record in caplog.records]
    assert [line.partition(" (")[0] for line in lines] == [
        "reachability of ssu2/ipv4: ok",
        "the address of ssu2/ipv4 is published",
        "reachability of ssu2/ipv4: firewalled",
        "the address of ssu2/ipv4 is not published any more",
    ]
    assert not any(HOST in line for line in lines)
