"""What tunnel machines need from other rooms: declared here, implemented by the router.

Messages handed to a sealer are in short form, which is also how a garlic clove carries a message:
``type 1 | id 4 | expiration seconds 4 | body``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Protocol

from core.data.router_info import RouterInfo


class GarlicSealer(Protocol):
    """Wraps one message as one garlic clove with LOCAL delivery.

    Both return the garlic data, without the 4-byte length that a Garlic message (type 11) begins
    with.
    """

    def seal_one_shot(self, tag: bytes, key: bytes, message: bytes) -> bytes:
        """For whoever registered ``tag`` (8 bytes) and ``key`` (32 bytes), once."""
        ...

    def seal_to_router(self, public_key: bytes, message: bytes) -> bytes:
        """For the router with this X25519 key (32 bytes): Noise N."""
        ...


class RouterDirectory(Protocol):
    """The routers we know (netdb)."""

    def get_router(self, router_hash: bytes) -> RouterInfo | None:
        """None if it is not known."""

    def routers(self) -> Iterable[RouterInfo]:
        """Every known one, in no particular order."""


class PeerOpinions(Protocol):
    """What we experienced with routers (peers)."""

    @property
    def connected(self) -> Set[bytes]:
        """Routers with a link that is up."""
        ...

    @property
    def proven(self) -> Sequence[bytes]:
        """Routers known to exist: they had a link to us, or were hops of ours."""
        ...

    def is_proven(self, router_hash: bytes) -> bool:
        """Whether the router is one of these."""
        ...

    @property
    def served(self) -> Sequence[bytes]:
        """Routers that carried something for us, and did not let us down since."""
        ...

    def has_served(self, router_hash: bytes) -> bool:
        """Whether the router is one of these."""
        ...

    def is_connected(self, router_hash: bytes) -> bool:
        """True if a link to the router is up."""
        ...

    def was_heard(self, router_hash: bytes, since: float) -> bool:
        """Whether something came over the link with it since a time when it was there."""
        ...

    def is_usable(self, router_hash: bytes, now: float) -> bool:
        """False for routers that are banned, unreachable, or lately decline or fail."""
        ...

    def is_restarting(self, router_hash: bytes, now: float) -> bool:
        """A proven router that cannot be reached just now, and probably can in a moment."""
        ...

    @property
    def are_builds_lost(self) -> bool:
        """Whether half of our own builds and tests get lost of late."""
        ...

    @property
    def strangers_rate(self) -> float:
        """How often routers that are not proven do what we ask, 0 to 1."""
        ...

    @property
    def untried_rate(self) -> float:
        """How often routers that never served us do what we ask, proven or not, 0 to 1."""
        ...

    def weight(self, router_hash: bytes, now: float) -> float:
        """How likely the router should be chosen relative to others; an unknown router is 1.0."""
        ...
