"""A peer that has died is noticed, also by who only receives; one that lives costs nothing."""

from __future__ import annotations

from itertools import count as counter

from core.transport.events import PeerSilent
from core.transport.ssu2.liveness import FLOW_MESSAGES, RECENT_S, STOPPED_S
from core.transport.table import ASK_INTERVAL_S
from tests.support.ssu2_nodes import Ssu2Net, Ssu2Node
from tests.support.ssu2_path import message
from tests.support.world.models import LinkModel
from tests.transport.ssu2.test_ssu2_endpoint import BOB_AT, connect, pair

#: of a round trip of 60 ms: the flow stops, and three timeouts
NOTICED_S = STOPPED_S + 2.0
_numbers = counter(1000)


def linked(loss: float = 0.0) -> tuple[Ssu2Net, Ssu2Node, Ssu2Node]:
    """Two that know each other's round trip, and have nothing to say."""
    net, alice, bob = pair(LinkModel(delay_s=0.03, loss=loss))
    connect(net, alice, bob)
    bob.links.send(alice.hash, [message(2)], net.now)
    net.run(seconds=5)
    return net, alice, bob


def flow(net: Ssu2Net, sender: Ssu2Node, receiver: Ssu2Node, count: int = FLOW_MESSAGES) -> None:
    before = len(receiver.messages())
    for _ in range(count):
        sender.links.send(receiver.hash, [message(next(_numbers))], net.now)
    assert net.run(lambda: len(receiver.messages()) == before + count)
    net.run(seconds=0.3)


def silences(node: Ssu2Node) -> list[bytes]:
    return [event.router_hash for event in node.events if isinstance(event, PeerSilent)]


def test_who_only_receives_notices_that_its_peer_has_died() -> None:
    net, alice, bob = linked()
    flow(net, bob, alice)
    net.ways.cut([BOB_AT.host])
    began = net.now
    assert net.run(lambda: bool(silences(alice)), NOTICED_S)
    assert net.now - began > STOPPED_S - 0.5
    assert alice.links.is_connected(bob.hash)
    net.run(seconds=5)
    assert silences(alice) == [bob.hash]


def test_who_sends_notices_it_too() -> None:
    net, alice, bob = linked()
    net.ways.cut([BOB_AT.host])
    alice.links.send(bob.hash, [message(5)], net.now)
    assert net.run(lambda: silences(alice) == [bob.hash], 2.5)


def test_a_flow_that_stops_costs_one_packet_and_a_few_messages_none() -> None:
    net, alice, bob = linked()
    flow(net, bob, alice, 2)
    sent = alice.stats.packets_sent
    net.run(seconds=20)
    assert alice.stats.packets_sent == sent
    flow(net, bob, alice)
    sent = alice.stats.packets_sent
    net.run(seconds=20)
    assert alice.stats.packets_sent == sent + 1
    assert not silences(alice)


def test_who_is_asked_answers_or_is_told_to_be_silent() -> None:
    net, alice, bob = linked()
    alice.links.ask(net.now)
    net.run(seconds=10)
    assert not silences(alice)
    flow(net, bob, alice, 1)
    net.ways.cut([BOB_AT.host])
    alice.links.ask(net.now)
    assert net.run(lambda: silences(alice) == [bob.hash], NOTICED_S)


def test_all_are_asked_with_whom_there_were_messages_of_late_and_not_too_often() -> None:
    net, alice, bob = linked()
    for sender, receiver, asked in ((None, None, 0), (bob, alice, 3), (alice, bob, 3)):
        net.run(seconds=RECENT_S)
        if sender and receiver:
            flow(net, sender, receiver, 1)
            net.run(seconds=5)
        sent = alice.stats.packets_sent
        for _ in range(3):
            for _ in range(5):
                alice.links.ask(net.now)
            net.run(seconds=ASK_INTERVAL_S + 0.1)
        assert alice.stats.packets_sent == sent + asked


def test_loss_is_no_silence_and_who_is_heard_again_may_fall_silent_again() -> None:
    net, alice, bob = linked(loss=0.1)
    for _ in range(20):
        flow(net, bob, alice)
        net.run(seconds=3)
    assert not silences(alice)
    for times in (1, 2):
        flow(net, bob, alice, 1)
        net.ways.cut([BOB_AT.host])
        alice.links.ask(net.now)
        assert net.run(lambda times=times: len(silences(alice)) == times, 5)
        net.ways.heal()
        flow(net, bob, alice)
    assert alice.links.is_connected(bob.hash)
