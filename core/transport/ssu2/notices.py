"""What the data phase of a session tells its owner, besides messages."""

from __future__ import annotations

from dataclasses import dataclass

from core.transport.ports import Confirmed, Ended, Silent, Skew, Violation
from core.transport.ssu2.framing import SocketAddress


@dataclass(slots=True)
class SeenAs:
    """The peer says from which address our packets come."""

    address: SocketAddress


@dataclass(slots=True)
class Moved:
    """The peer has a new address, and has answered there."""

    address: SocketAddress


@dataclass(slots=True)
class ReceivedBlock:
    """A block that the data phase does not know; ``blocks.parse_block`` reads it."""

    block_type: int
    data: bytes


Notice = Confirmed | Skew | Violation | Silent | Ended | SeenAs | Moved | ReceivedBlock
