"""What streams and datagrams of a destination need below them: something that carries payloads.

:class:`~core.client.sending.Sending` carries them over this router's tunnels. Another form of it
may hand them to a foreign router by I2CP: nothing above knows which.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from core.data.lease_set_variants import ClearLeaseSet, SingleLeaseSet
from core.tunnel.tunnels import InboundTunnel


class DestinationNetwork(Protocol):
    """Carries payloads of one local destination to others, without any promise.

    Payloads are those of I2CP and of Data messages: gzip, with protocol and ports in its header.
    ``remote_hash`` is the SHA-256 of the other destination, ``now`` monotonic seconds.
    """

    def send(
        self,
        remote_hash: bytes,
        payloads: Sequence[bytes],
        now: float,
        *,
        is_datagram: bool,
        in_order: bool,
    ) -> None:
        """Send ``payloads`` as soon as a lease set is known; of too many that wait, the oldest are
        dropped.

        ``is_datagram``: a datagram is among them, so nothing above learns whether they arrive.
        ``in_order``: a stream begins, whose packets should not overtake each other.
        """

    def budget(self, remote_hash: bytes, in_flight: int, now: float) -> int | None:
        """How many stream packets the way to a destination takes now; None: any number.

        ``in_flight`` packets are neither acknowledged nor lost. With too few for data, streams wait
        for :meth:`retry_at`.
        """

    def retry_at(self, remote_hash: bytes, now: float) -> float:
        """When a spent budget should be looked at again; infinity if there is no reason to."""

    def note_delivered(
        self, remote_hash: bytes, packets: int, round_trip_s: float, now: float
    ) -> None:
        """So many stream packets were acknowledged since the last call."""

    def suspect_path(self, remote_hash: bytes, now: float) -> None:
        """What was sent lately did not arrive: take another way if there is one."""


class StreamPaths(Protocol):
    """What the ways to a destination have to do with the streams to it.

    Where the streams are somebody else's, as those of I2CP clients, there are none to be seen.
    """

    def has_streams(self, remote_hash: bytes) -> bool:
        """True if a stream to that peer lives."""

    def probe(self, remote_hash: bytes) -> bool:
        """Have something under way that the peer must acknowledge; False if no stream can."""

    def path_changed(self, remote_hash: bytes, now: float) -> None:
        """The peer is reached another way than before."""


class LeaseSetSource(Protocol):
    """Our own lease set, whoever signs it."""

    is_urgent: bool
    """No lease of the one before is left."""
    due_at: float | None
    """Monotonic time at which a new one should be made; None if nothing changes."""

    @property
    def current(self) -> ClearLeaseSet | None:
        """The newest, in the clear; None if there is none."""

    @property
    def published(self) -> SingleLeaseSet | None:
        """What to store in the netDb for ``current``."""

    @property
    def published_s(self) -> int:
        """The second in which the newest one was made; 0 if there is none."""

    def for_elgamal(self, public: bytes) -> ClearLeaseSet | None:
        """As ``current``, with the ElGamal key ``public`` in it; None if it has another or none."""

    def build(self, tunnels: Iterable[InboundTunnel], now: float) -> object:
        """Make a new one over ``tunnels``; None if that is not possible now."""

    def tunnels_changed(self, now: float) -> None:
        """Our inbound tunnels are others than before."""
