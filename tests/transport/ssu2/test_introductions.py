"""Bob and Charlie facing requests of every kind: what they refuse, limit and send."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.base.errors import DecodeError
from core.data.encoding import b64encode
from core.data.router_info import RouterInfo
from core.data.transport_address import INTRODUCERS_MAX, RouterAddress
from core.transport.reachability_votes import PeerTestOutcome, PeerTestResult
from core.transport.ssu2.blocks import (
    DateTime,
    PeerTest,
    RelayIntro,
    RelayRequest,
    RelayResponse,
    RelayTag,
    RelayTagRequest,
)
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.header import LongHeader, PacketType
from core.transport.ssu2.introductions import (
    peer_test_prologue,
    relay_request_prologue,
    relay_response_prologue,
)
from core.transport.ssu2.peer_test import PER_ALICE_MAX, PROBES_SENT_MAX
from core.transport.ssu2.relay import TAGS_MAX
from core.transport.ssu2.traversal import (
    PER_HOST_MAX,
    Introduced,
    IntroductionFailed,
    KeepAlive,
    SendBlock,
    SendPacket,
    connection_ids,
    source_key,
)
from tests.support.introduction_bench import (
    ALICE_AT,
    Bench,
    FakeSession,
    Peer,
    blocks_of,
    offer,
    request,
)

# Peer tests: Bob


def test_bob_carries_what_both_sign() -> None:
    bench, alice, charlie = Bench(), Peer("alice"), Peer("charlie", "7.7.7.7")
    at_alice, at_charlie = bench.join(alice), bench.join(charlie)
    bench.tell(at_alice, request(alice, bench.me.hash))
    (action,) = bench.nat.take_actions()
    assert isinstance(action, SendBlock) and action.session is at_charlie
    assert action.router_info is alice.info
    (second,) = blocks_of(action.block)
    assert isinstance(second, PeerTest)
    assert (second.message, second.router_hash) == (2, alice.hash)
    prologue = peer_test_prologue(bench.me.hash)
    assert alice.keys.identity.verify(prologue + second.signed_data, second.signature)
    third = replace(second, message=3, router_hash=b"", signature=b"s" * 64)
    # Only the one who was asked may answer.
    bench.tell(bench.join(Peer("mallory", "6.6.6.6")), third)
    assert bench.nat.take_actions() == []
    bench.tell(at_charlie, third)
    (action,) = bench.nat.take_actions()
    assert isinstance(action, SendBlock) and action.session is at_alice
    assert action.router_info is charlie.info
    assert blocks_of(action.block) == [replace(third, message=4, router_hash=charlie.hash)]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"alice": SocketAddress("9.9.9.8", 9999)}, 5),
        ({"alice": SocketAddress("9.9.9.9", 80)}, 5),
        ({"alice": SocketAddress("192.168.1.1", 9999)}, 5),
        ({"time_s": 1_700_000_000 - 61}, 1),
        ({"time_s": 1_700_000_000 + 61}, 1),
        ({"version": 1}, 1),
    ],
)
def test_bob_refuses(changes: dict[str, object], code: int) -> None:
    bench, alice = Bench(), Peer("alice")
    session = bench.join(alice)
    bench.join(Peer("charlie", "7.7.7.7"))
    bench.tell(session, request(alice, bench.me.hash, **changes))
    ((to, block),) = bench.sent()
    assert to is session and isinstance(block, PeerTest)
    assert (block.message, block.code, block.router_hash) == (4, code, bytes(32))


def test_bob_refuses_what_alice_has_not_signed() -> None:
    bench, alice = Bench(), Peer("alice")
    session = bench.join(alice)
    bench.tell(session, request(alice, b"b" * 32))
    ((_, block),) = bench.sent()
    assert isinstance(block, PeerTest) and block.code == 4


@pytest.mark.parametrize(
    "other",
    [
        Peer("old", "7.7.7.7", version="0.9.61"),
        Peer("no caps", "7.7.7.7", caps="C4"),
        Peer("same host", "9.9.9.9"),
        Peer("hidden", ""),
    ],
)
def test_bob_has_no_charlie(other: Peer) -> None:
    bench, alice = Bench(), Peer("alice")
    bench.join(other)
    bench.tell(bench.join(alice), request(alice, bench.me.hash))
    ((_, block),) = bench.sent()
    assert isinstance(block, PeerTest) and block.code == 2


def test_bob_asks_another_charlie_and_limits_alice() -> None:
    bench, alice = Bench(), Peer("alice")
    session = bench.join(alice)
    for number in range(5):
        bench.join(Peer(f"charlie {number}", f"7.7.7.{number + 1}"))
    bench.tell(session, request(alice, bench.me.hash))
    asked = []
    for _ in range(3):
        ((charlie, block),) = bench.sent()
        assert isinstance(block, PeerTest) and block.message == 2
        asked.append(charlie)
        bench.tell(charlie, replace(block, message=3, code=68, router_hash=b""))
    assert len(set(map(id, asked))) == 3
    ((to, block),) = bench.sent()
    assert to is session and isinstance(block, PeerTest) and block.code == 68
    codes = []
    for nonce in range(10, 10 + PER_ALICE_MAX):
        bench.tell(session, request(alice, bench.me.hash, nonce))
        ((_, block),) = bench.sent()
        codes.append(block.code if isinstance(block, PeerTest) else None)
    assert codes == [0] * (PER_ALICE_MAX - 1) + [3]
    # A copy is not answered at all.
    bench.tell(session, request(alice, bench.me.hash))
    assert bench.sent() == []


# Peer tests: Charlie


def second(bench: Bench, alice: Peer, bob: Peer, nonce: int = 7, /, **changes: object) -> PeerTest:
    """Message 2."""
    block = request(alice, bob.hash, nonce, **changes)
    return replace(block, message=2, router_hash=alice.hash)


def test_charlie_tries_thrice_and_answers_the_host_under_test() -> None:
    bench, alice, bob = Bench(), Peer("alice"), Peer("bob", "7.7.7.7")
    bench.known[alice.hash] = alice.info
    session = bench.join(bob)
    bench.tell(session, second(bench, alice, bob))
    answer, probe = bench.nat.take_actions()
    assert isinstance(answer, SendBlock) and isinstance(probe, SendPacket)
    (third,) = blocks_of(answer.block)
    assert isinstance(third, PeerTest) and (third.message, third.code) == (3, 0)
    prologue = peer_test_prologue(bob.hash, alice.hash)
    assert bench.me.keys.identity.verify(prologue + third.signed_data, third.signature)
    assert probe.address == ALICE_AT and probe.intro_key == alice.intro_key
    assert (probe.destination_id, probe.source_id) == (0x0000000700000007, 0xFFFFFFF8FFFFFFF8)
    sent = 1
    for _ in range(10):
        bench.pass_time(2)
        sent += len(bench.packets())
        if sent == 2:
            break
    sixth = replace(request(alice, bob.hash), message=6)
    header = LongHeader(probe.source_id, 1, PacketType.PEER_TEST, probe.destination_id, 1, 2)
    blocks = [DateTime.at(bench.wall.time), sixth]
    bench.nat.packet_received(header, blocks, SocketAddress("6.6.6.6", 9999), bench.now)
    assert bench.packets() == []
    moved = ALICE_AT._replace(port=1234)
    bench.nat.packet_received(header, blocks, moved, bench.now)
    ((packet, (_, seen, seventh)),) = bench.packets()
    assert packet.address == moved and getattr(seen, "address", None) == moved
    assert isinstance(seventh, PeerTest) and seventh.message == 7
    # Once she has answered nothing is repeated.
    bench.pass_time(10)
    assert bench.packets() == []


def test_charlie_gives_up() -> None:
    bench, alice, bob = Bench(), Peer("alice"), Peer("bob", "7.7.7.7")
    bench.known[alice.hash] = alice.info
    bench.tell(bench.join(bob), second(bench, alice, bob))
    sent = 0
    for _ in range(30):
        sent += len(bench.packets())
        bench.pass_time(1)
    assert sent == PROBES_SENT_MAX


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"alice": SocketAddress("10.0.0.1", 9999)}, 65),
        ({"alice": SocketAddress("127.0.0.1", 9999)}, 65),
        ({"alice": SocketAddress("9.9.9.9", 53)}, 65),
        ({"alice": SocketAddress("2a00::1", 9999)}, 65),
        ({"time_s": 1_700_000_000 - 61}, 64),
    ],
)
def test_charlie_refuses(changes: dict[str, object], code: int) -> None:
    bench, alice, bob = Bench(), Peer("alice"), Peer("bob", "7.7.7.7")
    bench.known[alice.hash] = alice.info
    bench.tell(bench.join(bob), second(bench, alice, bob, **changes))
    (action,) = bench.nat.take_actions()
    assert isinstance(action, SendBlock)
    (block,) = blocks_of(action.block)
    assert isinstance(block, PeerTest) and block.code == code


def test_charlie_refuses_forgeries_and_those_it_knows() -> None:
    bench, alice, bob = Bench(), Peer("alice"), Peer("bob", "7.7.7.7")
    bench.known[alice.hash] = alice.info
    session = bench.join(bob)
    codes = []

    def ask(block: PeerTest) -> None:
        bench.tell(session, block)
        codes.extend(getattr(one, "code", None) for _, one in bench.sent())

    ask(replace(second(bench, alice, bob), signature=b"x" * 64))
    ask(second(bench, alice, bob, 8))
    # She has just been sent something, so nothing that she gets would prove anything.
    ask(second(bench, alice, bob, 9))
    ask(second(bench, alice, bob, 9))
    assert codes == [67, 0, 68]


def test_charlie_waits_for_alices_router_info() -> None:
    bench, alice, bob = Bench(), Peer("alice"), Peer("bob", "7.7.7.7")
    session = bench.join(bob)
    bench.tell(session, second(bench, alice, bob))
    assert bench.nat.take_actions() == []
    bench.known[alice.hash] = alice.info
    assert bench.nat.next_timer() <= bench.now + 0.25
    bench.pass_time(0.25)
    ((_, block),) = bench.sent()
    assert isinstance(block, PeerTest) and block.code == 0
    stranger = Peer("stranger")
    bench.tell(session, second(bench, stranger, bob))
    bench.pass_time(2)
    assert [getattr(block, "code", None) for _, block in bench.sent()] == [70]


def test_charlie_limits_what_a_host_gets() -> None:
    bench, bob = Bench(), Peer("bob", "7.7.7.7")
    session = bench.join(bob)
    codes = []
    for number in range(PER_HOST_MAX + 1):
        alice = Peer(f"alice {number}")
        bench.known[alice.hash] = alice.info
        bench.tell(session, second(bench, alice, bob, number + 1))
        codes += [getattr(block, "code", None) for _, block in bench.sent()]
    assert codes == [0] + [68] * (PER_HOST_MAX - 1) + [66]


# Peer tests: Alice


def test_message_5_from_elsewhere_is_no_proof() -> None:
    """Bob knows the nonce and reaches Alice: he must not pass for Charlie."""
    bench, bob, charlie = Bench(), Peer("bob", "7.7.7.7"), Peer("charlie", "6.6.6.6")
    bench.known[charlie.hash] = charlie.info
    session = bench.join(bob, is_outbound=True)
    bench.pass_time(6)
    ((_, first),) = bench.sent()
    assert isinstance(first, PeerTest)
    signed = peer_test_prologue(bob.hash, bench.me.hash) + first.signed_data
    fourth = replace(
        first, message=4, router_hash=charlie.hash, signature=charlie.keys.sign(signed)
    )
    destination, source = connection_ids(first.nonce)
    header = LongHeader(destination, 1, PacketType.PEER_TEST, source, 1, 2)

    def come(message: int, host: str) -> None:
        blocks = [DateTime.at(bench.wall.time), replace(first, message=message)]
        bench.nat.packet_received(header, blocks, SocketAddress(host, 9999), bench.now)

    come(5, "7.7.7.7")
    bench.tell(session, fourth)
    come(5, "7.7.7.7")
    assert bench.packets() == []
    bench.pass_time(7)
    ((sixth, _),) = bench.packets()
    assert sixth.address == SocketAddress("6.6.6.6", 9999)
    # Now the way is open, and what comes late proves nothing either.
    come(5, "6.6.6.6")
    bench.pass_time(20)
    assert bench.stats.peer_tests == {"unknown": 1}
    header = replace(header, source_id=5)
    with pytest.raises(DecodeError):
        come(5, "6.6.6.6")


# Introductions


def test_tags_are_for_those_who_dialled_and_end_with_their_session() -> None:
    bench = Bench()
    charlie = Peer("charlie", router_caps="LU")
    session = bench.join(charlie)
    bench.tell(session, RelayTagRequest())
    bench.tell(session, RelayTagRequest())
    (_, first), (_, again) = bench.sent()
    assert isinstance(first, RelayTag) and first == again
    for refused in (
        bench.join(Peer("dialled", router_caps="LU"), is_outbound=True),
        bench.join(Peer("reachable", "7.7.7.7")),
    ):
        bench.tell(refused, RelayTagRequest())
    assert bench.sent() == []
    for number in range(TAGS_MAX + 5):
        bench.tell(bench.join(Peer(f"peer {number}", router_caps="LU")), RelayTagRequest())
    assert len(bench.sent()) == TAGS_MAX - 1
    del bench.sessions[charlie.hash]
    alice = Peer("alice")
    bench.tell(bench.join(alice), offer(alice, bench.me.hash, charlie.hash, first.tag))
    ((_, block),) = bench.sent()
    assert isinstance(block, RelayResponse) and block.code == 5
    bench.gives_tags = False
    bench.tell(bench.join(Peer("late", router_caps="LU")), RelayTagRequest())
    assert bench.sent() == []


def test_bob_introduces_whom_he_can_vouch_for() -> None:
    bench, alice, charlie = Bench(), Peer("alice"), Peer("charlie", router_caps="LU")
    at_charlie, at_alice = bench.join(charlie), bench.join(alice)
    bench.tell(at_charlie, RelayTagRequest())
    ((_, tag),) = bench.sent()
    assert isinstance(tag, RelayTag)
    good = offer(alice, bench.me.hash, charlie.hash, tag.tag)
    codes = []
    for number, bad in enumerate(
        (
            offer(alice, bench.me.hash, charlie.hash, 1 + tag.tag, nonce=100),
            offer(alice, bench.me.hash, b"c" * 32, tag.tag, nonce=101),
            offer(
                alice, bench.me.hash, charlie.hash, tag.tag,
                nonce=102, alice=SocketAddress("9.9.9.8", 9999),
            ),
            offer(alice, bench.me.hash, charlie.hash, tag.tag, nonce=103, time_s=1_699_999_000),
        )
    ):  # fmt: skip
        bench.tell(at_alice, bad)
        ((to, block),) = bench.sent()
        assert to is at_alice and isinstance(block, RelayResponse)
        assert block.nonce == 100 + number
        signed = relay_response_prologue(bench.me.hash) + block.signed_data
        assert bench.me.keys.identity.verify(signed, block.signature)
        codes.append(block.code)
    assert codes == [5, 4, 1, 1]
    bench.tell(at_alice, good)
    (action,) = bench.nat.take_actions()
    assert isinstance(action, SendBlock) and action.router_info is alice.info
    assert action.session is at_charlie
    assert blocks_of(action.block) == [RelayIntro(alice.hash, good.offer, good.signature)]
    bench.tell(at_alice, good)
    assert bench.nat.take_actions() == []
    response = RelayResponse(0, 7, 1, 2, ALICE_AT, b"s" * 64, 5)
    bench.tell(bench.join(Peer("mallory", "7.7.7.7")), response)
    assert bench.sent() == []
    bench.tell(at_charlie, response)
    assert bench.sent() == [(at_alice, response)]


def firewalled() -> tuple[Bench, Peer, FakeSession]:
    """A router behind a firewall, and one that introduces it under tag 3."""
    bench, bob = Bench(), Peer("bob", "7.7.7.7")
    session = bench.join(bob, is_outbound=True)
    for number in range(2):
        result = PeerTestResult(
            PeerTestOutcome.FIREWALLED, False, ALICE_AT, None, b"b", b"c", f"1.1.1.{number}"
        )
        bench.votes.tested("ssu2", result, bench.now)
    bench.pass_time(0)
    bench.tell(session, RelayTag(3))
    assert [one.tag for one in bench.nat.introducers(False)] == [3]
    (alive,) = [one for one in bench.nat.take_actions() if isinstance(one, KeepAlive)]
    assert alive.session is session and 15 <= alive.interval_s <= 19
    return bench, bob, session


def intro(bench: Bench, alice: Peer, bob: Peer, /, **changes: object) -> RelayIntro:
    block = offer(alice, bob.hash, bench.me.hash, 3, **changes)
    return RelayIntro(alice.hash, block.offer, block.signature)


def test_charlie_punches_once() -> None:
    bench, bob, session = firewalled()
    alice = Peer("alice")
    bench.known[alice.hash] = alice.info
    bench.tell(session, intro(bench, alice, bob))
    answer, punch = bench.nat.take_actions()
    assert isinstance(answer, SendBlock) and isinstance(punch, SendPacket)
    (response,) = blocks_of(answer.block)
    assert isinstance(response, RelayResponse)
    assert (response.code, response.token) == (0, 4711)
    assert response.charlie == SocketAddress("8.8.4.4", 9999)
    assert punch.packet_type == PacketType.HOLE_PUNCH and punch.address == ALICE_AT
    assert response in blocks_of(punch.payload) and len(punch.payload) < 250
    bench.tell(session, intro(bench, alice, bob))
    for _ in range(20):
        bench.pass_time(1)
    assert bench.packets() == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"alice": SocketAddress("192.168.1.1", 9999)}, 65),
        ({"alice": SocketAddress("224.0.0.1", 9999)}, 65),
        ({"alice": SocketAddress("9.9.9.9", 53)}, 65),
        ({"time_s": 1_699_999_000}, 64),
        ({"relay_tag": 4}, 64),
    ],
)
def test_charlie_refuses_introductions(changes: dict[str, object], code: int) -> None:
    bench, bob, session = firewalled()
    alice = Peer("alice")
    bench.known[alice.hash] = alice.info
    bench.tell(session, intro(bench, alice, bob, **changes))
    (action,) = bench.nat.take_actions()
    assert isinstance(action, SendBlock)
    (block,) = blocks_of(action.block)
    assert isinstance(block, RelayResponse)
    assert (block.code, block.token) == (code, None)


def test_introducers_are_few_and_from_different_hosts() -> None:
    bench, _, _ = firewalled()
    for number in range(6):
        other = Peer(f"other {number}", f"7.7.8.{number // 2 + 1}")
        bench.tell(bench.join(other, is_outbound=True), RelayTag(10 + number))
    tags = [one.tag for one in bench.nat.introducers(False)]
    assert tags == [3, 10, 12] and len(tags) == INTRODUCERS_MAX
    floodfill = Peer("floodfill", "7.7.9.1", router_caps="LRf")
    assert not bench.nat.wants_tag(floodfill.info, False)
    # Those that nobody asked for are no introducers.
    assert not bench.nat.wants_tag(Peer("no caps", "7.7.9.2", caps="B4").info, False)


def introduced() -> tuple[Bench, Peer, Peer, FakeSession, RelayRequest]:
    """We are Alice, and have asked Bob for Charlie."""
    bench, bob = Bench(), Peer("bob", "7.7.7.7")
    charlie = Peer("charlie", router_caps="LU")
    (address,) = charlie.info.addresses
    options = {**address.options, "ih0": b64encode(bob.hash), "itag0": "3", "iexp0": "1700001000"}
    charlie.info = RouterInfo.build(
        charlie.keys, 1, [RouterAddress(8, 0, "SSU2", options)], charlie.info.options
    )
    assert bench.nat.introduce(charlie.info, (), bench.now) is None
    assert bench.nat.introducers_to_dial(charlie.info) == [bob.hash]
    session = bench.join(bob, is_outbound=True)
    assert bench.nat.introduce(charlie.info, (bob.hash,), bench.now) is None
    assert bench.nat.introduce(charlie.info, (), bench.now) == bob.hash
    ((_, block),) = bench.sent()
    assert isinstance(block, RelayRequest) and block.offer.relay_tag == 3
    signed = relay_request_prologue(bob.hash, charlie.hash) + block.signed_data
    assert bench.me.keys.identity.verify(signed, block.signature)
    return bench, bob, charlie, session, block


def agreement(charlie: Peer, bob: Peer, nonce: int, at: SocketAddress) -> RelayResponse:
    block = RelayResponse(0, nonce, 1_700_000_000, 2, at, b"", 99)
    signed = relay_response_prologue(bob.hash) + block.signed_data
    return replace(block, signature=charlie.keys.sign(signed))


def test_alice_takes_the_address_of_the_hole_punch() -> None:
    bench, bob, charlie, session, block = introduced()
    nonce = block.offer.nonce
    said, real = SocketAddress("5.5.5.5", 2000), SocketAddress("5.5.5.5", 3000)
    response = agreement(charlie, bob, nonce, said)
    bench.tell(session, response)
    doubled, inverse = connection_ids(nonce)
    (told,) = bench.nat.take_actions()
    assert told == Introduced(charlie.hash, said, 99, inverse, doubled)
    header = LongHeader(doubled, 1, PacketType.HOLE_PUNCH, inverse, 1, 2)
    blocks = [DateTime.at(bench.wall.time), response]
    for _ in range(2):
        bench.nat.packet_received(header, blocks, real, bench.now)
    (told,) = bench.nat.take_actions()
    assert told == Introduced(charlie.hash, real, 99, inverse, doubled)
    with pytest.raises(DecodeError):
        bench.nat.packet_received(header, [response], real, bench.now)
    with pytest.raises(DecodeError):
        forged = replace(response, signature=b"x" * 64)
        bench.nat.packet_received(header, [blocks[0], forged], real, bench.now)


def test_alice_is_told_when_it_fails() -> None:
    bench, bob, charlie, session, block = introduced()
    private = agreement(charlie, bob, block.offer.nonce, SocketAddress("10.0.0.1", 2000))
    bench.tell(session, private)
    (failed,) = bench.nat.take_actions()
    assert isinstance(failed, IntroductionFailed) and failed.router_hash == charlie.hash
    bench, bob, charlie, session, block = introduced()
    bench.pass_time(9)
    failures = [one for one in bench.nat.take_actions() if isinstance(one, IntroductionFailed)]
    assert [one.reason for one in failures] == ["nobody answered"]


def test_one_host_is_64_bits_of_ipv6() -> None:
    assert source_key("2001:db8::1") == source_key("2001:db8::ffff:1")
    assert source_key("2001:db8::1") != source_key("2001:db8:0:1::1")
    assert source_key("1.2.3.4") != source_key("1.2.3.5")
