"""One build under way: who may lose it, and what answers it."""

from __future__ import annotations

from dataclasses import dataclass

from core.tunnel.build import TunnelBuild
from core.tunnel.pool import TunnelPool
from core.tunnel.tunnels import OwnTunnel


@dataclass(slots=True)
class PendingBuild:
    """What was asked for, when, and through what."""

    pool: TunnelPool
    build: TunnelBuild
    is_inbound: bool
    receive_id: int
    started_at: float
    #: what carries the request of an inbound build or the answer of an outbound one, if not a link
    through: OwnTunnel | None
    is_direct: bool
    is_late: bool = False

    @property
    def hops(self) -> tuple[bytes, ...]:
        """Router hashes in path order."""
        return tuple(hop.router_hash for hop in self.build.hops)

    @property
    def neighbour(self) -> bytes:
        """The hop with a link to us."""
        return self.build.hops[-1 if self.is_inbound else 0].router_hash

    @property
    def suspect(self) -> bytes | None:
        """The neighbour; None while the tunnel at the other end may have lost the build as well."""
        through = self.through
        if through is None or not through.hops or through.last_good_at >= self.started_at:
            return self.neighbour
        return None

    def is_answer(self, message_type: int, from_router: bytes | None) -> bool:
        """An inbound build comes back as a request from its last hop, an outbound one as a reply.

        ``from_router``: the peer whose link brought it; None if it came through a tunnel.
        """
        if self.is_inbound:
            last = self.build.hops[-1].router_hash
            return message_type == self.build.message_type and from_router == last
        return message_type == self.build.message_type + 1
