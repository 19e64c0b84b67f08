"""One lookup: what is asked for, how long and how widely, and who was asked so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from core.data.lease_set_variants import AnyLeaseSet
from core.data.router_info import RouterInfo
from core.netdb.events import LookupKind, Owner

WIDTH_MAX = 3

LookupId: TypeAlias = tuple[LookupKind, bytes, Owner]
Result: TypeAlias = RouterInfo | AnyLeaseSet


class Limits(NamedTuple):
    """``asks``: floodfills asked at most; ``width``: asked at once in the beginning."""

    seconds: float
    asks: int
    width: int
    width_max: int


LIMITS = {
    LookupKind.LEASE_SET: Limits(15.0, 8, 2, WIDTH_MAX),
    LookupKind.ROUTER: Limits(12.0, 7, 1, WIDTH_MAX),
    LookupKind.VERIFY_LEASE_SET: Limits(10.0, 3, 1, 1),
    LookupKind.VERIFY_ROUTER: Limits(10.0, 3, 1, 1),
}
FETCH_LIMITS = Limits(6.0, 3, 1, 2)
ROUTER_KINDS = (LookupKind.ROUTER, LookupKind.VERIFY_ROUTER)
LEASE_SET_KINDS = (LookupKind.LEASE_SET, LookupKind.VERIFY_LEASE_SET)


class Verified(NamedTuple):
    """The end of a verification: ``result`` is None if our entry was not found, or an old one."""

    kind: LookupKind
    key: bytes
    owner: Owner
    result: Result | None


class Wait(NamedTuple):
    """An open question; ``is_direct``: it went over a link, whose failure would be told."""

    until: float
    is_direct: bool


@dataclass(slots=True, eq=False)
class Lookup:
    """A lookup under way; :class:`~core.netdb.lookup.Lookups` owns and changes it.

    ``depth`` is 1 for what other lookups need, ``parents``. ``excluded`` are never asked, ``hint``
    is asked first. ``is_paced``: who asked asks again by itself. ``waits`` holds open questions,
    ``silent`` those not answered in time.
    """

    kind: LookupKind
    key: bytes
    owner: Owner
    limits: Limits
    deadline: float
    is_direct: bool
    depth: int
    hint: bytes | None
    published_min_ms: int
    excluded: frozenset[bytes]
    width: int
    is_paced: bool = False
    requests: list[int] = field(default_factory=list)
    parents: list[Lookup] = field(default_factory=list)
    asked: dict[bytes, float] = field(default_factory=dict)
    waits: dict[bytes, Wait] = field(default_factory=dict)
    silent: set[bytes] = field(default_factory=set)
    denied: set[bytes] = field(default_factory=set)
    fetching: set[bytes] = field(default_factory=set)
    fetches: int = 0
    asks: int = 0
    hedge_at: float = 0.0
    last_ask: float = 0.0
    best: AnyLeaseSet | None = None
    """The newest lease set that came, if it is older than what is looked for."""
    stale_answers: int = 0
    is_second_round: bool = False
    is_done: bool = False

    @property
    def id(self) -> LookupId:
        """There is at most one of these at a time."""
        return (self.kind, self.key, self.owner)
