"""What a client session tells its owner, and what it counts."""

from __future__ import annotations

from dataclasses import dataclass

from core.data.blinded_address import BlindedTarget
from core.data.lease_set_variants import AnyLeaseSet
from core.streaming.events import Event as StreamEvent


@dataclass(frozen=True, slots=True)
class LeaseSetFound:
    """A lookup that the application asked for ended; ``lease_set`` None: ``why`` says it."""

    target: bytes | BlindedTarget
    lease_set: AnyLeaseSet | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class ReadyChanged:
    """The session became able, or unable, to carry traffic."""

    is_ready: bool


@dataclass(frozen=True, slots=True)
class DatagramReceived:
    """A datagram for this destination, still in its wire format (see core.datagram)."""

    protocol: int
    from_port: int
    to_port: int
    payload: bytes


Event = StreamEvent | LeaseSetFound | ReadyChanged | DatagramReceived


@dataclass(slots=True)
class ClientStats:
    """What was dropped, by reason, and what passed."""

    malformed: int = 0
    no_path: int = 0
    no_lease_set: int = 0
    foreign_lease_set: int = 0
    messages_in: int = 0
    messages_out: int = 0
