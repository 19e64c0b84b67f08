"""Two destinations that talk through garlic messages, with what the network may do in between."""

from __future__ import annotations

from core.crypto.x25519 import X25519Key
from core.garlic.cloves import Clove, Delivery
from core.garlic.opened import Opened
from core.garlic.sessions import RatchetSessions
from tests.support.deterministic import FakeWallClock, SeededEntropy

DESTINATION = bytes(range(32))


def clove(body: bytes) -> Clove:
    return Clove(Delivery.DESTINATION, DESTINATION, None, 20, 1, 1_700_000_060, body)


class Party:
    """One side; ``say`` seals to the other, ``hear`` opens and returns the bodies."""

    def __init__(self, name: str, wall: FakeWallClock, **options: int) -> None:
        entropy = SeededEntropy(name)
        self.static = X25519Key.generate(entropy)
        self.sessions = RatchetSessions({4: self.static}, wall, entropy, **options)
        self.other = b""

    def say(self, body: bytes, now: float = 0.0, ack_key: int | None = None) -> bytes:
        return self.sessions.seal(self.other, [clove(body)], now, ack_key=ack_key)

    def say_nothing(self, now: float = 0.0) -> bytes:
        return self.sessions.seal(self.other, [], now)

    def hear(self, message: bytes, now: float = 0.0) -> Opened:
        opened = self.sessions.open(message, now)
        assert opened is not None
        return opened

    def bodies(self, message: bytes, now: float = 0.0) -> list[bytes]:
        return [item.body for item in self.hear(message, now).cloves]


def pair(wall: FakeWallClock | None = None, **options: int) -> tuple[Party, Party]:
    """Alice and Bob who know each other's keys and have no session yet."""
    wall = wall or FakeWallClock()
    alice = Party("alice", wall, **options)
    bob = Party("bob", wall, **options)
    alice.other = bob.static.public
    bob.other = alice.static.public
    return alice, bob


def established(
    wall: FakeWallClock | None = None, now: float = 0.0, **options: int
) -> tuple[Party, Party]:
    """The same after new session, reply and Alice's first message on the session."""
    alice, bob = pair(wall, **options)
    bob.hear(alice.say(b"hello", now), now)
    alice.hear(bob.say(b"reply", now), now)
    bob.hear(alice.say(b"first", now), now)
    return alice, bob
