"""Whether the peer is at a new address (specs/ssu2, "Connection Migration").

A genuine packet from another address may come from the peer behind a translator that chose another
port, or from somebody who passes its packets on. So the address is asked with random data, which
only the peer can read; until it answers, and if it does not, nothing changes.
"""

from __future__ import annotations

from core.transport.ssu2.framing import SocketAddress

CHALLENGE_BYTES = 8
CHALLENGES_MAX = 4
#: for how long an address that did not answer is not asked again
REFUSED_S = 30.0


class PathValidation:
    """One address that is being asked. ``ask_at``: when to ask (again)."""

    __slots__ = ("address", "ask_at", "asked", "challenge")

    def __init__(self, address: SocketAddress, challenge: bytes, now: float) -> None:
        self.address = address
        self.challenge = challenge
        self.asked = 0
        self.ask_at = now

    @property
    def is_over(self) -> bool:
        """Whether it was asked as often as it may be."""
        return self.asked >= CHALLENGES_MAX

    def ask(self, timeout_s: float, now: float) -> None:
        """A challenge leaves now; the wait for an answer doubles."""
        self.ask_at = now + timeout_s * (1 << self.asked)
        self.asked += 1
