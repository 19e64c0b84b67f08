"""Floods of datagrams from forged sources: nothing is kept for them, and links go on."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.handshake import ConnectionIds
from core.transport.ssu2.initiator import Initiator, Target
from core.transport.ssu2.listener import RETRIES_PER_SECOND
from core.transport.ssu2.outside import IntroKey
from tests.support.link_nodes import message
from tests.support.ssu2_nodes import Ssu2Net, Ssu2Node

PACKETS = 3000
PACKETS_PER_S = 20_000
MEMORY_MAX = 256 * 1024
BOB = SocketAddress("127.0.0.3", 4002)


class Flood:
    """Alice and Bob with a link; ``send`` brings Bob a packet from yet another address."""

    def __init__(self) -> None:
        self.net = Ssu2Net()
        self.alice = self.net.add(
            Ssu2Node("alice", SocketAddress("127.0.0.2", 4001), self.net.wall)
        )
        self.bob = self.net.add(Ssu2Node("bob", BOB, self.net.wall))
        self.alice.links.send(self.bob.hash, [message(0)], self.net.now)
        assert self.net.run(lambda: bool(self.bob.messages()))
        self.replies = 0

    def first_packet(self, number: int, token: int) -> bytes:
        """A genuine TokenRequest, or a SessionRequest with a token that nobody gave."""
        context = self.alice.ssu2.context
        address = self.bob.router_info.ssu2_addresses()[0]
        if token:
            context.tokens.put(BOB, token, int(self.net.wall.now()) + 1000)
        target = Target(BOB, address.static_key, IntroKey(address.intro_key), b"", 1252)
        ids = ConnectionIds(2 * number + 1, 2 * number + 2)
        return Initiator(context, target, ids, 1252, self.net.now).output[0]

    def send(self, number: int, packet: bytes) -> None:
        source = SocketAddress(f"9.1.{number >> 8}.{number & 255}", 1000 + number)
        now = self.net.now + number / PACKETS_PER_S
        self.bob.ssu2.receive(packet, source, now)
        if number % 64 == 0:
            output = self.bob.ssu2.take_output(now)
            self.replies += sum(target.host.startswith("9.1.") for _, target in output)


KINDS: dict[str, Callable[[Flood, int], bytes]] = {
    "noise": lambda flood, number: flood.alice.entropy.random_bytes(100 + number % 1000),
    "tokens": lambda flood, number: flood.first_packet(number % 50, 0),
    "handshakes": lambda flood, number: flood.first_packet(number % 50, 1 + number % 50),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_flood_is_not_remembered(kind: str) -> None:
    flood = Flood()
    made = [KINDS[kind](flood, number) for number in range(50)]
    for number in range(200):
        flood.send(number, made[number % 50])
    sessions = len(flood.bob.ssu2._sessions)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(200, PACKETS):
            flood.send(number, made[number % 50])
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert held < MEMORY_MAX
    assert len(flood.bob.ssu2._sessions) == sessions == 1
    seconds = PACKETS / PACKETS_PER_S
    assert flood.replies <= RETRIES_PER_SECOND * (1 + seconds)
    assert (flood.replies == 0) == (kind == "noise")
    flood.net.run(seconds=1)
    flood.alice.links.send(flood.bob.hash, [message(1)], flood.net.now)
    assert flood.net.run(lambda: message(1) in flood.bob.messages())
    # Who dials after it is answered.
    carol = flood.net.add(Ssu2Node("carol", SocketAddress("127.0.0.4", 4003), flood.net.wall))
    carol.links.send(flood.bob.hash, [message(2)], flood.net.now)
    assert flood.net.run(lambda: message(2) in flood.bob.messages(), seconds=5)


def test_strangers_get_no_work_while_they_are_too_many() -> None:
    flood = Flood()
    bob, now = flood.bob, flood.net.now
    packet = flood.first_packet(1, 0)
    caller = SocketAddress("9.1.0.1", 1000)
    bob.ssu2.drops_strangers = True
    assert bob.ssu2.receive_run(packet * 3, len(packet), caller, now) == 3
    assert bob.stats.datagrams_shed == 3
    assert not bob.ssu2.take_output(now)
    # The link goes on, and so does a dial of ours.
    flood.alice.links.send(bob.hash, [message(1)], now)
    assert flood.net.run(lambda: message(1) in bob.messages())
    carol = flood.net.add(Ssu2Node("carol", SocketAddress("127.0.0.4", 4003), flood.net.wall))
    bob.links.send(carol.hash, [message(2)], flood.net.now)
    assert flood.net.run(lambda: message(2) in carol.messages(), seconds=5)
    bob.ssu2.drops_strangers = False
    assert bob.ssu2.receive_run(packet, len(packet), caller, flood.net.now) == 1
    assert [target for _, target in bob.ssu2.take_output(flood.net.now)] == [caller]


def test_who_is_a_peer_and_who_a_newcomer() -> None:
    flood = Flood()
    bob, alice = flood.bob.ssu2, flood.alice
    assert [address for _, address in bob.peers()] == [alice.address]
    assert not list(bob.newcomers())
    carol = Ssu2Node("carol", SocketAddress("127.0.0.4", 4003), flood.net.wall)
    carol.known[flood.bob.hash] = flood.bob.router_info
    flood.net.add(carol)
    carol.links.send(flood.bob.hash, [message(2)], flood.net.now)
    assert flood.net.run(lambda: bool(list(bob.newcomers())), seconds=5)
    assert list(bob.newcomers()) == [carol.address] == [SocketAddress("127.0.0.4", 4003)]
    assert flood.net.run(lambda: len(list(bob.peers())) == 2, seconds=5)


def test_who_repeats_what_began_his_handshake_is_a_stranger() -> None:
    flood = Flood()
    bob, now = flood.bob.ssu2, flood.net.now
    source = SocketAddress("9.1.0.1", 1000)
    token = bob.context.mint.retry_token(source, now)
    packet = flood.first_packet(1, token)
    assert [bob.receive_run(packet, len(packet), source, now) for _ in range(3)] == [1, 1, 1]
    assert list(bob.newcomers()) == [source]


@pytest.mark.parametrize("kind", KINDS)
def test_a_flood_uses_up_no_bandwidth(kind: str) -> None:
    flood = Flood()
    flood.bob.bandwidth.configure(None, 10_000.0)
    for number in range(300):
        flood.send(number, KINDS[kind](flood, number))
    assert not flood.bob.ssu2.read_pause(flood.net.now)
