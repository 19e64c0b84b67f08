"""Admission of transit tunnels, and what the dispatcher refuses to carry."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError
from core.base.rates import FairShares
from core.i2np.message import make_standard
from core.tunnel.bandwidth_options import BYTES_PER_KB
from core.tunnel.build import BuildHop, TunnelBuild
from core.tunnel.constants import SHORT_DATA_BYTES
from core.tunnel.delivery import Delivery, DeliveryKind
from core.tunnel.dispatch import Drop
from core.tunnel.participant import TransitEndpoint, TransitGateway
from core.tunnel.records import LONG, SHORT, BuildRequest, RecordFormat, write_records
from core.tunnel.transit import OPEN_COST_S, Refusal, TransitLimits
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.tunnel.network import Network, Node, message

PEER = b"\x01" * 32
NEXT = b"\x02" * 32
NOW = 50.0


def node(limits: TransitLimits | None = None) -> Node:
    return Node("hop", FakeWallClock(), limits)


def body(
    hop: Node, seed: object = 0, fmt: RecordFormat = SHORT, **changes: object
) -> tuple[bytes, BuildRequest]:
    fields: dict[str, object] = {
        "receive_tunnel_id": 1000 + SeededEntropy(f"id {seed}").randbelow(2**30),
        "next_tunnel_id": 5,
        "next_hash": NEXT,
        "is_gateway": False,
        "is_endpoint": False,
        "request_minutes": int(hop.wall.now()) // 60,
        "send_message_id": 6,
        **changes,
    }
    request = BuildRequest(**fields)  # type: ignore[arg-type]
    entropy = SeededEntropy(f"{seed}")
    record, _ = fmt.seal_request(hop.hash, hop.key.public, request, entropy)
    others = [entropy.random_bytes(fmt.record_bytes) for _ in range(3)]
    return write_records([others[0], record, *others[1:]]), request


def ask(
    hop: Node, seed: object = 0, sender: bytes | None = PEER, now: float = NOW, **changes: object
) -> bool:
    data, _ = body(hop, seed, **changes)
    return hop.transit.receive(25, data, sender, now)


def refusals(hop: Node) -> dict[str, int]:
    return {reason.value: count for reason, count in hop.transit.refused.items() if count}


@pytest.mark.parametrize("fmt", [SHORT, LONG], ids=["short", "long"])
def test_an_accepted_request_is_passed_on(fmt: RecordFormat) -> None:
    hop = node()
    data, request = body(hop, fmt=fmt)
    assert hop.transit.receive(fmt.request_type, data, PEER, NOW)
    (out,) = hop.dispatcher.outgoing[NEXT]
    assert out[0] == fmt.request_type
    assert int.from_bytes(out[1:5], "big") == 6
    assert len(out) == 9 + len(data)
    assert hop.dispatcher.is_taken(request.receive_tunnel_id)


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("impossible", {"receive_tunnel_id": 0}),
        ("impossible", {"next_tunnel_id": 0}),
        ("impossible", {"is_gateway": True, "is_endpoint": True}),
        ("impossible", {"sender": None}),
        ("stale", {"request_minutes": 1_700_000_000 // 60 - 9}),
        ("stale", {"request_minutes": 1_700_000_000 // 60 + 6}),
        ("stale", {"request_minutes": 0}),
    ],
)
def test_unsound_requests_get_no_answer(reason: str, changes: dict[str, object]) -> None:
    hop = node()
    assert not ask(hop, **changes)  # type: ignore[arg-type]
    assert refusals(hop) == {reason: 1}
    assert hop.dispatcher.outgoing == {}


def test_we_are_not_our_own_next_hop() -> None:
    hop = node()
    assert not ask(hop, next_hash=hop.hash)
    assert refusals(hop) == {"impossible": 1}
    assert ask(hop, 2, next_hash=hop.hash, is_endpoint=True)


def test_a_gateway_may_be_asked_through_a_tunnel() -> None:
    hop = node()
    assert ask(hop, sender=None, is_gateway=True)


def test_a_replayed_record_gets_no_answer() -> None:
    hop = node()
    data, _ = body(hop)
    assert hop.transit.receive(25, data, PEER, NOW)
    hop.dispatcher.outgoing.clear()
    assert not hop.transit.receive(25, data, PEER, NOW + 600)
    assert refusals(hop) == {"replay": 1}
    assert hop.dispatcher.outgoing == {}


def reply_code(hop: Node, seed: object, **changes: object) -> int:
    """What the creator reads in our answer to a request of one hop."""
    entropy = SeededEntropy(f"creator {seed}")
    build = TunnelBuild(
        [BuildHop(hop.hash, hop.key.public)],
        is_inbound=False,
        end_hash=NEXT,
        end_tunnel_id=3,
        fmt=LONG,
        reply_message_id=9,
        wall_now_s=hop.wall.now(),
        entropy=entropy,
        own_hash=PEER,
    )
    hop.dispatcher.outgoing.clear()
    hop.transit.receive(23, build.body, PEER, NOW)
    (out,) = hop.dispatcher.outgoing[NEXT]
    assert out[0] == 19
    return build.open_reply(out[9 + 6 + 16 :]).codes[0]


def reply_options(hop: Node, options: dict[str, str]) -> dict[str, str]:
    """Those of our accepting answer to a request with options."""
    entropy = SeededEntropy(f"options {options}")
    request = BuildRequest(1 + entropy.randbelow(2**31), 5, NEXT, False, True,
                           int(hop.wall.now()) // 60, 6, options=options)  # fmt: skip
    record, keys = LONG.seal_request(hop.hash, hop.key.public, request, entropy)
    hop.dispatcher.outgoing.clear()
    assert hop.transit.receive(23, write_records([record]), PEER, NOW)
    (out,) = hop.dispatcher.outgoing[NEXT]
    code, found = LONG.open_reply(keys, 0, out[9 + 6 + 16 + 1 :])
    assert code == 0
    return found


def test_every_refusal_looks_the_same() -> None:
    hop = node()
    assert reply_code(hop, 0) == 0
    for limits in (
        TransitLimits(accepts=False),
        TransitLimits(tunnels_max=1),
        TransitLimits(bytes_s=0.0),
        TransitLimits(peer_requests_min=3, peer_share=0.0),
    ):
        hop.transit.configure(limits)
        assert reply_code(hop, limits) == 30
    assert set(refusals(hop)) == {"not_accepting", "tunnels", "bandwidth", "peer"}


def test_a_tunnel_id_is_given_once() -> None:
    hop = node()
    assert ask(hop, 1, receive_tunnel_id=7)
    assert not ask(hop, 2, receive_tunnel_id=7)
    assert refusals(hop) == {"duplicate_id": 1}


def test_a_flood_from_one_peer_is_declined_then_dropped() -> None:
    hop = node(TransitLimits(peer_requests_min=5, peer_share=0.0))
    for i in range(20):
        ask(hop, i, next_hash=bytes([100 + i]) * 32)
    assert refusals(hop) == {"peer": 5, "flood": 10}
    other = b"\x09" * 32
    assert ask(hop, "other", other, next_hash=b"\x63" * 32)
    assert ask(hop, "later", now=NOW + 500, next_hash=b"\x64" * 32)


def test_near_the_limit_some_are_declined() -> None:
    hop = node(TransitLimits(tunnels_max=100, peer_requests_min=1000))
    accepted = [ask(hop, i, next_hash=i.to_bytes(32, "big")) for i in range(400)]
    assert all(accepted[:70])
    assert 80 < sum(accepted) <= 100
    assert set(refusals(hop)) <= {"congestion", "tunnels"}


def test_near_the_limit_those_with_few_tunnels_get_more() -> None:
    hop = node(TransitLimits(tunnels_max=100, peer_requests_min=1000))
    other = b"\x09" * 32
    assert ask(hop, "first", other)
    for i in range(400):
        ask(hop, i, next_hash=i.to_bytes(32, "big"))
    assert 85 <= len(hop.transit) <= 91
    assert not any(ask(hop, f"g{i}", next_hash=bytes([i]) * 32) for i in range(20))
    assert all(ask(hop, f"o{i}", other, next_hash=bytes([99 - i]) * 32) for i in range(8))


def test_who_leads_many_builds_to_a_router_does_not_use_up_its_own() -> None:
    """The limits of a next hop and of a previous one are apart, and so are those who lead to it."""
    hop = node(TransitLimits(peer_requests_min=20, peer_share=0.0))
    for link in range(3):
        for i in range(20):
            ask(hop, f"{link} {i}", bytes([50 + link]) * 32, next_hash=NEXT)
    assert refusals(hop)["peer"] > 10
    assert ask(hop, "its own", NEXT, next_hash=b"\x63" * 32)
    assert ask(hop, "somebody else", b"\x09" * 32, next_hash=NEXT)


def test_a_record_that_is_not_for_us_or_was_seen_costs_nothing() -> None:
    hop = node()
    hop.transit._shares = FairShares(10 * OPEN_COST_S)
    good, _ = body(hop)
    assert hop.transit.receive(25, good, PEER, NOW)
    elsewhere, _ = body(node(), "elsewhere")
    for _ in range(1000):
        hop.transit.receive(
            25, bytes((4,)) + elsewhere[1:].replace(hop.hash[:16], bytes(16)), PEER, NOW
        )
        hop.transit.receive(25, good, PEER, NOW)
    assert set(refusals(hop)) == {"not_for_us", "replay"}
    assert ask(hop, "another")


def test_wanted_bandwidth_is_answered_and_respected() -> None:
    hop = node(TransitLimits(bytes_s=100_000))
    assert not ask(hop, 1, options={"m": "200"})
    assert ask(hop, 2, options={"m": "20", "r": "500"})
    assert ask(hop, 3, options={"m": "junk", "r": "-5"})
    assert refusals(hop) == {"bandwidth": 1}


def test_what_is_offered_is_what_is_left_in_powers_of_two() -> None:
    hop = node(TransitLimits(bytes_s=1000 * BYTES_PER_KB))
    assert reply_options(hop, {"m": "20", "r": "500"}) == {"b": "128"}
    assert reply_options(hop, {"r": "40"}) == {"b": "40"}
    assert reply_options(hop, {"m": "200"}) == {"b": "200"}
    assert reply_options(hop, {"l": "200"}) == reply_options(hop, {}) == {}


def test_no_tunnel_is_promised_most_of_the_bandwidth_nor_all_together_twice() -> None:
    hop = node(TransitLimits(bytes_s=100 * BYTES_PER_KB, peer_requests_min=1000))
    assert not ask(hop, 1, options={"m": "26"})
    accepted = [ask(hop, f"m{i}", options={"m": "20"}) for i in range(12)]
    assert accepted == [True] * 10 + [False] * 2
    assert ask(hop, "none wanted")
    hop.transit.handle_timer(NOW + 121)
    assert ask(hop, "when those are gone", now=NOW + 121, options={"m": "20"})


def test_a_gateway_holds_a_tunnel_to_the_limit_its_creator_set() -> None:
    hop = node()
    assert ask(hop, sender=None, is_gateway=True, receive_tunnel_id=7, options={"l": "100"})
    big = make_standard(20, 1, int(hop.wall.now() + 9) * 1000, bytes(10_000))
    framed = bytes(9) + b"\0\0\0\x07" + len(big).to_bytes(2, "big") + big
    for at in range(200):
        hop.dispatcher.receive_tunnel_gateways([framed], NOW + at / 20)
        hop.dispatcher.flush(NOW + at / 20)
    assert len(hop.dispatcher.transit_outgoing[NEXT]) == pytest.approx(1100 + 110, rel=0.03)
    assert drops_of_all(hop)["full"] > 80


def test_a_middle_hop_does_not_send_back_where_it_came_from() -> None:
    hop = node()
    assert not ask(hop, 1, next_hash=PEER)
    assert refusals(hop) == {"impossible": 1}
    assert ask(hop, 2, next_hash=PEER, is_endpoint=True), "the answer may go that way"
    assert ask(hop, 3, next_hash=PEER, is_gateway=True), "a tunnel of one hop"
    hop.transit._is_network_small = lambda: True
    assert ask(hop, 4, next_hash=PEER), "i2pd has nobody else"


def test_what_nobody_uses_for_two_minutes_is_dropped() -> None:
    hop = node()
    assert ask(hop, "unused", receive_tunnel_id=6)
    assert ask(hop, "used", receive_tunnel_id=7)
    hop.dispatcher.receive_tunnel_data([data_message(7, hop.wall)], PEER, NOW + 5)
    assert hop.transit.next_timer() == NOW + 120
    hop.transit.handle_timer(NOW + 119.9)
    assert len(hop.transit) == 2
    hop.transit.handle_timer(NOW + 120)
    assert not hop.dispatcher.is_taken(6)
    assert hop.dispatcher.is_taken(7), "it was in use once"
    assert hop.transit.unused == 1
    assert hop.transit.next_timer() == NOW + 660
    hop.transit.handle_timer(NOW + 660)
    assert len(hop.transit) == 0


def test_the_load_is_that_of_the_limit_used_most() -> None:
    hop = node(TransitLimits(tunnels_max=10))
    assert hop.transit.load(NOW) == 0.0
    assert ask(hop)
    assert hop.transit.load(NOW) == 0.1
    hop.transit.machine_load = 0.4
    assert hop.transit.load(NOW) == 0.4
    hop.transit.configure(TransitLimits(tunnels_max=0))
    assert hop.transit.load(NOW) == 1.0, "none are taken, and the RouterInfo may say so"


def test_a_busy_machine_takes_fewer_tunnels_and_then_none() -> None:
    hop = node(TransitLimits(peer_requests_min=1000))
    hop.transit.machine_load = 0.85
    accepted = sum(ask(hop, f"busy {i}", next_hash=i.to_bytes(32, "big")) for i in range(200))
    assert 60 <= accepted <= 140
    hop.transit.machine_load = 1.0
    assert hop.transit.load(NOW) == 1.0
    assert not ask(hop, "overloaded")
    assert refusals(hop) == {"congestion": 200 - accepted, "machine": 1}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 255), st.binary(max_size=1200))
def test_junk_requests_are_dropped(kind: int, data: bytes) -> None:
    hop = node()
    assert not hop.transit.receive(kind, data, PEER, NOW)
    assert hop.dispatcher.outgoing == {}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 4 * 218), st.integers(1, 255))
def test_mutated_requests_never_raise(at: int, change: int) -> None:
    hop = node()
    data = bytearray(body(hop)[0])
    data[at] ^= change
    hop.transit.receive(25, bytes(data), PEER, NOW)


@pytest.mark.doubles
def test_a_hop_that_tags_our_record_is_caught() -> None:
    network = Network(4)
    alice, tagger = network.nodes[0], network.nodes[3]
    original = tagger.dispatcher.queue

    def build_with_a_tag() -> None:
        class Tagging(list[bytes]):
            def append(self, item: bytes) -> None:
                places = range(10, len(item), 218)
                prefix = alice.hash[:16]
                place = next(p for p in places if item[p : p + 16] == prefix)
                changed = item[: place + 100] + b"tag" + item[place + 103 :]
                original(alice.hash, False).append(changed)

        tagger.dispatcher.queue = lambda router_hash, is_transit: Tagging()  # type: ignore[method-assign]

    build_with_a_tag()
    with pytest.raises(DecodeError, match="changed"):
        network.build_inbound(alice, network.nodes[1:])


# The dispatcher


def data_message(tunnel_id: int, wall: FakeWallClock, seed: int = 0, ahead: int = 10) -> bytes:
    entropy = SeededEntropy(seed)
    expires = (int(wall.now()) + ahead).to_bytes(4, "big")
    head = b"\x12" + entropy.random_bytes(4) + expires + tunnel_id.to_bytes(4, "big")
    return head + entropy.random_bytes(1024)


def drops(hop: Node) -> dict[str, int]:
    return {reason.value: n for reason, n in hop.dispatcher.dropped.items() if n}


def drops_of_all(hop: Node) -> dict[str, int]:
    return {reason.value: n for reason, n in hop.dispatcher.drops().items() if n}


def with_participant() -> Node:
    hop = node()
    assert ask(hop, receive_tunnel_id=7, next_tunnel_id=8)
    hop.dispatcher.outgoing.clear()
    return hop


def test_a_participant_passes_on_with_a_new_id_and_the_same_expiration() -> None:
    hop = with_participant()
    sent = [data_message(7, hop.wall, i) for i in range(3)]
    hop.dispatcher.receive_tunnel_data(sent, PEER, NOW)
    out = hop.dispatcher.transit_outgoing[NEXT]
    assert [len(m) for m in out] == [SHORT_DATA_BYTES] * 3
    assert all(m[9:13] == b"\0\0\0\x08" for m in out)
    assert [m[5:9] for m in out] == [m[5:9] for m in sent]
    assert len({m[1:5] for m in out}) == 3
    assert drops(hop) == {}


def test_what_a_participant_does_not_carry() -> None:
    hop = with_participant()
    good = data_message(7, hop.wall)
    hop.dispatcher.receive_tunnel_data([good, good], PEER, NOW)
    hop.dispatcher.receive_tunnel_data([data_message(7, hop.wall, 2)], NEXT, NOW)
    hop.dispatcher.receive_tunnel_data([data_message(99, hop.wall, 3)], PEER, NOW)
    hop.dispatcher.receive_tunnel_data([data_message(7, hop.wall, 4, -61)], PEER, NOW)
    hop.dispatcher.receive_tunnel_data([data_message(7, hop.wall, 5, 241)], PEER, NOW)
    hop.dispatcher.receive_tunnel_data([good[:-1], good + b"x", b""], PEER, NOW)
    assert drops(hop) == {
        "duplicate": 1,
        "wrong_hop": 1,
        "unknown_tunnel": 1,
        "expired": 2,
        "malformed": 3,
    }
    assert len(hop.dispatcher.transit_outgoing[NEXT]) == 1


def test_bandwidth_is_enforced_on_messages() -> None:
    hop = with_participant()
    hop.transit.configure(TransitLimits(bytes_s=10_280))
    sent = [data_message(7, hop.wall, i) for i in range(100)]
    hop.dispatcher.receive_tunnel_data(sent[:50], PEER, NOW)
    passed = len(hop.dispatcher.transit_outgoing.get(NEXT, []))
    assert passed <= 20
    hop.dispatcher.receive_tunnel_data(sent[50:], PEER, NOW + 1)
    assert len(hop.dispatcher.transit_outgoing[NEXT]) <= passed + 11
    assert drops(hop)["bandwidth"] >= 69


def test_nobody_loses_many_messages_in_a_row_to_the_limit() -> None:
    hop = with_participant()
    hop.transit.configure(TransitLimits(bytes_s=20 * 1028.0))
    before = [data_message(7, hop.wall, i) for i in range(40)]
    hop.dispatcher.receive_tunnel_data(before, PEER, NOW)
    hop.dispatcher.transit_outgoing.clear()
    burst = [data_message(7, hop.wall, 40 + i, ahead=5 + i) for i in range(30)]
    hop.dispatcher.receive_tunnel_data(burst, PEER, NOW + 0.8)
    passed = [message[5:9] for message in hop.dispatcher.transit_outgoing[NEXT]]
    numbers = [number for number, message in enumerate(burst) if message[5:9] in passed]
    assert 10 <= len(numbers) <= 16
    assert max(b - a for a, b in itertools.pairwise([-1, *numbers, 30])) <= 4


def test_transit_rate_follows_the_traffic() -> None:
    hop = with_participant()
    for i in range(60):
        batch = [data_message(7, hop.wall, 10 * i + j) for j in range(10)]
        hop.dispatcher.receive_tunnel_data(batch, PEER, NOW + i)
        hop.dispatcher.transit_rate(NOW + i)
    assert hop.dispatcher.transit_rate(NOW + 60) == pytest.approx(10_280, rel=0.2)
    assert hop.dispatcher.transit_rate(NOW + 200) < 1000


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_junk_for_gateways(data: bytes) -> None:
    hop = node()
    assert ask(hop, sender=None, is_gateway=True, receive_tunnel_id=7)
    hop.dispatcher.receive_tunnel_gateways([data], NOW)
    framed = bytes(9) + b"\0\0\0\x07" + len(data).to_bytes(2, "big") + data
    hop.dispatcher.receive_tunnel_gateways([framed], NOW)
    hop.dispatcher.flush(NOW)


def test_a_gateway_bounds_what_waits() -> None:
    hop = node()
    assert ask(hop, sender=None, is_gateway=True, receive_tunnel_id=7)
    big = make_standard(20, 1, int(hop.wall.now() + 9) * 1000, bytes(60_000))
    framed = bytes(9) + b"\0\0\0\x07" + len(big).to_bytes(2, "big") + big
    for _ in range(20):
        hop.dispatcher.receive_tunnel_gateways([framed], NOW)
    hop.dispatcher.flush(NOW)
    sent = len(hop.dispatcher.transit_outgoing[NEXT])
    assert 400 < sent < 600
    hop.dispatcher.receive_tunnel_gateways([framed], NOW)
    hop.dispatcher.flush(NOW)
    assert len(hop.dispatcher.transit_outgoing[NEXT]) > sent


def test_inbound_tunnels_deliver_to_nobody_else() -> None:
    network = Network(4)
    alice = network.nodes[0]
    _, _, inbound = network.build_inbound(alice, network.nodes[1:3])
    assert inbound is not None
    gateway = network.nodes[1].dispatcher._accepters[inbound.gateway_tunnel_id]
    assert isinstance(gateway, TransitGateway)
    gateway.accept(message(b"first", network.wall), network.nodes[1].dispatcher, network.now)
    target = network.nodes[3].hash
    for kind, tunnel_id in ((DeliveryKind.ROUTER, None), (DeliveryKind.TUNNEL, 5)):
        leak = Delivery(kind, target, tunnel_id, message(b"leak", network.wall))
        gateway._gateway.put(leak)  # type: ignore[union-attr]
    network.run()
    assert [m[16:] for _, _, m in alice.inbox] == [b"first"]
    assert inbound.leaked == 2
    assert network.nodes[3].router_messages == []


def test_an_endpoint_reaches_a_limited_number_of_routers() -> None:
    endpoint = TransitEndpoint(1, PEER, NEXT, 2, bytes(32), bytes(32), 1e9)
    allowed = [endpoint._is_target_allowed(i.to_bytes(32, "big"), 10.0) for i in range(100)]
    assert sum(allowed) == 64
    assert endpoint._is_target_allowed(bytes(32), 10.0), "a known target stays allowed"
    assert endpoint._is_target_allowed(b"\xff" * 32, 41.0)


def test_an_endpoint_drops_expired_messages() -> None:
    network = Network(4)
    alice, bob = network.nodes[:2]
    _, _, outbound = network.build_outbound(alice, network.nodes[2:])
    assert outbound is not None
    old = make_standard(20, 1, int(network.wall.now() - 61) * 1000, b"old")
    outbound.send([(DeliveryKind.ROUTER, bob.hash, None, old)], network.now)
    network.run()
    assert bob.router_messages == []


def test_tunnels_may_end_and_begin_at_the_same_router() -> None:
    network = Network(4)
    alice, bob, middle, shared = network.nodes
    _, _, inbound = network.build_inbound(bob, [shared, middle])
    _, _, outbound = network.build_outbound(alice, [middle, shared])
    assert inbound is not None and outbound is not None
    gateway = (inbound.gateway_hash, inbound.gateway_tunnel_id)
    outbound.send([(DeliveryKind.TUNNEL, *gateway, message(b"x", network.wall))], network.now)
    network.run()
    assert [m[16:] for _, _, m in bob.inbox] == [b"x"]
    assert Drop.LOOP in shared.dispatcher.dropped
    assert Refusal.FLOOD not in {r for r, n in shared.transit.refused.items() if n}
