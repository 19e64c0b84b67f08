"""Our own lease set: built from the live inbound tunnels whenever they change."""

from __future__ import annotations

from collections.abc import Iterable

from core.base.ports import WallClock
from core.crypto.x25519 import X25519Key
from core.data.certificate import CryptoType
from core.data.lease_set import LEASES_MAX, Lease, LeaseSet2
from core.data.private_keys import PrivateKeys
from core.tunnel.tunnels import InboundTunnel

#: Tunnels built within this time go into one lease set.
SETTLE_S = 0.5


class OwnLeaseSet:
    """Builds lease sets with growing publication dates (peers keep the newest by its second)."""

    __slots__ = ("_is_published", "_keys", "_static", "_wall", "current", "due_at")

    def __init__(
        self, keys: PrivateKeys, static: X25519Key, is_published: bool, wall: WallClock
    ) -> None:
        self._keys = keys
        self._static = static
        self._is_published = is_published
        self._wall = wall
        self.current: LeaseSet2 | None = None
        self.due_at: float | None = None
        """Monotonic time at which a new one should be built."""

    @property
    def published_s(self) -> int:
        """The second in which the current one was made; 0 if there is none."""
        return 0 if self.current is None else self.current.published_ms // 1000

    def tunnels_changed(self, now: float) -> None:
        """Build soon: at once for the first tunnel, else after others had time to join."""
        due = now if self.current is None else now + SETTLE_S
        self.due_at = due if self.due_at is None else min(self.due_at, due)

    def build(self, tunnels: Iterable[InboundTunnel]) -> LeaseSet2 | None:
        """A new one over ``tunnels``; None if none of them is alive."""
        self.due_at = None
        wall_s = self._wall.now()
        leases = sorted(
            (
                Lease(tunnel.gateway_hash, tunnel.gateway_tunnel_id, tunnel.expires_ms)
                for tunnel in tunnels
                if tunnel.expires_ms > wall_s * 1000
            ),
            key=lambda lease: -lease.end_ms,
        )[:LEASES_MAX]
        if not leases:
            return None
        published_s = max(int(wall_s), self.published_s + 1)
        self.current = LeaseSet2.build(
            self._keys,
            [(CryptoType.X25519, self._static.public)],
            leases,
            published_s * 1000,
            leases[0].end_ms,
            unpublished=not self._is_published,
        )
        return self.current
