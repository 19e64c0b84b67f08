"""ElGamal/AES+SessionTags between two parties: blocks, tags, acknowledgements, bounds."""

from __future__ import annotations

from collections import deque

import pytest

from core.base.errors import DecodeError
from core.base.rates import FairShares
from core.crypto.elgamal import ElGamalKey
from core.garlic import elgamal_sessions
from core.garlic.aes_block import open_block, seal_block
from core.garlic.clove_set import parse_clove_set, write_clove_set
from core.garlic.cloves import Clove, Delivery
from core.garlic.elgamal_sessions import ElGamalSessions, ReplyPath
from core.garlic.opened import RatchetCounters
from core.i2np.database import DeliveryStatus
from core.i2np.message import LIFETIME_S, MessageType
from tests.garlic.parties import clove
from tests.support.deterministic import FakeWallClock, SeededEntropy

PATH = ReplyPath(b"g" * 32, 7)
SOURCE = (None, 0)


class Party:
    def __init__(self, name: str, wall: FakeWallClock, shares: FairShares | None = None) -> None:
        self.wall = wall
        entropy = SeededEntropy(name)
        self.key = ElGamalKey.generate(entropy)
        self.counters = RatchetCounters()
        self.sessions = ElGamalSessions(wall, entropy, self.counters, shares or FairShares(100.0))
        self.sessions.use([self.key])

    def say(self, other: Party, body: bytes, now: float = 0.0, *, ack: int | None = None) -> bytes:
        return self.sessions.seal(
            other.key.public, [clove(body)], now, reply_path=PATH, ack_key=ack
        )

    def hear(self, message: bytes, now: float = 0.0) -> list[Clove]:
        cloves = (
            self.sessions.open_existing(message, now)
            if self.sessions.is_ours(message)
            else self.sessions.open_new(message, now, SOURCE)
        )
        assert cloves is not None
        return cloves


def _pair() -> tuple[Party, Party]:
    wall = FakeWallClock()
    return Party("alice", wall), Party("bob", wall)


def _acknowledge(sender: Party, cloves: list[Clove], now: float = 0.0) -> object:
    """What comes back through the tunnel that the clove names."""
    (status,) = [one for one in cloves if one.kind == Delivery.TUNNEL]
    assert (status.to_hash, status.tunnel_id) == PATH
    assert status.message_type == MessageType.GARLIC
    # Routers on the way see it.
    assert status.expiration_s == int(sender.wall.now()) + LIFETIME_S
    inner = sender.hear(status.body[4:], now)
    assert inner[0].message_type == MessageType.DELIVERY_STATUS
    return sender.sessions.acknowledged(DeliveryStatus.parse(inner[0].body).message_id, now)


def test_the_first_messages_have_an_elgamal_block_the_later_ones_a_tag() -> None:
    alice, bob = _pair()
    first = alice.say(bob, b"one", ack=5)
    assert len(first) % 16 == 514 % 16 and not bob.sessions.is_ours(first)
    cloves = bob.hear(first)
    assert [one.body for one in cloves if one.kind == Delivery.DESTINATION] == [b"one"]
    again = alice.say(bob, b"two")  # nothing is acknowledged yet
    assert [one.body for one in bob.hear(again)] == [b"two"]
    delivered = _acknowledge(alice, cloves)
    assert delivered == (bob.key.public, 5)
    assert alice.sessions.is_established(bob.key.public)
    third = alice.say(bob, b"three")
    assert len(third) % 16 == 0 and bob.sessions.is_ours(third)
    assert [one.body for one in bob.hear(third)] == [b"three"]
    assert not bob.sessions.is_ours(third)  # once only
    assert bob.sessions.open_existing(third, 0.0) is None


def test_tags_are_renewed_before_they_are_used_up_and_more_for_who_is_fast() -> None:
    alice, bob = _pair()
    _acknowledge(alice, bob.hear(alice.say(bob, b"first")))
    blocks, now = 0, 0.0
    for number in range(200):
        now += 0.2
        message = alice.say(bob, b"%d" % number, now)
        blocks += not bob.sessions.is_ours(message)
        cloves = bob.hear(message, now)
        if any(one.kind == Delivery.TUNNEL for one in cloves):
            assert _acknowledge(alice, cloves, now) is not None
    assert blocks == 0
    waiting: deque[tuple[float, list[Clove]]] = deque()
    blocks = 0
    for number in range(3000):  # each answer takes as long as 300 messages
        now += 0.001
        message = alice.say(bob, b"%d" % number, now)
        blocks += not bob.sessions.is_ours(message) and number >= 2000
        waiting.append((now + 0.3, bob.hear(message, now)))
        while waiting and waiting[0][0] <= now:
            cloves = waiting.popleft()[1]
            if any(one.kind == Delivery.TUNNEL for one in cloves):
                _acknowledge(alice, cloves, now)
    assert blocks == 0
    session = alice.sessions._outgoing.get(bob.key.public)
    assert session is not None and session.wanted == elgamal_sessions.TAGS_KEPT_MAX


def test_silence_takes_the_tags_back() -> None:
    alice, bob = _pair()
    _acknowledge(alice, bob.hear(alice.say(bob, b"first")))
    alice.say(bob, b"asks", 1.0, ack=1)
    assert alice.sessions.is_established(bob.key.public)
    message = alice.say(bob, b"later", 12.0)
    assert len(message) % 16 == 2
    alice.sessions.doubt(bob.key.public)
    assert not alice.sessions.is_established(bob.key.public)


def test_tags_end_on_both_sides() -> None:
    alice, bob = _pair()
    _acknowledge(alice, bob.hear(alice.say(bob, b"first")))
    message = alice.say(bob, b"x", 1.0)
    assert bob.sessions.open_existing(message, 961.0) is None
    assert len(alice.say(bob, b"y", 721.0)) % 16 == 2


def test_what_is_repeated_old_or_broken_is_dropped() -> None:
    wall = FakeWallClock()
    alice, bob = Party("alice", wall), Party("bob", wall)
    message = alice.say(bob, b"one")
    bob.hear(message)
    assert bob.sessions.open_new(message, 0.0, SOURCE) is None
    assert bob.counters.replayed == 1
    for at in (530, 600):
        broken = bytearray(alice.say(bob, b"x" * 50))
        broken[at] ^= 1
        assert bob.sessions.open_new(bytes(broken), 0.0, SOURCE) is None
    assert bob.counters.broken == 2
    stale = alice.say(bob, b"old")
    wall.time += 400
    assert bob.sessions.open_new(stale, 400.0, SOURCE) is None
    for junk in (b"", b"\0" * 600, b"\0" * 562, message[:514], message[:-1]):
        assert bob.sessions.open_new(junk, 400.0, SOURCE) is None
    tagged = Party("carol", wall)
    _acknowledge(alice, tagged.hear(alice.say(tagged, b"first", 400.0), 400.0), 400.0)
    forged = bytearray(alice.say(tagged, b"x" * 50, 400.0))
    forged[-1] ^= 1
    assert tagged.sessions.open_existing(bytes(forged), 400.0) is None
    assert tagged.counters.forged == 1
    forged[-1] ^= 1
    assert tagged.sessions.open_existing(bytes(forged), 400.0) is not None


def test_elgamal_is_charged_to_its_source() -> None:
    bob = Party("bob", FakeWallClock(), FairShares(0.01))
    junk = SeededEntropy(1)
    for _ in range(30):
        block = bytearray(junk.random_bytes(562))
        block[0] = block[257] = 0
        bob.sessions.open_new(bytes(block), 0.0, SOURCE)
    assert 20 <= bob.counters.over_rate < 30


def test_tags_and_sessions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = _pair()
    bob.sessions._tags = elgamal_sessions.BoundedMap(50)
    for number in range(3):
        alice.sessions.doubt(bob.key.public)
        bob.hear(alice.say(bob, b"x", 20.0 * number), 20.0 * number)
    assert len(bob.sessions._tags) == 50 and bob.counters.evicted == 70


def test_without_a_way_back_there_are_no_tags() -> None:
    alice, bob = _pair()
    message = alice.sessions.seal(bob.key.public, [clove(b"x")], 0.0, reply_path=None, ack_key=1)
    assert [one.kind for one in bob.hear(message)] == [Delivery.DESTINATION]
    assert len(bob.sessions._tags) == 0


def test_a_spare_key_is_made_when_it_is_needed() -> None:
    made = []

    def make() -> ElGamalKey:
        made.append(ElGamalKey.generate(SeededEntropy("spare")))
        return made[-1]

    sessions = ElGamalSessions(FakeWallClock(), SeededEntropy(2), RatchetCounters(), spare=make)
    assert sessions.can_be_answered and not sessions.is_in_use and not made
    assert sessions.public == made[0].public == sessions.public
    assert sessions.is_in_use and len(made) == 1
    nobody = ElGamalSessions(FakeWallClock(), SeededEntropy(3), RatchetCounters())
    assert not nobody.can_be_answered and nobody.public is None


def test_clove_sets_of_every_kind_come_back() -> None:
    cloves = [
        Clove(Delivery.LOCAL, None, None, 1, 2, 1_700_000_000, b"store"),
        Clove(Delivery.DESTINATION, b"d" * 32, None, 20, 3, 1_700_000_001, b"data"),
        Clove(Delivery.ROUTER, b"r" * 32, None, 10, 4, 1_700_000_002, b""),
        Clove(Delivery.TUNNEL, b"t" * 32, 9, 11, 5, 1_700_000_003, b"garlic"),
    ]
    data = write_clove_set(cloves, 77, 1_700_000_009_000)
    assert parse_clove_set(data) == (cloves, 77, 1_700_000_009_000)
    for size in range(len(data)):
        with pytest.raises(DecodeError):
            parse_clove_set(data[:size])
    for flags in (0x80, 0x10):
        with pytest.raises(DecodeError):
            parse_clove_set(data[:1] + bytes((flags,)) + data[2:])
    with pytest.raises(DecodeError):
        parse_clove_set(b"\xff" + data[1:])


def test_an_aes_block_says_all_it_holds() -> None:
    entropy = SeededEntropy(4)
    key, iv = entropy.random_bytes(32), entropy.random_bytes(16)
    tags = [entropy.random_bytes(32) for _ in range(3)]
    sealed = seal_block(key, iv, tags, b"payload", entropy)
    assert len(sealed) % 16 == 0
    assert open_block(key, iv, sealed) == (tags, None, b"payload")
    for broken in (b"", sealed[:-1], sealed[:32], bytes(len(sealed))):
        with pytest.raises(DecodeError):
            open_block(key, iv, broken)
