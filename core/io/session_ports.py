"""What a client session asks of its engine."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from core.client import events as client_events
from core.client.config import SessionConfig
from core.client.meta_publisher import MetaPublisher
from core.client.own_lease_set import OwnLeaseSet
from core.data.blinded_address import BlindedTarget
from core.data.identity import Destination
from core.data.lease_set_layers import ClientAuthorisation
from core.datagram.manager import DatagramManager
from core.streaming.manager import StreamManager


class SessionEngine(Protocol):
    """One local destination: on this router, or on a foreign one that is reached by I2CP."""

    config: SessionConfig
    streams: StreamManager
    datagrams: DatagramManager
    own: OwnLeaseSet
    is_ready: bool
    meta: MetaPublisher | None
    """What publishes the address that several machines have together, where this router does."""

    @property
    def destination(self) -> Destination:
        """Our own public identity."""

    @property
    def why_not_ready(self) -> str:
        """What keeps the session from carrying traffic, for the user."""

    def lookup(self, target: bytes | BlindedTarget, now: float) -> None:
        """Find a destination; LeaseSetFound follows."""

    def note_unreachable(self, destination_hash: bytes, now: float) -> None:
        """A stream to it did not come about; others may have the same address."""

    def ping(self, remote_hash: bytes, payload: bytes, to_port: int, now: float) -> None:
        """Send an echo request; a Pong event follows, or nothing."""

    def authorise(self, authorisation: ClientAuthorisation | None, now: float) -> None:
        """Change who may read our encrypted lease set."""

    def set_serving(self, is_serving: bool, now: float) -> None:
        """Whether the service behind it answers; nothing is published while it does not."""

    def run(self, now: float) -> None:
        """Handle what arrived and what is due, then send what there is to send."""

    def next_event(self) -> client_events.Event | None:
        """The next thing the application should know."""


@runtime_checkable
class NamingEngine(Protocol):
    """A session on a router that has an address book of its own: one reached by I2CP."""

    def lookup_name(self, name: str, now: float) -> None:
        """Find who has a host name; LeaseSetFound follows."""
