"""What the network database needs to know about links and tunnels, and its own settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core.data.router_info import RouterInfo
from core.netdb.events import Owner


class PeerView(Protocol):
    """What the link room knows of other routers."""

    def can_dial(self, info: RouterInfo) -> bool:
        """Whether the router publishes an address that a link could be made to now."""
        ...

    def is_connected(self, router_hash: bytes) -> bool:
        """Whether a link to the router is up."""
        ...

    def is_banned(self, router_hash: bytes) -> bool:
        """Whether the router must not be contacted, by whatever way."""
        ...

    def is_resting(self, router_hash: bytes) -> bool:
        """Whether dialling the router just failed: others may reach it all the same."""
        ...


class ReplyPaths(Protocol):
    """What the tunnel room knows of tunnels."""

    def inbound(self, owner: Owner) -> tuple[bytes, int] | None:
        """Gateway hash and gateway tunnel id of a live inbound tunnel, or None.

        Should rotate: Java answers at most 14 lookups in two minutes for one gateway and id.
        """
        ...

    def has_outbound(self, owner: Owner) -> bool:
        """Whether a message could leave through a tunnel of ``owner`` now."""
        ...


@dataclass(slots=True)
class FloodfillRole:
    """Whether this router is a floodfill now; shared by all parts of its netDb."""

    is_active: bool = False
    since: float | None = None
    """Monotonic time at which the role was taken over; None: it was there from the start."""


@dataclass(frozen=True, slots=True)
class NetDbConfig:
    """Settings of one router's network database."""

    network_id: int = 2
    is_floodfill: bool = False
    """At the start; :meth:`~core.netdb.facade.NetDb.set_floodfill` changes it."""
    routers_max: int = 50_000
    lease_sets_max: int = 20_000
    """Lease sets kept for others, as a floodfill."""
    client_lease_sets_max: int = 1_000
    """Lease sets kept for each local owner."""
    is_exploring: bool = True
