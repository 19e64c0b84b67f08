"""A port is mapped at gateways that answer in every way, in virtual time."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest

from core.nat.mapper import (
    LEASE_S,
    NAT_PMP,
    PCP,
    POLL_S,
    RETRY_MAX_S,
    UPNP,
    UPNP_RENEW_S,
    Mapper,
    MappingChanged,
    UpnpOutcome,
    UpnpWanted,
)
from core.nat.mapping import PortMapping
from tests.support.deterministic import SeededEntropy
from tests.support.gateway import ADDRESS, PORT, Gateway

CLIENT = "192.168.1.7"
OWN_PORT = 23456
TCP, UDP = ("tcp", 4), ("udp", 4)


class Scene:
    """A mapper at a gateway; ``upnp``: what comes of UPnP, None: no answer yet."""

    def __init__(
        self,
        gateway: Gateway,
        methods: tuple[str, ...] = (PCP, NAT_PMP, UPNP),
        address: str = ADDRESS,
        client: str = CLIENT,
    ) -> None:
        self.gateway = gateway
        self.now = 1000.0
        self.address = address
        self.upnp: UpnpOutcome | None = UpnpOutcome(failure="the gateway does not answer")
        self.wanted: list[UpnpWanted] = []
        self.changes: list[PortMapping] = []
        self.mapper = Mapper(
            ip_address(address),
            ip_address(client),
            OWN_PORT,
            methods,
            b"secret",
            SeededEntropy("nat"),
            self.now,
        )

    def run(self, seconds: float) -> None:
        """Serve everything that happens in so long."""
        end = self.now + seconds
        while True:
            self.mapper.handle_timer(self.now)
            self.drain()
            due = self.mapper.next_timer()
            if due > end:
                break
            self.now = max(self.now, due)
        self.now = end

    def drain(self) -> None:
        for packet in self.mapper.take_output():
            answer = self.gateway.answer(packet, self.now)
            if answer is not None:
                self.mapper.receive(answer, (self.address, PORT), self.now)
        while (event := self.mapper.next_event()) is not None:
            if isinstance(event, MappingChanged):
                self.changes.append(event.mapping)
            else:
                self.wanted.append(event)
                if self.upnp is not None:
                    self.mapper.upnp_done(self.upnp, self.now)

    @property
    def ports(self) -> dict[tuple[str, int], tuple[str, int, str]]:
        external = self.mapper.mapping.external
        return {way: (one.address, one.port, one.by) for way, one in external.items()}

    def asked(self, method: str, subject: str) -> int:
        return sum(one[:2] == (method, subject) for one in self.gateway.asked)


def both(port: int, by: str, address: str = "8.8.4.1") -> dict[object, object]:
    return {TCP: (address, port, by), UDP: (address, port, by)}


def test_pcp_is_first() -> None:
    scene = Scene(Gateway())
    assert scene.mapper.mapping.reason == "the gateway is being asked"
    scene.run(0)
    assert scene.ports == both(OWN_PORT, "pcp")
    assert scene.mapper.mapping.reason == ""
    assert {method for method, _, _ in scene.gateway.asked} == {"pcp"}
    assert scene.mapper.mapping.external[TCP].ends_at == scene.now + LEASE_S
    assert [len(change.external) for change in scene.changes] == [1, 2]


def test_a_gateway_of_nat_pmp_says_so_at_once() -> None:
    scene = Scene(Gateway(("nat-pmp",)))
    scene.run(0)
    assert scene.ports == both(OWN_PORT, "nat-pmp")
    assert scene.asked("pcp", "tcp") == 1


def test_a_silent_gateway_is_asked_by_all_methods_and_ever_more_rarely() -> None:
    scene = Scene(Gateway(()))
    scene.run(40)
    assert scene.ports == {}
    reason = scene.mapper.mapping.reason
    assert reason == "PCP: no answer; NAT-PMP: no answer; UPnP: the gateway does not answer"
    assert scene.asked("pcp", "tcp") == 3
    assert scene.asked("nat-pmp", "tcp") == 5
    assert len(scene.wanted) == 1
    scene.run(86_400)
    assert len(scene.wanted) <= 86_400 / RETRY_MAX_S + 8
    scene.gateway.speaks = ("pcp",)
    scene.run(RETRY_MAX_S)
    assert scene.ports == both(OWN_PORT, "pcp")


def test_upnp_is_last_and_its_mapping_is_made_again_in_time() -> None:
    scene = Scene(Gateway(()))
    scene.upnp = UpnpOutcome("8.8.4.1", {"tcp": OWN_PORT, "udp": OWN_PORT + 1}, 7200)
    scene.run(40)
    assert scene.ports == {
        TCP: ("8.8.4.1", OWN_PORT, "upnp"),
        UDP: ("8.8.4.1", OWN_PORT + 1, "upnp"),
    }
    scene.run(UPNP_RENEW_S)
    assert len(scene.wanted) == 2
    assert scene.wanted[1].external == {"tcp": OWN_PORT, "udp": OWN_PORT + 1}
    scene.upnp = UpnpOutcome(failure="gone")
    scene.run(UPNP_RENEW_S)
    assert scene.ports == {}
    scene.upnp = UpnpOutcome("8.8.4.1", {"tcp": OWN_PORT}, 0)
    scene.run(200)
    assert scene.ports == {TCP: ("8.8.4.1", OWN_PORT, "upnp")}
    assert scene.mapper.mapping.reason == "UDP: it is not mapped"


@pytest.mark.parametrize(
    ("speaks", "result", "words"),
    [
        ("pcp", 2, "PCP: it does not allow that"),
        ("pcp", 8, "PCP: it has no room"),
        ("pcp", 11, "PCP: the port is taken"),
        ("pcp", 200, "PCP: it answered with error 200"),
        ("nat-pmp", 2, "NAT-PMP: it does not allow that"),
        ("nat-pmp", 3, "NAT-PMP: it has no connection itself"),
        ("nat-pmp", 99, "NAT-PMP: it answered with error 99"),
    ],
)
def test_a_refusal_is_told_and_the_next_method_tried(speaks: str, result: int, words: str) -> None:
    scene = Scene(Gateway((speaks,), result=dict.fromkeys(("tcp", "udp"), result)))
    scene.upnp = None
    scene.run(30)
    assert words in scene.mapper.mapping.reason
    assert len(scene.wanted) == 1
    scene.mapper.upnp_done(UpnpOutcome("8.8.4.1", {"tcp": 5, "udp": 5}, 3600), scene.now)
    assert scene.ports == both(5, "upnp")
    assert scene.mapper.mapping.reason == ""


def test_one_protocol_that_is_refused_does_not_cost_the_other() -> None:
    scene = Scene(Gateway(result={"udp": 2}))
    scene.run(1)
    assert scene.ports == {TCP: ("8.8.4.1", OWN_PORT, "pcp")}
    assert scene.mapper.mapping.reason == "UDP: it does not allow that"
    scene.gateway.result.clear()
    scene.run(RETRY_MAX_S)
    assert scene.ports == both(OWN_PORT, "pcp")


def test_nat_pmp_without_an_external_address_is_of_no_use() -> None:
    scene = Scene(Gateway(("nat-pmp",), result={"status": 3}), (NAT_PMP,))
    scene.run(20)
    assert scene.ports == {}
    assert "NAT-PMP" in scene.mapper.mapping.reason


@pytest.mark.parametrize("speaks", ["pcp", "nat-pmp"])
def test_the_gateway_may_give_another_port_which_is_asked_for_again(speaks: str) -> None:
    scene = Scene(Gateway((speaks,), port={"tcp": 1024, "udp": 1025}))
    scene.run(1)
    assert scene.ports == {TCP: ("8.8.4.1", 1024, speaks), UDP: ("8.8.4.1", 1025, speaks)}
    scene.gateway.port.clear()
    scene.run(LEASE_S)
    assert scene.ports == {TCP: ("8.8.4.1", 1024, speaks), UDP: ("8.8.4.1", 1025, speaks)}


@pytest.mark.parametrize("speaks", ["pcp", "nat-pmp"])
def test_it_is_renewed_at_half_of_the_lease(speaks: str) -> None:
    scene = Scene(Gateway((speaks,), lifetime_s=600))
    scene.run(299)
    assert scene.asked(speaks, "tcp") == 1
    scene.run(2)
    assert scene.asked(speaks, "tcp") == 2
    scene.run(6000)
    assert scene.ports == both(OWN_PORT, speaks)
    assert scene.asked(speaks, "tcp") == 22


def test_short_leases_are_renewed_and_too_short_ones_refused() -> None:
    scene = Scene(Gateway(("pcp",), lifetime_s=10))
    scene.run(100)
    assert scene.ports == both(OWN_PORT, "pcp")
    assert scene.asked("pcp", "tcp") == 21
    scene = Scene(Gateway(("pcp",), lifetime_s=3), (PCP,))
    scene.run(1)
    assert scene.ports == {}
    assert scene.mapper.mapping.reason == "PCP: its lease is too short"


def test_a_lease_that_is_not_renewed_ends_after_some_more_tries() -> None:
    scene = Scene(Gateway(("pcp",), lifetime_s=1000), (PCP,))
    scene.run(1)
    scene.gateway.is_silent = True
    scene.run(990)
    assert scene.ports == both(OWN_PORT, "pcp")
    assert 6 < scene.asked("pcp", "tcp") < 30
    scene.run(100)
    assert scene.ports == {}
    scene.gateway.is_silent = False
    scene.run(RETRY_MAX_S)
    assert scene.ports == both(OWN_PORT, "pcp")


@pytest.mark.parametrize("speaks", ["pcp", "nat-pmp"])
def test_after_a_restart_of_the_gateway_all_is_mapped_again(speaks: str) -> None:
    scene = Scene(Gateway((speaks,)))
    scene.run(2 * POLL_S + 10)
    assert scene.asked(speaks, "tcp") == 1
    scene.gateway.restart(scene.now)
    scene.run(POLL_S + 1)
    assert scene.gateway.mapped == {"tcp": OWN_PORT, "udp": OWN_PORT}
    assert scene.ports == both(OWN_PORT, speaks)


def test_an_announced_restart_is_seen_at_once() -> None:
    scene = Scene(Gateway())
    scene.run(100)
    scene.gateway.restart(scene.now)
    announcement = struct.pack(">BBxBII12x", 2, 0x80, 0, 0, 0)
    scene.mapper.receive(announcement, ("192.168.1.66", PORT), scene.now)
    scene.run(1)
    assert scene.gateway.mapped == {}
    scene.mapper.receive(announcement, (ADDRESS, PORT), scene.now)
    assert scene.ports == {}  # what is lost is not published
    scene.run(1)
    assert scene.gateway.mapped == {"tcp": OWN_PORT, "udp": OWN_PORT}
    assert scene.ports == both(OWN_PORT, "pcp")


def test_a_restarted_gateway_that_refuses_keeps_nothing() -> None:
    scene = Scene(Gateway(("pcp",)), (PCP,))
    scene.run(100)
    scene.gateway.restart(scene.now)
    scene.gateway.result = {"tcp": 2, "udp": 2}
    scene.mapper.recheck(scene.now)
    scene.run(1)
    assert scene.ports == {}
    assert scene.mapper.mapping.reason == "PCP: it does not allow that"


def test_another_external_address_is_told() -> None:
    scene = Scene(Gateway(("nat-pmp",)))
    scene.run(1)
    scene.gateway.external = "8.8.8.8"
    scene.run(POLL_S)
    assert scene.ports == both(OWN_PORT, "nat-pmp", "8.8.8.8")


@pytest.mark.parametrize("speaks", ["pcp", "nat-pmp"])
def test_answers_from_elsewhere_of_others_and_junk_are_ignored(speaks: str) -> None:
    scene = Scene(Gateway((speaks,)), (speaks,))
    scene.mapper.handle_timer(scene.now)
    for packet in scene.mapper.take_output():
        answer = scene.gateway.answer(packet, scene.now)
        assert answer is not None
        for source in (("192.168.1.2", PORT), (ADDRESS, PORT + 1)):
            scene.mapper.receive(answer, source, scene.now)
        for size in range(len(answer)):
            scene.mapper.receive(answer[:size], (ADDRESS, PORT), scene.now)
        scene.mapper.receive(b"\xff" * 1200, (ADDRESS, PORT), scene.now)
        scene.mapper.receive(packet, (ADDRESS, PORT), scene.now)
    assert scene.ports == {}
    assert scene.mapper.mapping.reason == "the gateway is being asked"


def test_a_wrong_nonce_is_not_ours() -> None:
    scene = Scene(Gateway(("pcp",), nonce_xor=1), (PCP,))
    scene.run(60)
    assert scene.ports == {}
    assert scene.mapper.mapping.reason == "PCP: no answer"


def test_the_nonce_is_the_same_after_a_crash_and_another_for_each_protocol() -> None:
    packets = [scene.mapper.take_output() for scene in (Scene(Gateway()), Scene(Gateway()))]
    assert packets == [[], []]
    nonces = []
    for _ in range(2):
        scene = Scene(Gateway())
        scene.mapper.handle_timer(scene.now)
        nonces.append([packet[24:36] for packet in scene.mapper.take_output()])
    assert nonces[0] == nonces[1]
    assert nonces[0][0] != nonces[0][1]


@pytest.mark.parametrize("speaks", ["pcp", "nat-pmp"])
def test_the_mapping_is_deleted_at_the_end(speaks: str) -> None:
    scene = Scene(Gateway((speaks,)))
    scene.run(1)
    scene.mapper.close()
    scene.drain()
    assert scene.gateway.mapped == {}
    assert scene.gateway.asked[-1] == (speaks, "udp", 0)
    assert scene.mapper.next_timer() == float("inf")
    assert scene.mapper.mapping.reason == "the router stops"


def test_upnp_is_asked_to_delete_at_the_end() -> None:
    scene = Scene(Gateway(()), (UPNP,))
    scene.upnp = UpnpOutcome("8.8.4.1", {"tcp": 7, "udp": 8}, 0)
    scene.run(1)
    scene.mapper.close()
    scene.drain()
    assert scene.wanted[-1].lifetime_s == 0
    assert scene.wanted[-1].external == {"tcp": 7, "udp": 8}
    assert scene.ports == {}  # an answer that comes later changes nothing


def test_a_recheck_maps_at_once_what_could_not_be_mapped() -> None:
    scene = Scene(Gateway(()), (PCP,))
    scene.run(20)
    assert scene.ports == {}
    scene.gateway.speaks = ("pcp",)
    for _ in range(50):
        scene.mapper.recheck(scene.now)
    scene.run(0)
    assert scene.ports == both(OWN_PORT, "pcp")
    assert scene.asked("pcp", "tcp") == 4


def test_a_pinhole_of_ipv6() -> None:
    client = "2001:db8::7"
    scene = Scene(Gateway(("pcp",), external=client), address="fe80::1", client=client)
    scene.run(1)
    assert scene.ports == {
        ("tcp", 6): (client, OWN_PORT, "pcp"),
        ("udp", 6): (client, OWN_PORT, "pcp"),
    }
    scene.run(LEASE_S / 2)
    assert scene.asked("pcp", "tcp") == scene.asked("pcp", "udp") == 2
    # Restarted: the epoch that is polled tells.
    scene.gateway.restart(scene.now)
    scene.run(POLL_S)
    assert scene.gateway.mapped == {"tcp": OWN_PORT, "udp": OWN_PORT}
    assert scene.mapper.is_answered
    scene = Scene(Gateway(()), address="fe80::1", client=client)
    scene.run(20)
    assert not scene.mapper.is_answered
    assert scene.mapper.mapping.reason == "PCP: no answer"
    assert scene.wanted == []


def test_a_gateway_whose_epoch_runs_wild_is_not_asked_without_end() -> None:
    scene = Scene(Gateway(("pcp",)), (PCP,))
    scene.run(1)
    for _ in range(1000):
        announcement = struct.pack(">BBxBII12x", 2, 0x80, 0, 0, 0)
        scene.gateway.booted_at -= 1000
        scene.mapper.receive(announcement, (ADDRESS, PORT), scene.now)
    assert len(scene.mapper.take_output()) <= 2
