"""What a client session tells its owner, and what it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.data.blinded_address import BlindedTarget
from core.data.identity import Destination
from core.data.lease_set_variants import AnyLeaseSet
from core.datagram.manager import Mailbox
from core.streaming.manager import StreamEvent


@dataclass(frozen=True, slots=True)
class FoundDestination:
    """What a foreign router tells of a destination that it found. ``options``: if asked for."""

    destination: Destination
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LeaseSetFound:
    """A lookup that the application asked for ended; ``lease_set`` None: ``why`` says it.

    ``why`` is a code of Unavailable, as core.client.blinded has them. ``target`` is text if a
    foreign router was asked for a host name.
    """

    target: bytes | BlindedTarget | str
    lease_set: AnyLeaseSet | FoundDestination | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class ReadyChanged:
    """The session became able, or unable, to carry traffic."""

    is_ready: bool


@dataclass(frozen=True, slots=True)
class DatagramsArrived:
    """``mailbox`` has something new."""

    mailbox: Mailbox


Event = StreamEvent | LeaseSetFound | ReadyChanged | DatagramsArrived


@dataclass(slots=True)
class ClientStats:
    """What was dropped, by reason, and what passed."""

    malformed: int = 0
    no_path: int = 0
    no_lease_set: int = 0
    foreign_lease_set: int = 0
    messages_in: int = 0
    messages_out: int = 0
    inbox_full: int = 0
