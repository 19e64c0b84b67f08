"""The order of the hops of a tunnel, and whether each can have a link with the next.

Paths are written from our neighbour outwards, whichever way the data go.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from core.data.connectivity import IPV4
from core.tunnel.candidates import Candidate


class PathOrder:
    """Our neighbour stands first, the others in an order that is fixed for a pool but unpredictable
    (tunnel-implementation.md "Peer Ordering")."""

    __slots__ = ("_is_inbound", "_key")

    def __init__(self, key: bytes, *, is_inbound: bool) -> None:
        self._key = key
        self._is_inbound = is_inbound

    def place(self, path: Sequence[Candidate], candidate: Candidate) -> list[Candidate]:
        """The path with one hop more."""
        if not path:
            return [candidate]
        return [path[0], *sorted((*path[1:], candidate), key=self._rank)]

    def fits(self, path: Sequence[Candidate], candidate: Candidate) -> bool:
        """Whether the candidate could have links with those that would stand beside it."""
        if all(self._joins(candidate, one) and self._joins(one, candidate) for one in path):
            return True
        placed = self.place(path, candidate)
        index = placed.index(candidate)
        beside = zip(placed[index - 1 : index + 1], placed[index : index + 2], strict=False)
        return all(self._joins(near, far) for near, far in beside)

    def has_common_end(self, path: Sequence[Candidate]) -> bool:
        """Whether the last hop has IPv4, as nearly everybody has whom it meets there.

        i2pd, Java: the endpoint of an outbound tunnel and the gateway of an inbound one need it.
        """
        far = path[-1]
        return bool((far.listens if self._is_inbound else far.dials) & IPV4)

    def reaches(self, path: Sequence[Candidate], beyond: Candidate) -> bool:
        """Whether the last hop and a router beyond it can have a link, in the direction of data."""
        return path[-1] is beyond or self._joins(path[-1], beyond)

    def _joins(self, near: Candidate, far: Candidate) -> bool:
        """Whether the one that sends to the other can dial it."""
        if self._is_inbound:
            return bool(far.dials & near.listens)
        return bool(near.dials & far.listens)

    def _rank(self, candidate: Candidate) -> bytes:
        return sha256(candidate.router_hash + self._key).digest()
