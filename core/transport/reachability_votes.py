"""Whether other routers reach us: a vote over all evidence, for each transport and family.

Evidence is a peer test, a connection that somebody began whom we had not called, or what the user
or a port mapping says. Each witness, that is each host that tested or called, has one vote, its
latest. Two that agree make a state known, and three of the last five change it, so that one lost or
lying test never does.

What kind of translator we are behind is another question: it is answered by the ports under which
several routers see us (i2pd #2243: one observer cannot tell).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from core.base.bounded import BoundedMap

Address = tuple[str, int]
"""A numeric host and a port."""

_Value = TypeVar("_Value")

AGREE_FIRST = 2
AGREE_CHANGE = 3
VOTES_COUNTED = 5
VOTES_MAX = 16
#: Tests of a known state are an hour apart.
VOTE_LIFE_S = 4 * 3600.0
OBSERVERS_MAX = 12
OBSERVED_LIFE_S = 3600.0
SYMMETRIC_PORTS_MIN = 3


class ReachabilityState(Enum):
    """As ``status`` shows it."""

    OK = "ok"
    FIREWALLED = "firewalled"
    SYMMETRIC = "symmetric nat"
    UNKNOWN = "unknown"
    HIDDEN = "hidden"
    DISABLED = "disabled"


class PeerTestOutcome(Enum):
    """What one peer test says."""

    OK = "ok"
    FIREWALLED = "firewalled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PeerTestResult:
    """The evidence of one test.

    ``tested``: the address that Charlie tried; ``seen``: from where he saw us, None if he did not
    say. ``charlie``, ``charlie_host``: the witness, None if nobody was found. ``reason``: why the
    outcome is unknown, else empty.
    """

    outcome: PeerTestOutcome
    is_ipv6: bool
    tested: Address
    seen: Address | None
    bob: bytes
    charlie: bytes | None
    charlie_host: str | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state and why, in plain words."""

    state: ReachabilityState
    why: str


@dataclass(frozen=True, slots=True)
class ReachabilityStatus:
    """``ipv4``, ``ipv6``: the best state of any transport in the family. ``transports``: the state
    of each, by a name such as ``ntcp2/ipv4``. ``why``: plain words."""

    ipv4: str
    ipv6: str
    transports: Mapping[str, str]
    why: str


@dataclass(frozen=True, slots=True)
class _Vote:
    at: float
    is_reached: bool
    is_test: bool
    address: Address | None


class _Ballot:
    """The votes on one transport in one family."""

    __slots__ = ("_votes", "state")

    def __init__(self) -> None:
        self.state = ReachabilityState.UNKNOWN
        self._votes: BoundedMap[str, _Vote] = BoundedMap(VOTES_MAX)

    def put(self, witness: str, vote: _Vote) -> bool:
        """Count a vote; whether the state is another one now."""
        self._votes.put(witness, vote)
        return self._decide(vote.at)

    def expire(self, now: float) -> None:
        """Forget what is too old to say anything."""
        self._votes.expire(lambda vote: now - vote.at > VOTE_LIFE_S)
        if not self._votes:
            self.state = ReachabilityState.UNKNOWN

    def clear(self) -> None:
        """Forget everything."""
        self._votes.clear()
        self.state = ReachabilityState.UNKNOWN

    @property
    def latest(self) -> list[_Vote]:
        """Those that count, the oldest first."""
        return list(self._votes.values())[-VOTES_COUNTED:]

    def counted(self, is_reached: bool) -> int:
        """Votes of the latest for one side."""
        return sum(vote.is_reached == is_reached for vote in self.latest)

    @property
    def is_contested(self) -> bool:
        """Whether a vote that counts says something else than the state."""
        is_ok = self.state is ReachabilityState.OK
        return self.state is ReachabilityState.UNKNOWN or self.counted(not is_ok) > 0

    def address(self) -> Address | None:
        """Where most of those who tested reached us."""
        reached = Counter(
            vote.address
            for vote in self._votes.values()
            if vote.is_reached and vote.address is not None
        )
        return reached.most_common(1)[0][0] if reached else None

    def _decide(self, now: float) -> bool:
        before = self.state
        self.expire(now)
        reached, unreached = self.counted(True), self.counted(False)
        needed = AGREE_FIRST if self.state is ReachabilityState.UNKNOWN else AGREE_CHANGE
        if reached > unreached and reached >= needed:
            self.state = ReachabilityState.OK
        elif unreached > reached and unreached >= needed:
            self.state = ReachabilityState.FIREWALLED
        return self.state is not before


class _Observations:
    """As whom others see us in one family; each observer counts once."""

    __slots__ = ("_agreed", "_seen")

    def __init__(self) -> None:
        self._seen: BoundedMap[str, tuple[Address, float]] = BoundedMap(OBSERVERS_MAX)
        self._agreed: str | None = None
        """The host that was agreed on last, also while they are divided."""

    def put(self, observer: str, address: Address, now: float) -> bool:
        """Whether our host is another one now: the last observers all see a new one."""
        self._seen.put(observer, (address, now))
        before = self._agreed
        if before is None:
            self._agreed = self.host(now)
            return False
        latest = [seen for seen, _ in self._seen.values()][-AGREE_CHANGE:]
        hosts = {host for host, _ in latest}
        if len(latest) < AGREE_CHANGE or hosts == {before} or len(hosts) > 1:
            return False
        self._forget_host(before)
        (self._agreed,) = hosts
        return True

    def _forget_host(self, host: str) -> None:
        for observer, (seen, _) in list(self._seen.items()):
            if seen[0] == host:
                self._seen.pop(observer)

    def clear(self) -> None:
        """Forget everything."""
        self._seen.clear()
        self._agreed = None

    def _current(self, now: float) -> list[Address]:
        self._seen.expire(lambda seen: now - seen[1] > OBSERVED_LIFE_S)
        return [address for address, _ in self._seen.values()]

    def host(self, now: float) -> str | None:
        """The host that two observers or more, and most of them, see."""
        return _most(host for host, _ in self._current(now))

    def address(self, now: float) -> Address | None:
        """The host and port that two observers or more, and most of them, see."""
        return _most(self._current(now))

    def ports(self, now: float) -> list[int]:
        """The ports under which observers see us at our host."""
        host = self.host(now)
        return [port for seen, port in self._current(now) if seen == host]

    def is_symmetric(self, now: float) -> bool:
        """Whether nearly every observer sees another port."""
        ports = self.ports(now)
        distinct = len(set(ports))
        return distinct >= SYMMETRIC_PORTS_MIN and 2 * distinct > len(ports)


class ReachabilityVotes:
    """The vote. ``transports``: their names, such as ``ntcp2`` and ``ssu2``. ``is_hidden``: we do
    not want to be reached.

    Evidence that changes a state, or our host, returns True. What follows for our RouterInfo is
    decided in :mod:`core.transport.own_addresses`.
    """

    def __init__(
        self,
        transports: Iterable[str],
        *,
        ipv4: bool = True,
        ipv6: bool = False,
        is_hidden: bool = False,
    ) -> None:
        self._families = {False: ipv4, True: ipv6}
        self.is_hidden = is_hidden
        self._ballots = {
            (transport, is_ipv6): _Ballot() for transport in transports for is_ipv6 in (False, True)
        }
        self._claims: dict[tuple[str, bool], str] = {}
        self._observed = {False: _Observations(), True: _Observations()}

    # Evidence

    def add_transport(self, transport: str) -> None:
        """One more transport has a state; harmless the second time."""
        for is_ipv6 in (False, True):
            self._ballots.setdefault((transport, is_ipv6), _Ballot())

    def claimed(self, transport: str, is_ipv6: bool, by: str | None) -> None:
        """Who says where a transport can be reached, as a user or a home router; None: nobody."""
        if by is None:
            self._claims.pop((transport, is_ipv6), None)
        else:
            self._claims[transport, is_ipv6] = by

    def tested(self, transport: str, result: PeerTestResult, now: float) -> bool:
        """A peer test of ours ended."""
        is_changed = False
        if result.seen is not None and result.charlie_host is not None:
            is_changed = self.observed(result.charlie_host, result.seen, now)
        if result.outcome is PeerTestOutcome.UNKNOWN or result.charlie_host is None:
            return is_changed
        is_reached = result.outcome is PeerTestOutcome.OK
        vote = _Vote(now, is_reached, True, result.tested if is_reached else None)
        return self._ballot(transport, result.is_ipv6).put(result.charlie_host, vote) or is_changed

    def connected(self, transport: str, host: str, now: float) -> bool:
        """Somebody at ``host``, to whom we had sent nothing lately, began a session with us."""
        ballot = self._ballot(transport, ":" in host)
        return ballot.put(host, _Vote(now, True, False, None))

    def observed(self, observer: str, address: Address, now: float) -> bool:
        """A router at ``observer`` sees our datagrams come from ``address``.

        If our host is another one now, the votes on the old one are void.
        """
        is_ipv6 = _is_ipv6(address)
        if not self._observed[is_ipv6].put(observer, address, now):
            return False
        self._clear_ballots(is_ipv6)
        return True

    def network_changed(self, is_ipv6: bool) -> None:
        """Our gateway or interface is another one: nothing that was found out holds."""
        self._observed[is_ipv6].clear()
        self._clear_ballots(is_ipv6)

    # Answers

    def verdict(self, transport: str, is_ipv6: bool, now: float) -> Verdict:
        """The state of one transport in one family."""
        if not self._families[is_ipv6]:
            return Verdict(ReachabilityState.DISABLED, f"{_family(is_ipv6)} is switched off")
        if self.is_hidden:
            return Verdict(ReachabilityState.HIDDEN, "hidden by configuration")
        ballot = self._ballot(transport, is_ipv6)
        ballot.expire(now)
        if ballot.state is ReachabilityState.OK:
            return Verdict(ballot.state, _why_reached(ballot.latest))
        if ballot.state is ReachabilityState.UNKNOWN:
            return Verdict(ballot.state, self._why_unknown(transport, is_ipv6, ballot))
        observed = self._observed[is_ipv6]
        if observed.is_symmetric(now):
            ports = ", ".join(map(str, sorted(set(observed.ports(now)))))
            why = f"the NAT shows every router another port ({ports}), so nobody can connect"
            return Verdict(ReachabilityState.SYMMETRIC, why)
        count = ballot.counted(False)
        why = f"{count} routers that we had not called tried to connect and did not get through"
        return Verdict(ReachabilityState.FIREWALLED, why)

    def family_verdict(self, is_ipv6: bool, now: float) -> Verdict:
        """The best state of any transport in this family."""
        order = list(ReachabilityState)
        verdicts = [
            self.verdict(transport, is_ipv6, now)
            for transport, family in self._ballots
            if family == is_ipv6
        ]
        nothing = Verdict(ReachabilityState.DISABLED, "no transport listens")
        return min(verdicts, key=lambda verdict: order.index(verdict.state), default=nothing)

    def reached_at(self, transport: str, is_ipv6: bool) -> Address | None:
        """Where most of those who tested a transport reached us; None if nobody did."""
        return self._ballot(transport, is_ipv6).address()

    def observed_address(self, is_ipv6: bool, now: float) -> Address | None:
        """The host and port under which most routers see our datagrams, if two or more agree."""
        return self._observed[is_ipv6].address(now)

    def observed_host(self, is_ipv6: bool, now: float) -> str | None:
        """The host under which most routers see us, if two or more agree."""
        return self._observed[is_ipv6].host(now)

    def is_contested(self, transport: str, is_ipv6: bool) -> bool:
        """Whether another test would help now: the state is unknown, or a vote is against it."""
        return self._ballot(transport, is_ipv6).is_contested

    def status(self, now: float) -> ReachabilityStatus:
        """What the router's status shows: each family, each transport in it, and why."""
        families = {family: self.family_verdict(family, now) for family in (False, True)}
        why = [
            f"{_family(family)}: {verdict.why}"
            for family, verdict in families.items()
            if verdict.state is not ReachabilityState.DISABLED
        ]
        transports = {
            f"{transport}/{_family(family).lower()}": self.verdict(transport, family, now).state
            for transport, family in self._ballots
        }
        return ReachabilityStatus(
            families[False].state.value,
            families[True].state.value,
            {name: state.value for name, state in transports.items()},
            "; ".join(why),
        )

    def _why_unknown(self, transport: str, is_ipv6: bool, ballot: _Ballot) -> str:
        reached, unreached = ballot.counted(True), ballot.counted(False)
        if reached or unreached:
            return f"{reached} got through to us and {unreached} did not: too few to tell"
        by = self._claims.get((transport, is_ipv6))
        if by is not None:
            return f"the address is from {by}, and nobody has connected to it yet"
        return "nobody has tried to connect yet"

    def _ballot(self, transport: str, is_ipv6: bool) -> _Ballot:
        return self._ballots[transport, is_ipv6]

    def _clear_ballots(self, is_ipv6: bool) -> None:
        for (_, family), ballot in self._ballots.items():
            if family == is_ipv6:
                ballot.clear()


def _is_ipv6(address: Address) -> bool:
    return ":" in address[0]


def _family(is_ipv6: bool) -> str:
    return "IPv6" if is_ipv6 else "IPv4"


def _most(values: Iterable[_Value]) -> _Value | None:
    found = list(values)
    if not found:
        return None
    value, count = Counter(found).most_common(1)[0]
    return value if count >= AGREE_FIRST and 2 * count > len(found) else None


def _why_reached(votes: list[_Vote]) -> str:
    tests = sum(vote.is_reached and vote.is_test for vote in votes)
    calls = sum(vote.is_reached and not vote.is_test for vote in votes)
    return f"of the last {len(votes)} tries, {tests} peer tests and {calls} connections got in"
