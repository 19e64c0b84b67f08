"""Which routers become hops.

Hard rules: X25519 identity, version, no congestion letter G, a published address that other routers
can reach, never ourselves, no router twice. Then, unless private addresses are allowed: no two hops
in the same /16 (IPv4) or /32 (IPv6), no two of one family. Routers of class K or with letter E, and
routers that lately failed, come in only if there is nobody else.

The hop next to us should be connected already: no handshake to wait for, and for an inbound tunnel
it must be able to reach us. The others are put in an order that is fixed for each pool but
unpredictable (tunnel-implementation.md "Peer Ordering"), so that repeated builds show a watching
hop always the same neighbours.

An owner may name the only routers that come into question. Then the diversity of hops is the
owner's business: they may well be the owner's own.

Candidates are digested once for each router info; a choice looks at a random sample, so its cost
does not grow with the network.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address

from core.base.ports import Entropy
from core.data.router_info import RouterInfo
from core.tunnel.build import BuildHop
from core.tunnel.ports import PeerOpinions, RouterDirectory

VERSION_MIN = (0, 9, 58)
"""i2pd: oldest release it takes for client tunnels; all of these know short build records."""

_REFRESH_S = 10.0
_REFRESH_SMALL_S = 1.0
_REFRESH_MORE_S = 0.2
_DIGESTS_AT_ONCE = 400
"""At a start with thousands of stored routers the rest waits, so that nothing stalls."""
_SMALL_NETWORK = 200
_SAMPLE = 64
_BUDGET_PERIOD_S = 220.0
_BUDGET_FREE = 4
"""Java: that many builds in 220 s are welcome by every router."""
_CLASS_WEIGHT = {"L": 0.5, "M": 0.7, "N": 0.8, "O": 1.0, "P": 1.5, "X": 2.0}
_CONNECTED_FACTOR = 6.0
_OVERDUE_FACTOR = 0.02


@dataclass(frozen=True, slots=True)
class Candidate:
    """What selection needs of a router info."""

    router_hash: bytes
    public_key: bytes
    groups: frozenset[bytes]
    family: str | None
    is_dialable: bool
    """It has an NTCP2 address that we can connect to."""
    is_second_choice: bool
    client_weight: float


def digest(
    info: RouterInfo, allow_private: bool = False, has_ipv6: bool = False
) -> Candidate | None:
    """The candidate, or None if the router must not be a hop.

    ``has_ipv6``: we can connect to IPv6 addresses.
    """
    key = info.encryption_key
    caps = info.caps
    if key is None or info.version < VERSION_MIN or "G" in caps or not info.is_reachable:
        return None
    ntcp2 = _public([a.host for a in info.ntcp2_addresses() if a.is_published], allow_private)
    hosts = ntcp2 + _public(
        [a.host for a in info.ssu2_addresses() if a.is_published], allow_private
    )
    if not any(address.version == 4 for address in hosts):
        # Its neighbours could be anyone, and not everyone has IPv6 (Java: the same rule).
        return None
    weight = _CLASS_WEIGHT.get(info.bandwidth_class, 0.5)
    if "D" in caps:
        weight *= 0.3
    if info.is_floodfill:
        weight *= 0.5
    return Candidate(
        info.hash,
        key,
        frozenset(a.packed[:2] if a.version == 4 else a.packed[:4] for a in hosts),
        info.family,
        any(address.version == 4 or has_ipv6 for address in ntcp2),
        "E" in caps or info.bandwidth_class in ("", "K"),
        weight,
    )


def _public(hosts: list[str], allow_private: bool) -> list[IPv4Address | IPv6Address]:
    """Addresses that anyone can reach; names and other networks are left out."""
    addresses: list[IPv4Address | IPv6Address] = []
    for host in hosts:
        try:
            address = ip_address(host)
        except ValueError:
            continue
        if allow_private or (address.is_global and not address.is_multicast):
            addresses.append(address)
    return addresses


class BuildBudget:
    """How many builds we lately sent through each router."""

    __slots__ = ("_counts", "_log")

    def __init__(self) -> None:
        self._log: deque[tuple[float, bytes]] = deque()
        self._counts: dict[bytes, int] = {}

    def note(self, hops: Iterable[bytes], now: float) -> None:
        """One build through ``hops``."""
        for router_hash in hops:
            self._log.append((now, router_hash))
            self._counts[router_hash] = self._counts.get(router_hash, 0) + 1
        self.expire(now)

    def expire(self, now: float) -> None:
        log = self._log
        while log and log[0][0] <= now - _BUDGET_PERIOD_S:
            router_hash = log.popleft()[1]
            left = self._counts[router_hash] - 1
            if left:
                self._counts[router_hash] = left
            else:
                del self._counts[router_hash]

    def count(self, router_hash: bytes) -> int:
        return self._counts.get(router_hash, 0)


class HopSelector:
    """Chooses paths. ``own_hash`` is never part of one."""

    def __init__(
        self,
        own_hash: bytes,
        directory: RouterDirectory,
        peers: PeerOpinions,
        entropy: Entropy,
        *,
        allow_private: bool = False,
        has_ipv6: bool = False,
    ) -> None:
        self._own_hash = own_hash
        self._directory = directory
        self._peers = peers
        self._entropy = entropy
        self._allow_private = allow_private
        self._has_ipv6 = has_ipv6
        self._digests: dict[bytes, tuple[int, Candidate | None]] = {}
        self._candidates: list[Candidate] = []
        self._refresh_at: float | None = None
        self.budget = BuildBudget()

    def candidate_count(self, now: float) -> int:
        """Routers that may be hops at all."""
        self._refresh(now)
        return len(self._candidates)

    def select(
        self,
        length: int,
        now: float,
        *,
        is_inbound: bool,
        is_client: bool,
        order_key: bytes = b"",
        discouraged: Set[bytes] = frozenset(),
        overdue: Set[bytes] = frozenset(),
        may_shorten: bool = False,
        only: Sequence[bytes] = (),
    ) -> list[BuildHop] | None:
        """Hops in the direction of the data, or None if there are not enough routers.

        ``discouraged``: routers that the pool already leans on as neighbours. ``overdue``:
        neighbours that hold other builds and do not answer. ``may_shorten``: take fewer hops (at
        least 1) rather than none. ``only``: hashes of the routers that may be hops, if there are
        any.
        """
        self._refresh(now)
        named = self._named(only) if only else None
        chosen: list[Candidate] = []
        for _ in range(length):
            candidate = self._choose(
                chosen, not chosen, now, is_client, discouraged, overdue, named
            )
            if candidate is None:
                break
            chosen.append(candidate)
        if len(chosen) < length and not (may_shorten and chosen):
            return None
        near, rest = chosen[0], chosen[1:]
        rest.sort(key=lambda c: sha256(c.router_hash + order_key).digest())
        path = [near, *rest]
        if is_inbound:
            path.reverse()
        return [BuildHop(c.router_hash, c.public_key) for c in path]

    def _choose(
        self,
        chosen: list[Candidate],
        is_near: bool,
        now: float,
        is_client: bool,
        discouraged: Set[bytes],
        overdue: Set[bytes],
        named: list[Candidate] | None,
    ) -> Candidate | None:
        taken = {c.router_hash for c in chosen}
        groups = frozenset().union(*(c.groups for c in chosen))
        families = {c.family for c in chosen if c.family}
        sample = self._sample(is_near) if named is None else named
        sample = [c for c in sample if c.router_hash not in taken]
        if not self._allow_private and named is None:
            sample = [c for c in sample if not c.groups & groups and c.family not in families]
        peers = self._peers
        if is_near:
            sample = [c for c in sample if c.is_dialable or peers.is_connected(c.router_hash)]
        usable = [c for c in sample if peers.is_usable(c.router_hash, now)]
        best = [c for c in usable if not c.is_second_choice]
        for group in (best, usable, sample):
            if group:
                return self._draw(group, is_near, now, is_client, discouraged, overdue)
        return None

    def _draw(
        self,
        group: list[Candidate],
        is_near: bool,
        now: float,
        is_client: bool,
        discouraged: Set[bytes],
        overdue: Set[bytes],
    ) -> Candidate:
        """A random one, weighted by experience, bandwidth, and how much we already ask of it."""
        peers = self._peers
        weights: list[int] = []
        for candidate in group:
            router_hash = candidate.router_hash
            weight = peers.weight(router_hash, now)
            if is_client:
                weight *= candidate.client_weight
            if is_near:
                if peers.is_connected(router_hash):
                    weight *= _CONNECTED_FACTOR
                if router_hash in discouraged:
                    weight *= 0.3
                if router_hash in overdue:
                    weight *= _OVERDUE_FACTOR
            over = self.budget.count(router_hash) - _BUDGET_FREE
            if over > 0:
                weight *= _BUDGET_FREE / (_BUDGET_FREE + over)
            weights.append(1 + int(weight * 10_000))
        point = self._entropy.randbelow(sum(weights))
        for candidate, share in zip(group, weights, strict=True):
            point -= share
            if point < 0:
                return candidate
        return group[-1]

    def is_connected(self, router_hash: bytes) -> bool:
        """Whether a link to the router is up."""
        return self._peers.is_connected(router_hash)

    def unknown(self, router_hashes: Iterable[bytes]) -> list[bytes]:
        """Those of the routers of which we have no router info."""
        return [one for one in router_hashes if self._directory.get_router(one) is None]

    def _named(self, router_hashes: Iterable[bytes]) -> list[Candidate]:
        """Those of the routers that can be hops at all."""
        found: list[Candidate] = []
        for router_hash in dict.fromkeys(router_hashes):
            info = self._directory.get_router(router_hash)
            if info is None or router_hash == self._own_hash:
                continue
            candidate = digest(info, self._allow_private, self._has_ipv6)
            if candidate is not None:
                found.append(candidate)
        return found

    def _sample(self, is_near: bool) -> list[Candidate]:
        candidates = self._candidates
        count = len(candidates)
        if count <= 2 * _SAMPLE:
            return candidates
        indices = {self._entropy.randbelow(count) for _ in range(_SAMPLE)}
        sample = [candidates[i] for i in sorted(indices)]
        if is_near:
            connected = [c for c in candidates if self._peers.is_connected(c.router_hash)]
            sample += connected[:_SAMPLE]
        return sample

    def _refresh(self, now: float) -> None:
        if self._refresh_at is not None and now < self._refresh_at:
            return
        old = self._digests
        digests: dict[bytes, tuple[int, Candidate | None]] = {}
        budget = _DIGESTS_AT_ONCE
        for info in self._directory.routers():
            router_hash = info.hash
            known = old.get(router_hash)
            if known is None or known[0] != info.published_ms:
                if not budget:
                    continue
                budget -= 1
                candidate = digest(info, self._allow_private, self._has_ipv6)
                known = (info.published_ms, candidate)
            digests[router_hash] = known
        digests.pop(self._own_hash, None)
        self._digests = digests
        self._candidates = [c for _, c in digests.values() if c is not None]
        if not budget:
            self._refresh_at = now + _REFRESH_MORE_S
        elif len(self._candidates) < _SMALL_NETWORK:
            self._refresh_at = now + _REFRESH_SMALL_S
        else:
            self._refresh_at = now + _REFRESH_S
