"""The order of the hops of a tunnel, and whether each can have a link with the next.

Paths are written from our neighbour outwards, whichever way the data go.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from core.data.connectivity import IPV4
from core.tunnel.candidates import Candidate

_NEAR_RANKS = 64
"""Of 256: the part of all routers that may be neighbours of ours (Java: one of four slices)."""
_GROUP_MIN, _NEAR_MIN = 24, 6
"""To choose among fewer routers, or neighbours, shows more than it hides."""


class PathOrder:
    """The order of routers that is fixed for a pool but unpredictable (tunnel-implementation.md
    "Peer Ordering").

    The first quarter of it is where our neighbours come from, who stand first; all others stand
    behind them, in that order. So who is next to us in one tunnel is at the far end of none, and a
    pool meets few neighbours in its life.
    """

    __slots__ = ("_is_inbound", "_key")

    def __init__(self, key: bytes, *, is_inbound: bool) -> None:
        self._key = key
        self._is_inbound = is_inbound

    def place(self, path: Sequence[Candidate], candidate: Candidate) -> list[Candidate]:
        """The path with one hop more."""
        if not path:
            return [candidate]
        return [path[0], *sorted((*path[1:], candidate), key=self._rank)]

    def share(self, path: Sequence[Candidate], group: list[Candidate]) -> list[Candidate]:
        """Those of the group that may stand next in this pool; all, if that were too few."""
        if not self._key or len(group) < _GROUP_MIN:
            return group
        is_near = not path
        suited = [one for one in group if (self._rank(one)[0] < _NEAR_RANKS) == is_near]
        return suited if len(suited) >= _NEAR_MIN else group

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
