"""Where the sessions hand what they do not understand themselves: relay, peer test, our address."""

from __future__ import annotations

from typing import Protocol

from core.transport.ssu2.blocks import Block
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.session import Ssu2Session
from core.transport.stats import LinkStats


class Introductions(Protocol):
    """Who introduces routers to each other and tests addresses."""

    def block_received(self, session: Ssu2Session, block: Block, now: float) -> None:
        """A block of relay or peer test, a relay tag, or the request for one."""
        ...

    def packet_received(self, packet: bytes, source: SocketAddress, now: float) -> None:
        """A PeerTest or HolePunch outside a session, under our introduction key.

        DecodeError if it is not genuine.
        """
        ...

    def seen_as(self, session: Ssu2Session, address: SocketAddress, now: float) -> None:
        """A peer says from which address our packets come."""
        ...


class NoIntroductions:
    """Counts what comes, and does nothing."""

    def __init__(self, stats: LinkStats) -> None:
        self._stats = stats

    def block_received(self, session: Ssu2Session, block: Block, now: float) -> None:
        """See :class:`Introductions`."""
        self._stats.blocks_unknown += 1

    def packet_received(self, packet: bytes, source: SocketAddress, now: float) -> None:
        """See :class:`Introductions`."""
        self._stats.packets_malformed += 1

    def seen_as(self, session: Ssu2Session, address: SocketAddress, now: float) -> None:
        """See :class:`Introductions`."""
