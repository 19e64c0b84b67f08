"""Routers that may be hops: what hop selection needs of each, digested from its router info."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from core.data.connectivity import INTERNET, Connectivity
from core.data.ip_family import AsnOf, IpAddress
from core.data.router_info import RouterInfo
from core.tunnel.bandwidth_options import VERSION_MIN as BANDWIDTH_VERSION_MIN
from core.tunnel.ports import RouterDirectory

VERSION_MIN = (0, 9, 62)
"""i2pd: oldest release it takes for client tunnels; all of these know short build records."""

_REFRESH_S = 10.0
_REFRESH_SMALL_S = 1.0
_REFRESH_MORE_S = 0.2
#: of a large database the rest waits for the next call, so that nothing stalls
DIGESTS_AT_ONCE = 200
LOOKS_AT_ONCE = 4000
_SMALL_NETWORK = 200
_CLASS_WEIGHT = {"L": 0.5, "M": 0.7, "N": 0.8, "O": 1.0, "P": 1.5, "X": 2.0}


@dataclass(frozen=True, slots=True)
class Candidate:
    """What selection needs of a router info."""

    router_hash: bytes
    published_ms: int
    public_key: bytes
    dials: int
    listens: int
    """Its :class:`core.data.connectivity.Connectivity`."""
    groups: tuple[bytes, ...]
    """The /16 (IPv4), /32 (IPv6, and so /48) and autonomous system of each of its addresses."""
    family: str | None
    is_dialable: bool
    """We can connect to one of its addresses."""
    is_second_choice: bool
    client_weight: float
    reads_bandwidth: bool = False
    """It knows of :mod:`core.tunnel.bandwidth_options`."""


def no_asn(host: str) -> int | None:
    """Without a table no autonomous system is known."""
    return None


def digest(
    info: RouterInfo,
    can_dial: Callable[[RouterInfo], bool],
    *,
    allow_private: bool = False,
    asn_of: AsnOf = no_asn,
) -> Candidate | None:
    """The candidate, or None if the router must not be a hop. ``can_dial``: by us."""
    caps = info.caps
    if info.version < VERSION_MIN or "G" in caps or not info.is_reachable:
        return None
    key = info.encryption_key
    if key is None:
        return None
    connectivity = Connectivity.of(info, private=allow_private)
    if not connectivity.listens & INTERNET:
        return None
    weight = _CLASS_WEIGHT.get(info.bandwidth_class, 0.5)
    if "D" in caps:
        weight *= 0.3
    if info.is_floodfill:
        weight *= 0.5
    return Candidate(
        info.hash,
        info.published_ms,
        key,
        connectivity.dials,
        connectivity.listens,
        _groups(connectivity.hosts, asn_of),
        info.family,
        can_dial(info),
        "E" in caps or info.bandwidth_class in ("", "K"),
        weight,
        info.version >= BANDWIDTH_VERSION_MIN,
    )


def _groups(hosts: Iterable[IpAddress], asn_of: AsnOf) -> tuple[bytes, ...]:
    groups: dict[bytes, None] = {}
    for ip in hosts:
        groups[ip.packed[:2] if ip.version == 4 else ip.packed[:4]] = None
        asn = asn_of(str(ip))
        if asn is not None:
            groups[b"AS%d" % asn] = None
    return tuple(groups)


class Candidates:
    """Those among all known routers that may be hops, followed a part at a time.

    Each router info is digested once. A pass over a large database takes several calls, so that
    none of them takes long; what is new counts at once, what is gone when the pass is over.
    """

    def __init__(
        self,
        own_hash: bytes,
        directory: RouterDirectory,
        can_dial: Callable[[RouterInfo], bool],
        *,
        allow_private: bool = False,
        asn_of: AsnOf = no_asn,
        is_barred: Callable[[RouterInfo], bool] | None = None,
    ) -> None:
        self._asn_of = asn_of
        self._is_barred = is_barred
        self._own_hash = own_hash
        self._directory = directory
        self._allow_private = allow_private
        self._can_dial = can_dial
        # A router that must not be a hop stands for itself with its date.
        self._known: dict[bytes, Candidate | int] = {}
        self._fresh: dict[bytes, Candidate | int] = {}
        self._pass: Iterator[RouterInfo] | None = None
        self._refresh_at: float | None = None
        self.all: list[Candidate] = []

    def get(self, router_hash: bytes) -> Candidate | None:
        """The router as a candidate, if it may be a hop."""
        known = self._known.get(router_hash)
        return known if isinstance(known, Candidate) else None

    def digest(self, info: RouterInfo) -> Candidate | None:
        """See :func:`digest`; none of a router that the user has blocked."""
        if self._is_barred is not None and self._is_barred(info):
            return None
        return digest(info, self._can_dial, allow_private=self._allow_private, asn_of=self._asn_of)

    def reconsider(self) -> None:
        """The rules have changed: digest all router infos anew."""
        self._known, self._fresh, self._pass = {}, {}, None
        self._refresh_at = None
        self.all = []

    def refresh(self, now: float) -> None:
        """Look at the router infos again, when it is time."""
        if self._refresh_at is not None and now < self._refresh_at:
            return
        if self._pass is None:
            self._pass, self._fresh = iter(list(self._directory.routers())), {}
        known, fresh = self._known, self._fresh
        budget, is_at_end = DIGESTS_AT_ONCE, False
        part = list(islice(self._pass, LOOKS_AT_ONCE))
        for info in part:
            router_hash = info.hash
            held = known.get(router_hash)
            if held is None or _published_ms(held) != info.published_ms:
                if not budget:
                    continue
                budget -= 1
                candidate = self.digest(info) if router_hash != self._own_hash else None
                if candidate is not None and held is None:
                    self.all.append(candidate)
                held = known[router_hash] = candidate or info.published_ms
            fresh[router_hash] = held
        is_at_end = len(part) < LOOKS_AT_ONCE
        if is_at_end:
            self._pass, self._known, self._fresh = None, fresh, {}
            self.all = [one for one in fresh.values() if isinstance(one, Candidate)]
        if not budget or not is_at_end:
            self._refresh_at = now + _REFRESH_MORE_S
        elif len(self.all) < _SMALL_NETWORK:
            self._refresh_at = now + _REFRESH_SMALL_S
        else:
            self._refresh_at = now + _REFRESH_S


def _published_ms(known: Candidate | int) -> int:
    return known if isinstance(known, int) else known.published_ms
