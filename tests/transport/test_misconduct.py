"""Who breaks the protocol repeatedly is refused for a while; for others nobody is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.transport.events import PeerDisconnected, PeerFailed, RouterInfoReceived
from core.transport.links import Links
from core.transport.misconduct import (
    BAN_MAX_S,
    BAN_S,
    BROKEN_BLOCKS,
    FALSE_ROUTER_INFO,
    FORGOTTEN_S,
    OFFENCES_MAX,
    ROUTERS_MAX,
    WINDOW_S,
    Misconduct,
)
from core.transport.ntcp2 import blocks
from core.transport.ssu2.blocks import RouterInfoBlock
from core.transport.ssu2.framing import SocketAddress
from tests.support.deterministic import SeededEntropy
from tests.support.link_nodes import NETWORK_ID, Node, Wire, message, pair
from tests.support.netdb_network import build_router_info
from tests.support.ssu2_nodes import Ssu2Net, Ssu2Node
from tests.support.ssu2_path import message as ssu2_message

A = bytes(32)
#: a message that should be longer than its frame
BROKEN = bytes((blocks.BlockType.I2NP, 0xFF, 0xFF)) + bytes(20)


def offend(misconduct: Misconduct, now: float) -> list[float]:
    return [misconduct.note(A, now) for _ in range(OFFENCES_MAX)]


def test_the_third_offence_in_ten_minutes_is_a_ban_and_each_further_one_doubles_it() -> None:
    misconduct = Misconduct()
    now, bans = 1000.0, []
    for _ in range(5):
        *before, ban_s = offend(misconduct, now)
        assert before == [0.0] * (OFFENCES_MAX - 1)
        assert misconduct.note(A, now + ban_s - 1) == 0.0  # it knows of none yet
        bans.append(ban_s)
        now += ban_s
    assert bans == [BAN_S, 2 * BAN_S, 4 * BAN_S, BAN_MAX_S, BAN_MAX_S]
    assert offend(misconduct, now + FORGOTTEN_S)[-1] == BAN_S


def test_a_few_offences_are_forgiven() -> None:
    misconduct = Misconduct()
    for number in range(20):
        assert not misconduct.note(A, number * WINDOW_S / (OFFENCES_MAX - 1))


def test_the_records_are_bounded() -> None:
    misconduct = Misconduct()
    for number in range(ROUTERS_MAX + 10):
        misconduct.note(number.to_bytes(32, "big"), 1.0)
    assert len(misconduct) == ROUTERS_MAX


def forged_and_foreign() -> tuple[bytes, bytes]:
    """RouterInfos of somebody else: with a wrong signature, and of another network."""
    keys = PrivateKeys.generate_router(SeededEntropy("somebody"))
    raw = build_router_info(keys, 1_700_000_000_000).raw
    foreign = build_router_info(keys, 1_700_000_000_000, network_id=NETWORK_ID + 1)
    return spoil(raw), foreign.raw


def spoil(raw: bytes) -> bytes:
    return raw[:-1] + bytes((raw[-1] ^ 1,))


def check_banned(links: Links, router_hash: bytes, what: str, now: float) -> None:
    assert not links.is_connected(router_hash) and not links.can_try(router_hash, now)
    assert links.stats.banned == {what: 1}
    (ban,) = links.bans.current(now)
    assert (ban.key, ban.reason) == (router_hash, f"it sent {what}")
    assert 0 < ban.left_s <= BAN_S


def connected() -> tuple[Node, Node, Wire]:
    alice, bob, wire = pair()
    alice.links.send(bob.hash, [message(1)], wire.now)
    wire.run()
    return alice, bob, wire


def send_frame(sender: Node, receiver: Node, payload: bytes, wire: Wire) -> None:
    session = sender.session_with(receiver.hash)
    assert session is not None and session.connection is not None
    sealer = session.connection._sealer
    assert sealer is not None
    session.connection.output.append(sealer.seal(payload))
    session.wake()
    wire.run()


def router_info_block(raw: bytes) -> bytes:
    return blocks.write_router_info(raw)


@pytest.mark.parametrize(
    ("payload", "what"),
    [
        (BROKEN, BROKEN_BLOCKS),
        (router_info_block(forged_and_foreign()[0]), FALSE_ROUTER_INFO),
        (router_info_block(forged_and_foreign()[1]), FALSE_ROUTER_INFO),
    ],
    ids=["blocks", "signature", "network"],
)
@pytest.mark.parametrize("is_inbound", [True, False])
def test_a_neighbour_over_ntcp2(payload: bytes, what: str, is_inbound: bool) -> None:
    caller, called, wire = connected()
    bad, good = (caller, called) if is_inbound else (called, caller)
    for _ in range(OFFENCES_MAX - 1):
        send_frame(bad, good, payload, wire)
    assert good.links.is_connected(bad.hash) and not good.links.bans
    send_frame(bad, good, message_block(7) + payload, wire)
    check_banned(good.links, bad.hash, what, wire.now)
    assert good.links._table.links == {}
    # Neither way.
    good.take_events()
    good.links.send(bad.hash, [message(2)], wire.now)
    assert good.take_events() == [PeerFailed(bad.hash, "banned", 1)]
    wire.advance(30)
    bad.links.send(good.hash, [message(2)], wire.now)
    wire.run()
    assert not good.links.is_connected(bad.hash)
    # Until it is over.
    wire.advance(BAN_S, every=20)
    good.links.send(bad.hash, [message(3)], wire.now)
    wire.run()
    assert good.links.is_connected(bad.hash)


def message_block(number: int) -> bytes:
    return blocks.write_block(blocks.BlockType.I2NP, message(number))


@pytest.mark.parametrize(
    ("block", "what"),
    [
        (lambda: BROKEN, BROKEN_BLOCKS),
        (lambda: RouterInfoBlock.of(forged_and_foreign()[0], 1000).write(), FALSE_ROUTER_INFO),
        (lambda: RouterInfoBlock.of(forged_and_foreign()[1], 1000).write(), FALSE_ROUTER_INFO),
    ],
    ids=["blocks", "signature", "network"],
)
@pytest.mark.parametrize("is_inbound", [True, False])
def test_a_neighbour_over_ssu2(block: Callable[[], bytes], what: str, is_inbound: bool) -> None:
    net = Ssu2Net()
    caller = net.add(Ssu2Node("alice", SocketAddress("192.0.2.1", 4001), net.wall))
    called = net.add(Ssu2Node("bob", SocketAddress("192.0.2.2", 4002), net.wall))
    caller.links.send(called.hash, [ssu2_message(1)], net.now)
    assert net.run(lambda: len(called.messages()) > 0)
    bad, good = (caller, called) if is_inbound else (called, caller)
    for count in range(OFFENCES_MAX):
        assert good.links.is_connected(bad.hash) and not good.links.bans, count
        session = bad.session_with(good.hash)
        assert session is not None and session.connection is not None
        connection = session.connection
        packet = connection._sender.seal(block(), net.now)
        good.ssu2.receive(packet, bad.address, net.now)
        net.run(seconds=1)
    check_banned(good.links, bad.hash, what, net.now)


def test_what_broke_on_the_way_is_held_against_nobody() -> None:
    """Anybody between two routers can do that to a TCP connection."""
    alice, bob, wire = connected()
    for number in range(2 * OFFENCES_MAX):
        wire.cut = lambda data, host: spoil(data)
        bob.links.send(alice.hash, [message(number)], wire.now)
        wire.run()
        wire.cut = lambda data, host: data
        wire.advance(15)
        bob.links.send(alice.hash, [message(number)], wire.now)
        alice.links.send(bob.hash, [message(number)], wire.now)
        wire.advance(60)
    lost = [one for one in alice.take_events() if isinstance(one, PeerDisconnected)]
    assert [one.reason for one in lost] == ["aead_failure"] * 2 * OFFENCES_MAX
    assert not alice.links.bans and not bob.links.bans
    assert not alice.links.stats.banned and not bob.links.stats.banned


def test_a_handshake_in_the_name_of_another_is_held_against_nobody() -> None:
    """Mallory shows Alice's RouterInfo: as it is, and with a wrong signature."""
    alice, bob, wire = pair()
    for number, forge in enumerate((lambda raw: raw, spoil), 1):
        mallory = Node("mallory", "127.0.0.9", alice.wall)
        mallory.router_info = RouterInfo.parse(forge(alice.router_info.raw))
        mallory.known[bob.hash] = bob.router_info
        wire.nodes["127.0.0.9"] = mallory
        for _ in range(2 * OFFENCES_MAX):
            mallory.links.send(bob.hash, [message(1)], wire.now)
            wire.advance(30)
        assert bob.links.stats.handshakes_in_failed >= number * OFFENCES_MAX
    assert not bob.links.bans and not bob.links.stats.banned
    alice.links.send(bob.hash, [message(5)], wire.now)
    wire.run()
    assert bob.links.is_connected(alice.hash)


def test_a_router_info_of_a_third_is_told_as_such() -> None:
    alice, bob, wire = connected()
    bob.take_events()
    carol = Node("carol", "127.0.0.4", alice.wall).router_info
    send_frame(alice, bob, router_info_block(carol.raw), wire)
    (event,) = [one for one in bob.take_events() if isinstance(one, RouterInfoReceived)]
    assert (event.sender, event.router_info) == (alice.hash, RouterInfo.parse(carol.raw))
