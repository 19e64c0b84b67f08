"""Which routers become hops.

Hard rules: X25519 identity, version, no congestion letter G, a published address that other routers
can reach, never ourselves, no router twice, and each hop has a transport and a network in common
with the next (:mod:`core.tunnel.paths`). Then, unless private addresses are allowed: no two hops
in the same /16 (IPv4), /32 (IPv6) or autonomous system, no two of one family. Routers of class K or
with letter E, and routers that lately failed, come in only if there is nobody else.

As far as others are left, our neighbours in the tunnels of a pool are in different networks, too,
and nobody is a hop of more than a third of all our tunnels (:mod:`core.tunnel.usage`); not while
our builds get lost, when those who are there are few, and not known. But among those that served us
that only chooses: they are not left out for strangers, of whom a flood brings any number.

The hop next to us should be connected already: no handshake to wait for, and for an inbound tunnel
it must be able to reach us. Who comes into question for that, and the order of the others, is fixed
for each pool but unpredictable (:class:`core.tunnel.paths.PathOrder`), so that repeated builds show
a watching hop always the same neighbours.

An owner may name the only routers that come into question. Then the diversity of hops is the
owner's business: they may well be the owner's own.

Strangers can invent routers by the thousand, and run those that answer and do nothing. As soon as
enough routers have served us, hops of client tunnels are chosen among these; else, as soon as
enough are proven to exist, among those. Before that strangers take part, the fewer are known the
more. The worse strangers do, the fewer are enough. Exploratory tunnels try others now and then,
which is how these come to serve us. While a pool has no tunnel, strangers wait however few we know:
each costs a handshake or a lost build before the first page. They come in where those we know do
not fill a path, or fail.

Candidates are digested once for each router info; a choice looks at a random sample, so its cost
does not grow with the network.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence, Set
from typing import TypeVar

from core.base.ports import Entropy
from core.data.ip_family import AsnOf
from core.data.router_info import RouterInfo
from core.tunnel.allowance import FREE, WINDOW_S, Allowance
from core.tunnel.build import BuildHop
from core.tunnel.candidates import Candidate, Candidates, no_asn
from core.tunnel.paths import PathOrder
from core.tunnel.ports import PeerOpinions, RouterDirectory
from core.tunnel.usage import ROUTERS_MIN, HopUsage

T = TypeVar("T")
_NO_LIMIT = HopUsage(tunnels=1 << 20)

_SAMPLE = 64
_TRIES = 5
"""Paths that are drawn, when nobody can follow on a hop or the last one lacks IPv4."""
_CONNECTED_FACTOR = 6.0
_OVERDUE_FACTOR = 0.02
_PROVEN_FEW = 10
_PROVEN_ENOUGH = 30
"""So many routers that served us, or are proven, must come into question for a hop, that others are
left out at all, and always left out."""
_SERVED_MIN = 4.0
"""The worse the untried do, the fewer that served are enough, down to more than this."""
_STRANGERS_WEIGHT = 3.0
_STRANGERS_RATE_MIN = 0.2
"""All strangers together, as a multiple of all known routers that come into question: at most, and
less in the measure in which strangers fail."""
_TRIAL_PERCENT, _TRIAL_PERCENT_MIN = 12, 2
"""How many hops of exploratory tunnels are trials of untried routers, where enough are known: at
most, and less in the measure in which they fail. But some always are, else nobody would know when
they do better. (Java: all hops, or those of 15 % of such tunnels while they fail; i2pd: all.)"""


class BuildBudget:
    """How many builds we lately sent through each router, and along each pair of neighbours."""

    __slots__ = ("_counts", "_log")

    def __init__(self) -> None:
        self._log: deque[tuple[float, bytes]] = deque()
        self._counts: dict[bytes, int] = {}

    def note(self, hops: Sequence[bytes], now: float) -> None:
        """One build through ``hops``."""
        for key in (*hops, *map(_pair, hops, hops[1:])):
            self._log.append((now, key))
            self._counts[key] = self._counts.get(key, 0) + 1
        self.expire(now)

    def expire(self, now: float) -> None:
        """Forget uses older than the period."""
        log = self._log
        while log and log[0][0] <= now - WINDOW_S:
            key = log.popleft()[1]
            left = self._counts[key] - 1
            if left:
                self._counts[key] = left
            else:
                del self._counts[key]

    def count(self, router_hash: bytes) -> int:
        """How often a router was used in the period."""
        return self._counts.get(router_hash, 0)

    def suits(self, hops: Sequence[bytes]) -> bool:
        """Whether neighbours among these hops were lately seldom neighbours in builds of ours."""
        return all(self._counts.get(pair, 0) < FREE for pair in map(_pair, hops, hops[1:]))


def _pair(one: bytes, other: bytes) -> bytes:
    return min(one, other) + max(one, other)


class HopSelector:
    """Chooses paths. ``own_hash`` is never part of one."""

    def __init__(
        self,
        own_hash: bytes,
        directory: RouterDirectory,
        peers: PeerOpinions,
        entropy: Entropy,
        can_dial: Callable[[RouterInfo], bool],
        *,
        allow_private: bool = False,
        asn_of: AsnOf = no_asn,
        is_barred: Callable[[RouterInfo], bool] | None = None,
        own_family: str | None = None,
    ) -> None:
        """``is_barred``: whether the user has blocked a router."""
        self._own_hash = own_hash
        self._directory = directory
        self._peers = peers
        self._entropy = entropy
        self._allow_private = allow_private
        self._own_family = frozenset({own_family} if own_family else ())
        self._candidates = Candidates(
            own_hash,
            directory,
            can_dial,
            allow_private=allow_private,
            asn_of=asn_of,
            is_barred=is_barred,
        )
        self.budget = BuildBudget()
        self.allowance = Allowance()

    def reconsider(self) -> None:
        """The user has blocked other routers: look at all anew."""
        self._candidates.reconsider()

    def candidate_count(self, now: float) -> int:
        """Routers that may be hops at all."""
        self._candidates.refresh(now)
        return len(self._candidates.all)

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
        meets: bytes = b"",
        usage: HopUsage | None = None,
        is_first: bool = False,
    ) -> list[BuildHop] | None:
        """Hops in the direction of the data, or None if there are not enough routers.

        ``discouraged``: routers that the pool already leans on as neighbours. ``overdue``:
        neighbours that hold other builds and do not answer. ``may_shorten``: take fewer hops (at
        least 1) rather than none. ``only``: hashes of the routers that may be hops, if there are
        any. ``meets``: the router beyond the last hop, ourselves perhaps, with which that should be
        able to have a link. ``usage``: of all our tunnels. ``is_first``: the pool has nothing yet.
        """
        self._candidates.refresh(now)
        is_scarce = len(self._candidates.all) < ROUTERS_MIN or self._peers.are_builds_lost
        if usage is None or is_scarce:
            usage = _NO_LIMIT
        named = self._named(only) if only else None
        order = PathOrder(order_key, is_inbound=is_inbound)
        best: list[Candidate] = []
        best_value = (0, False, False, False)
        for _ in range(_TRIES):
            path: list[Candidate] = []
            for _ in range(length):
                candidate = self._choose(
                    path, order, now, is_client, discouraged, overdue, named, usage, is_first
                )
                if candidate is None:
                    break
                path = order.place(path, candidate)
            if not path:
                continue
            value = (
                len(path),
                self._meets(path, order, meets),
                order.has_common_end(path),
                self.budget.suits([c.router_hash for c in path]),
            )
            if value > best_value:
                best, best_value = path, value
            if value == (length, True, True, True):
                break
        if not best or (len(best) < length and not may_shorten):
            return None
        if is_inbound:
            best.reverse()
        return [BuildHop(c.router_hash, c.public_key, c.reads_bandwidth) for c in best]

    def _meets(self, path: Sequence[Candidate], order: PathOrder, beyond: bytes) -> bool:
        """Whether the last hop can have a link with the router beyond, as far as is known."""
        if beyond == self._own_hash:
            return path[-1].is_dialable or self._peers.is_connected(path[-1].router_hash)
        candidate = self._candidates.get(beyond)
        return candidate is None or order.reaches(path, candidate)

    def _choose(
        self,
        chosen: list[Candidate],
        order: PathOrder,
        now: float,
        is_client: bool,
        discouraged: Set[bytes],
        overdue: Set[bytes],
        named: list[Candidate] | None,
        usage: HopUsage,
        is_first: bool,
    ) -> Candidate | None:
        is_near = not chosen
        taken = {c.router_hash for c in chosen}
        networks = {group for c in chosen for group in c.groups}
        families = {c.family for c in chosen if c.family} | self._own_family
        sample = self._sample(is_near) if named is None else named
        sample = [c for c in sample if c.router_hash not in taken]
        if not self._allow_private and named is None:
            sample = [
                c for c in sample if networks.isdisjoint(c.groups) and c.family not in families
            ]
        sample = [c for c in sample if order.fits(chosen, c)]
        peers, has_room = self._peers, self.allowance.has_room
        if is_near:
            sample = [c for c in sample if c.is_dialable or peers.is_connected(c.router_hash)]
        if is_first and named is None:
            sample = self._tried(sample, is_near, now) or sample
        if is_near:
            sample = [c for c in sample if has_room(c.router_hash, now)] or sample
        usable = [c for c in sample if peers.is_usable(c.router_hash, now)]
        if not any(peers.is_proven(c.router_hash) for c in usable):
            # All restart at once: a moment's patience is better than strangers alone.
            usable += [c for c in sample if peers.is_restarting(c.router_hash, now)]
        groups = [[c for c in usable if not c.is_second_choice], usable, sample]
        if named is None:
            known = self._known(usable)
            if known and not is_client and self._is_trial():
                known = [c for c in usable if not peers.has_served(c.router_hash)]
            groups = [[c for c in known if not c.is_second_choice], known, *groups]
        for group in groups:
            if group:
                if named is None:
                    group = self._spread(order, chosen, group, discouraged, usage)
                return self._draw(group, is_near, now, is_client, discouraged, overdue)
        return None

    def _spread(
        self,
        order: PathOrder,
        chosen: Sequence[Candidate],
        group: list[Candidate],
        near: Set[bytes],
        usage: HopUsage,
    ) -> list[Candidate]:
        """Those that may stand next in this pool, are in not too many tunnels and, next to us, in
        no network of another router of ``near``.

        Of those that served us, the proven and the others apart: however many others there are, a
        few that we know are not left out.
        """
        peers = self._peers
        served: list[Candidate] = []
        proven: list[Candidate] = []
        others: list[Candidate] = []
        for one in group:
            if peers.has_served(one.router_hash):
                served.append(one)
            elif peers.is_proven(one.router_hash):
                proven.append(one)
            else:
                others.append(one)
        rules: list[Callable[[Candidate], bool]] = [lambda one: usage.allows(one.router_hash)]
        if not chosen and not self._allow_private:
            rules.append(self._is_apart_from(near))
        spread: list[Candidate] = []
        for kind in (served, proven, others):
            # Better one more tunnel through these than one through nobody knows whom.
            are_kept = kind is served and len(served) > self._few_served
            for rule in rules:
                suited = [one for one in kind if rule(one)]
                kind = suited or kind if are_kept else suited
            spread += order.share(chosen, kind)
        if spread or usage is _NO_LIMIT:
            return spread or order.share(chosen, group)
        return self._spread(order, chosen, group, near, _NO_LIMIT)

    def _tried(self, sample: list[Candidate], is_near: bool, now: float) -> list[Candidate]:
        """Those that served us, else the proven ones, that probably take a build now."""
        peers, has_room = self._peers, self.allowance.has_room
        proven = [
            c
            for c in sample
            if peers.is_proven(c.router_hash)
            and peers.is_usable(c.router_hash, now)
            and (not is_near or has_room(c.router_hash, now))
        ]
        served = [c for c in proven if peers.has_served(c.router_hash)]
        return served if len(served) >= _SERVED_MIN else proven

    def _is_apart_from(self, near: Set[bytes]) -> Callable[[Candidate], bool]:
        """Whether a router is in no network of another one of ``near``."""
        others = [c for c in map(self._candidates.get, near) if c is not None]
        by_group = {group: c.router_hash for c in others for group in c.groups}
        return lambda c: all(by_group.get(g, c.router_hash) == c.router_hash for g in c.groups)

    def _known(self, usable: list[Candidate]) -> list[Candidate]:
        """Those among which one hop is chosen because we know them; none if they are too few."""
        peers, rate = self._peers, self._untried_rate
        served = [c for c in usable if peers.has_served(c.router_hash)]
        enough = max(_PROVEN_ENOUGH * rate**2, 2.0 * _SERVED_MIN)
        if self._is_enough(len(served), self._few_served, enough):
            return served
        proven = [c for c in usable if peers.is_proven(c.router_hash)]
        return proven if self._is_enough(len(proven), _PROVEN_FEW, _PROVEN_ENOUGH) else []

    def _is_enough(self, count: int, few: float, enough: float) -> bool:
        """Whether to choose one hop among so many known routers that come into question."""
        if count >= enough:
            return True
        return count > few and self._entropy.randbelow(1000) < 1000 * (count - few) / (enough - few)

    def _is_trial(self) -> bool:
        percent = max(_TRIAL_PERCENT * self._untried_rate**3, _TRIAL_PERCENT_MIN)
        return self._entropy.randbelow(1000) < 10 * percent

    @property
    def _untried_rate(self) -> float:
        return max(self._peers.untried_rate, _STRANGERS_RATE_MIN)

    @property
    def _few_served(self) -> float:
        return max(_PROVEN_FEW * self._untried_rate**2, _SERVED_MIN)

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
                # What a router claims counts for nothing once it is proven, but against it.
                claim = candidate.client_weight
                weight *= min(1.0, claim) if peers.is_proven(router_hash) else claim
            if is_near:
                if peers.is_connected(router_hash):
                    weight *= _CONNECTED_FACTOR
                if router_hash in discouraged:
                    weight *= 0.3
                if router_hash in overdue:
                    weight *= _OVERDUE_FACTOR
            over = self.budget.count(router_hash) - FREE
            if over > 0:
                weight *= FREE / (FREE + over)
            weights.append(1 + int(weight * 10_000))
        self._bound_strangers(group, weights)
        point = self._entropy.randbelow(sum(weights))
        for candidate, share in zip(group, weights, strict=True):
            point -= share
            if point < 0:
                return candidate
        return group[-1]

    def _bound_strangers(self, group: list[Candidate], weights: list[int]) -> None:
        """All strangers together weigh little more than those we know, however many they are."""
        peers = self._peers
        is_known = [peers.has_served(c.router_hash) for c in group]
        factor = self._untried_rate**3
        if sum(is_known) <= self._few_served:
            is_known = [peers.is_proven(c.router_hash) for c in group]
            factor = max(peers.strangers_rate, _STRANGERS_RATE_MIN) ** 2
        known = sum(weight for weight, one in zip(weights, is_known, strict=True) if one)
        strangers = sum(weights) - known
        most = int(known * _STRANGERS_WEIGHT * factor)
        if 0 < most < strangers:
            for index, one in enumerate(is_known):
                if not one:
                    weights[index] = max(1, weights[index] * most // strangers)

    def is_connected(self, router_hash: bytes) -> bool:
        """Whether a link to the router is up."""
        return self._peers.is_connected(router_hash)

    def was_heard(self, router_hash: bytes, since: float) -> bool:
        """See :class:`core.tunnel.ports.PeerOpinions`."""
        return self._peers.was_heard(router_hash, since)

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
            candidate = self._candidates.digest(info)
            if candidate is not None:
                found.append(candidate)
        return found

    def _sample(self, is_near: bool) -> list[Candidate]:
        candidates = self._candidates.all
        count = len(candidates)
        if count <= 2 * _SAMPLE:
            return candidates
        sample = self._draw_some(candidates)
        known = self._draw_some(self._peers.served) + self._draw_some(self._peers.proven)
        if is_near:
            known += self._draw_some(sorted(self._peers.connected))
        sample += [c for c in map(self._candidates.get, known) if c is not None]
        return sample

    def _draw_some(self, items: Sequence[T]) -> list[T]:
        """``_SAMPLE`` of them at most."""
        if len(items) <= _SAMPLE:
            return list(items)
        indices = {self._entropy.randbelow(len(items)) for _ in range(_SAMPLE)}
        return [items[i] for i in sorted(indices)]
