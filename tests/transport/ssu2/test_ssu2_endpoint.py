"""Whole SSU2 transports in virtual time: dials, floods, losses, ends."""

from __future__ import annotations

import pytest

from core.data.transport_address import Ssu2Address
from core.transport.events import PeerDisconnected, PeerFailed, RouterInfoReceived, SkewMeasured
from core.transport.reasons import TerminationReason
from core.transport.records import LinkLimits
from core.transport.ssu2 import outside
from core.transport.ssu2.blocks import RouterInfoBlock
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.header import LongHeader, PacketType
from core.transport.ssu2.session import ROUTER_INFO_BLOCKS_MAX
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.ssu2_nodes import NETWORK_ID, Ssu2Net, Ssu2Node
from tests.support.ssu2_path import message
from tests.support.world.models import LinkModel

ALICE_AT = SocketAddress("192.0.2.1", 4001)
BOB_AT = SocketAddress("192.0.2.2", 4002)


def pair(
    model: LinkModel | None = None, seed: int = 1, **bob: object
) -> tuple[Ssu2Net, Ssu2Node, Ssu2Node]:
    net = Ssu2Net(model, seed)
    alice = net.add(Ssu2Node(f"alice{seed}", ALICE_AT, net.wall))
    bob_node = net.add(Ssu2Node(f"bob{seed}", BOB_AT, net.wall, **bob))  # type: ignore[arg-type]
    return net, alice, bob_node


def connect(net: Ssu2Net, alice: Ssu2Node, bob: Ssu2Node) -> None:
    alice.links.send(bob.hash, [message(1)], net.now)
    assert net.run(lambda: len(bob.messages()) > 0)


def test_messages_go_both_ways() -> None:
    net, alice, bob = pair()
    connect(net, alice, bob)
    assert alice.connected() == [bob.hash] and bob.connected() == [alice.hash]
    bob.links.send(alice.hash, [message(2), message(3, 40_000)], net.now)
    assert net.run(lambda: message(3, 40_000) in alice.messages())
    assert message(2) in alice.messages() and message(1) in bob.messages()
    assert alice.stats.handshakes_out == bob.stats.handshakes_in == 1
    assert not bob.ssu2.pending_count and bob.ssu2.inbound_count == 1
    assert not sum(net.net.dropped.values())


def test_a_dial_takes_two_and_a_half_round_trips_and_one_and_a_half_with_a_token() -> None:
    net, alice, bob = pair(LinkModel(delay_s=0.05))
    began = net.now
    connect(net, alice, bob)
    assert net.now - began == pytest.approx(0.25, abs=0.01)
    net.run(seconds=1)
    alice.links.disconnect(bob.hash, net.now)
    net.run(seconds=10)
    assert not alice.ssu2._sessions and not bob.ssu2._sessions
    began = net.now
    alice.links.send(bob.hash, [message(2)], net.now)
    assert net.run(lambda: message(2) in bob.messages())
    assert net.now - began == pytest.approx(0.15, abs=0.01)


def test_the_round_trip_of_the_handshake_is_known_to_the_data_phase() -> None:
    net, alice, bob = pair(LinkModel(delay_s=0.2))
    connect(net, alice, bob)
    session = alice.session_with(bob.hash)
    assert session is not None and session.connection is not None
    assert session.connection.rtt_s == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("seed", range(8))
def test_dials_survive_loss_copies_and_disorder(seed: int) -> None:
    model = LinkModel(delay_s=0.03, jitter_s=0.02, loss=0.2, duplicate=0.2, reorder=0.2)
    net, alice, bob = pair(model, seed)
    messages = [message(number, 600) for number in range(50)]
    alice.links.send(bob.hash, messages, net.now)
    if not net.run(lambda: len(bob.messages()) >= 50, 60):
        # Three packets in a row may be lost: then the dial fails, and says so.
        assert any(isinstance(event, PeerFailed) for event in alice.events)
        return
    assert set(messages) <= set(bob.messages())


def test_both_dial_at_once() -> None:
    net, alice, bob = pair()
    alice.links.send(bob.hash, [message(1)], net.now)
    bob.links.send(alice.hash, [message(2)], net.now)
    assert net.run(lambda: message(1) in bob.messages() and message(2) in alice.messages())
    net.run(seconds=60)
    assert alice.links.is_connected(bob.hash) and bob.links.is_connected(alice.hash)
    assert len(alice.ssu2._sessions) == len(bob.ssu2._sessions) == 1


def test_both_routers_are_told_of_a_goodbye() -> None:
    net, alice, bob = pair()
    connect(net, alice, bob)
    alice.links.disconnect(bob.hash, net.now)
    assert net.run(lambda: not bob.links.is_connected(alice.hash), 1)
    net.run(seconds=20)
    assert not alice.ssu2._sessions and not bob.ssu2._sessions
    assert bob.ssu2.inbound_count == 0
    assert alice.ssu2.next_timer() is None


def test_a_router_that_goes_says_why() -> None:
    net, alice, bob = pair()
    connect(net, alice, bob)
    bob.links.shutdown(net.now)
    assert net.run(lambda: not alice.links.is_connected(bob.hash), 1)
    (event,) = [e for e in alice.events if isinstance(e, PeerDisconnected)]
    assert event.reason == "router_shutdown"
    alice.links.send(bob.hash, [message(9)], net.now)
    net.run(seconds=15)
    assert any(isinstance(e, PeerFailed) for e in alice.events)
    assert bob.stats.refused["shutdown"] + bob.stats.packets_malformed >= 0
    assert not bob.ssu2._sessions


def test_nobody_there_is_a_silent_failure() -> None:
    net, alice, bob = pair()
    net.ways.cut([BOB_AT.host])
    alice.links.send(bob.hash, [message(1)], net.now)
    assert net.run(lambda: any(isinstance(e, PeerFailed) for e in alice.events), 20)
    assert alice.stats.dials_failed == 1 and not alice.ssu2._sessions and not alice.ssu2._dials


def test_who_vanishes_is_given_up() -> None:
    net, alice, bob = pair()
    connect(net, alice, bob)
    net.ways.cut([BOB_AT.host])
    alice.links.send(bob.hash, [message(5)], net.now)
    assert net.run(lambda: not alice.links.is_connected(bob.hash), 120)
    net.run(seconds=20)
    assert not alice.ssu2._sessions


def test_an_idle_session_ends() -> None:
    net, alice, bob = pair()
    connect(net, alice, bob)
    assert net.run(lambda: not alice.links.is_connected(bob.hash), 400)
    net.run(seconds=20)
    assert not alice.ssu2._sessions and not bob.ssu2._sessions


def test_bob_greets_with_his_router_info() -> None:
    net, alice, bob = pair()
    connect(net, alice, bob)
    net.run(seconds=1)
    stores = [one for one in alice.messages() if one[0] == 1]
    assert len(stores) == 1 and bob.hash in stores[0]
    infos = [e for e in bob.events if isinstance(e, RouterInfoReceived)]
    assert [one.router_info for one in infos] == [alice.router_info]


def test_published_addresses_are_read_back() -> None:
    _, alice, bob = pair(mtu=1400)
    address, other = bob.ssu2.addresses()
    assert other.options["caps"] == "6"
    assert address.cost == 8 and address.options["mtu"] == "1400"
    assert address.options.keys() == {"host", "port", "s", "i", "v", "mtu"}
    read = Ssu2Address.from_address(address)
    assert read is not None and (read.host, read.port, read.mtu) == (*BOB_AT, 1400)
    assert "mtu" not in alice.ssu2.addresses()[0].options


def test_an_address_that_only_dials() -> None:
    net = Ssu2Net()
    node = Ssu2Node("hidden", ALICE_AT, net.wall, is_published=False)
    (address,) = node.ssu2.addresses()
    assert address.cost == 15 and address.options["caps"] == "46"
    assert address.options.keys() == {"s", "i", "v", "caps"}
    assert not node.ssu2.is_reachable and not node.ssu2.context.gives_tokens


def test_a_hidden_router_dials_and_is_known() -> None:
    net = Ssu2Net()
    alice = net.add(Ssu2Node("alice", ALICE_AT, net.wall, is_published=False))
    bob = net.add(Ssu2Node("bob", BOB_AT, net.wall))
    connect(net, alice, bob)
    bob.links.send(alice.hash, [message(7)], net.now)
    assert net.run(lambda: message(7) in alice.messages())


@pytest.mark.parametrize("offset_s", [90.0, -90.0])
def test_a_wrong_clock_is_told_and_measured(offset_s: float) -> None:
    net = Ssu2Net()
    wrong = FakeWallClock(net.wall.now() + offset_s)
    alice = net.add(Ssu2Node("alice", ALICE_AT, wrong))
    bob = net.add(Ssu2Node("bob", BOB_AT, net.wall))
    alice.links.send(bob.hash, [message(1)], net.now)
    net.run(seconds=5)
    skews = [e.seconds for e in alice.events if isinstance(e, SkewMeasured)]
    assert skews and skews[0] == pytest.approx(-offset_s, abs=2)
    assert not bob.connected() and not bob.ssu2._sessions


def test_another_network_gets_no_answer() -> None:
    net = Ssu2Net()
    alice = net.add(Ssu2Node("alice", ALICE_AT, net.wall, network_id=2))
    bob = net.add(Ssu2Node("bob", BOB_AT, net.wall))
    stranger = outside.write_token_request(
        1, 2, bob.ssu2.context.local.intro, 2, net.wall, SeededEntropy("x")
    )
    alice.socket.send(stranger, BOB_AT)
    net.run(seconds=2)
    assert bob.stats.bytes_sent == 0 and bob.stats.packets_malformed == 1


# Floods


def token_request(bob: Ssu2Node, seed: int) -> bytes:
    return outside.write_token_request(
        seed + 1, 1 << 60, bob.ssu2.context.local.intro, NETWORK_ID, bob.wall, SeededEntropy(seed)
    )


def test_forged_sources_cost_no_memory_and_gain_nothing() -> None:
    net, _, bob = pair()
    received = 0
    for number in range(500):
        packet = token_request(bob, number)
        received += len(packet)
        bob.ssu2.receive(packet, SocketAddress(f"198.51.100.{number % 250}", number + 1), net.now)
    sent = sum(len(data) for data, _ in bob.ssu2.take_output(net.now))
    assert 0 < sent < 1.6 * received
    assert not bob.ssu2._sessions and not bob.ssu2.inbound_count


def test_answers_to_strangers_are_limited() -> None:
    net, _, bob = pair()
    packet = token_request(bob, 1)
    for _ in range(3000):
        bob.ssu2.receive(packet, ALICE_AT, net.now)
    assert len(bob.ssu2.take_output(net.now)) == 500
    assert bob.stats.refused["rate"] == 2500


def test_a_token_from_before_a_restart_gets_no_retry() -> None:
    """Java cannot read the SessionCreated that follows a Retry for a token that it has used."""
    net, alice, bob = pair()
    connect(net, alice, bob)
    net.run(seconds=2)
    assert alice.ssu2.context.tokens._tokens.get(BOB_AT)
    bob.ssu2.shutdown(net.now)
    net.run(lambda: not alice.ssu2._sessions, seconds=10)
    restarted = Ssu2Node("bob1", BOB_AT, net.wall)
    assert restarted.hash == bob.hash and restarted.ssu2 is not bob.ssu2
    alice.links.send(bob.hash, [message(2)], net.now)
    ((packet, _),) = alice.ssu2.take_output(net.now)
    restarted.ssu2.receive(packet, ALICE_AT, net.now)
    assert len(restarted.ssu2._sessions) == 1, "answered with a SessionCreated"


def test_a_token_of_another_address_is_worth_nothing() -> None:
    net, alice, bob = pair()
    taken: list[bytes] = []
    alice.links.send(bob.hash, [message(1)], net.now)
    alice.ssu2.take_output(net.now)
    (session,) = alice.ssu2._sessions.values()
    assert session.initiator is not None
    token = bob.ssu2.context.mint.retry_token(SocketAddress("192.0.2.9", 1), net.now)
    header = LongHeader(1, 2, PacketType.SESSION_REQUEST, 3, token, NETWORK_ID)
    packet = outside.seal(header, bytes(80), bob.ssu2.context.local.intro)
    bob.ssu2.receive(packet, ALICE_AT, net.now)
    taken += [data for data, _ in bob.ssu2.take_output(net.now)]
    assert len(taken) == 1 and not bob.ssu2._sessions


def test_a_replayed_session_request_begins_nothing() -> None:
    net, alice, bob = pair()
    requests: list[bytes] = []
    send = alice.socket.send

    def spy(data: bytes, target: tuple[str, int]) -> None:
        requests.append(data)
        send(data, target)

    alice.socket.send = spy  # type: ignore[method-assign]
    connect(net, alice, bob)
    bob.links.disconnect(alice.hash, net.now)
    net.run(seconds=8)
    before = bob.stats.replays
    bob.ssu2.receive(requests[1], ALICE_AT, net.now)
    assert bob.stats.replays == before + 1 and not bob.ssu2._sessions


def test_handshakes_from_one_address_are_bounded() -> None:
    net = Ssu2Net()
    bob = net.add(
        Ssu2Node("bob", BOB_AT, net.wall, limits=LinkLimits(handshakes_per_address_max=2))
    )
    places = [SocketAddress(ALICE_AT.host, port) for port in range(1, 5)]
    alices = [Ssu2Node(f"alice{at.port}", at, net.wall) for at in places]
    answers: list[bytes] = []

    def exchange(alice: Ssu2Node) -> list[bytes]:
        for data, _ in alice.ssu2.take_output(net.now):
            bob.ssu2.receive(data, alice.address, net.now)
        return [data for data, at in bob.ssu2.take_output(net.now) if at == alice.address]

    for alice in alices:
        alice.known[bob.hash] = bob.router_info
        alice.links.send(bob.hash, [message(1)], net.now)
        for retry in exchange(alice):
            alice.ssu2.receive(retry, BOB_AT, net.now)
        answers += exchange(alice)
    assert bob.ssu2.pending_count == 2 and bob.stats.refused["handshakes"] == 2
    assert len(answers) == 4, "two SessionCreated, two refusals"


@pytest.mark.parametrize("seed", range(4))
def test_noise_of_any_length_is_dropped(seed: int) -> None:
    net, alice, bob = pair()
    connect(net, alice, bob)
    entropy = SeededEntropy(seed)
    for length in range(0, 1500, 7):
        bob.ssu2.receive(entropy.random_bytes(length), ALICE_AT, net.now)
    alice.links.send(bob.hash, [message(8)], net.now)
    assert net.run(lambda: message(8) in bob.messages(), 5)
    assert bob.stats.packets_malformed > 200


def test_reason_codes_have_the_same_words_in_both_transports() -> None:
    assert TerminationReason(22) is TerminationReason.REPLACED


def test_our_own_messages_do_not_wait_for_transit_and_waiting_costs_no_turns() -> None:
    net, alice, bob = pair(LinkModel(delay_s=0.005))
    connect(net, alice, bob)
    net.run(seconds=2)
    alice.bandwidth.configure(100_000, None)
    transit = [message(number, 1000) for number in range(200)]
    alice.links.send(bob.hash, transit, net.now, is_transit=True)
    began = net.now
    turns = 0
    serve = alice.serve

    def counted(now: float) -> None:
        nonlocal turns
        turns += 1
        serve(now)

    alice.serve = counted  # type: ignore[method-assign]
    net.run(seconds=0.05)
    own = message(300, 1000)
    alice.links.send(bob.hash, [own], net.now)
    sent_at = net.now
    assert net.run(lambda: own in bob.messages(), seconds=1)
    assert net.now - sent_at < 0.05
    assert net.run(lambda: transit[-1] in bob.messages(), seconds=10)
    assert 1.7 < net.now - began < 2.4
    assert turns < 800, turns


def test_a_flood_of_router_infos_is_bounded_and_one_with_each_introduction_is_not() -> None:
    net, alice, bob = pair()
    connect(net, alice, bob)
    carols = [Ssu2Node(f"carol{number}", BOB_AT, net.wall).router_info for number in range(3)]
    sender = alice.session_with(bob.hash)
    assert sender is not None and sender.connection is not None

    def send(count: int, seconds: float) -> int:
        before = sum(isinstance(event, RouterInfoReceived) for event in bob.events)
        for number in range(count):
            block = RouterInfoBlock.of(carols[number % 3].raw, 1000)
            sender.connection.send_block(block.write(), net.now)
            sender.wake()
            net.run(seconds=seconds / count)
        net.run(seconds=1)
        return sum(isinstance(event, RouterInfoReceived) for event in bob.events) - before

    assert ROUTER_INFO_BLOCKS_MAX <= send(100, 1.0) <= ROUTER_INFO_BLOCKS_MAX + 1
    net.run(seconds=100)
    assert send(200, 300.0) == 200
