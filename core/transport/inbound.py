"""Which sessions of others to accept: how many from one source, how often, and who makes room.

Sessions are counted by address, by subnet and in all. At a bound the link that is worth least is
given up for the newcomer: one that failed, one whose handshake is under way, one that is idle; in
all, from the source that holds most. Links that carry traffic stay, unless one source holds many of
them while the table is full. So who opens thousands of links keeps out neither others nor, for
long, those who share his address.

Nobody is banned by address: many routers may share one. Each address has an allowance of
handshakes; one that leads nowhere (probing) costs many times one that succeeds.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from core.base.bounded import BoundedMap
from core.base.rates import TokenBucket
from core.transport.addresses import source_key, subnet_key
from core.transport.context import TransportContext
from core.transport.ports import Blame, Ended

logger = logging.getLogger("core.transport")

HANDSHAKES_PER_SECOND = 4.0
HANDSHAKES_BURST = 128.0
#: Ten in a row use up the burst.
PROBE_COST = 12.0
#: What costs us next to nothing: silence, and a router of another network.
HARMLESS_COST = 2.0
#: The longest an address is refused after its last handshake: the debt divided by the rate.
DEBT_MAX = 64.0
ADDRESSES_MAX = 4096
UNUSED_IDLE_S = 5.0
IDLE_S = 30.0
#: A source with this many links keeps those that carry traffic.
FAIR_LINKS = 8
VICTIMS_AT_ONCE = 64
SCAN_INTERVAL_S = 0.25
TOLD_INTERVAL_S = 600.0

_FAILED, _UNPROVEN, _IDLE, _BUSY = range(4)


class HandshakeRates:
    """The allowance of each address; of the idlest ones nothing is remembered."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: BoundedMap[str, TokenBucket] = BoundedMap(ADDRESSES_MAX)

    def left(self, address: str, now: float) -> float:
        """How many handshakes the address may begin now; below one: none."""
        bucket = self._entries.get(address)
        return HANDSHAKES_BURST if bucket is None else bucket.balance(now)

    def spend(self, address: str, cost: float, now: float) -> float:
        """Take ``cost`` from the address; returns what is left."""
        bucket = self._entries.get(address)
        if bucket is None:
            bucket = TokenBucket(HANDSHAKES_PER_SECOND, HANDSHAKES_BURST)
        self._entries.put(address, bucket)
        return bucket.spend(cost, now, DEBT_MAX)

    def __len__(self) -> int:
        return len(self._entries)


class InboundSession(Protocol):
    """What the gate sees of a session that another router began; hashable by identity.

    ``number`` tells sessions of one endpoint apart. The gate sets ``host_key`` and ``subnet_key``,
    under which it counts the session, and clears ``is_pending`` when the handshake is over.
    """

    host_key: str
    subnet_key: str
    is_pending: bool

    @property
    def number(self) -> int:
        """See the class."""
        ...

    @property
    def last_active(self) -> float:
        """When something was last read or written."""
        ...

    @property
    def is_established(self) -> bool:
        """In the data phase."""
        ...

    @property
    def is_in_handshake(self) -> bool:
        """The handshake is under way: neither failed nor done."""
        ...

    @property
    def is_unused(self) -> bool:
        """Established, and the peer has only said who it is."""
        ...

    @property
    def progress(self) -> int:
        """How far the handshake came, 0 if it has failed."""
        ...


S = TypeVar("S", bound=InboundSession)


class InboundGate(Generic[S]):
    """All inbound links, and the rules for one more. Limits by subnet do not hold in test networks,
    where all routers may be in one.
    """

    __slots__ = (
        "_blocklist",
        "_by_address",
        "_by_subnet",
        "_has_subnet_limits",
        "_limits",
        "_links",
        "_pending",
        "_pending_by_address",
        "_rates",
        "_scan_at",
        "_told_at",
        "_victims",
    )

    def __init__(self, context: TransportContext) -> None:
        self._limits = context.limits
        self._blocklist = context.blocklist
        self._has_subnet_limits = not context.reachability.private
        self._links: dict[int, S] = {}
        self._by_address: dict[str, dict[int, S]] = {}
        self._by_subnet: dict[str, dict[int, S]] = {}
        #: handshakes under way, the oldest first
        self._pending: dict[int, S] = {}
        self._pending_by_address: Counter[str] = Counter()
        self._rates = HandshakeRates()
        #: who goes next when the table is full, the last one first
        self._victims: list[S] = []
        self._scan_at = 0.0
        self._told_at = float("-inf")

    @property
    def count(self) -> int:
        """Inbound links, whatever their state."""
        return len(self._links)

    @property
    def pending_count(self) -> int:
        """Inbound handshakes under way, those included that failed and have not ended."""
        return len(self._pending)

    def is_pending(self, remote_address: str) -> bool:
        """Whether a handshake from this numeric address is under way."""
        return source_key(remote_address) in self._pending_by_address

    def is_blocked(self, remote_address: str) -> bool:
        """Whether the user wants nothing from this numeric address."""
        return self._blocklist.has_host(remote_address)

    def admit(self, remote_address: str, now: float) -> tuple[str | None, list[S]]:
        """Whether a connection from this numeric address may come in.

        Returns why not (a reason of ``LinkStats.refused``) or None, and the links to close for it.
        """
        if self.is_blocked(remote_address):
            return "blocked", []
        limits = self._limits
        address, subnet = self._keys(remote_address)
        if self._rates.left(address, now) < 1:
            return "rate", []
        if self._pending_by_address[address] >= limits.handshakes_per_address_max:
            return "handshakes", []
        groups = (
            ("address", self._by_address.get(address), limits.inbound_per_address_max),
            ("subnet", self._by_subnet.get(subnet), limits.inbound_per_subnet_max),
        )
        victims: list[S] = []
        for reason, group, count_max in groups:
            if group is None or len(group) < count_max or victims:
                continue
            victim = _least(group.values(), now)
            if victim is None:
                return reason, []
            victims.append(victim)
        if len(self._pending) >= limits.handshakes_max and not any(v.is_pending for v in victims):
            victims.append(min(self._pending.values(), key=_progress))
        if len(self._links) >= limits.inbound_max and not victims:
            victim = self._find_victim(len(self._by_subnet.get(subnet, ())) + 1, now)
            if victim is None:
                return "full", []
            victims.append(victim)
        return None, victims

    def idlest(self, now: float) -> S | None:
        """The link to give up when the system has no descriptors left."""
        return self._find_victim(1, now)

    def began(self, session: S, remote_address: str, now: float) -> None:
        """An accepted link starts its handshake."""
        session.host_key, session.subnet_key = self._keys(remote_address)
        self._links[session.number] = session
        self._by_address.setdefault(session.host_key, {})[session.number] = session
        self._by_subnet.setdefault(session.subnet_key, {})[session.number] = session
        self._pending[session.number] = session
        self._pending_by_address[session.host_key] += 1
        self._rates.spend(session.host_key, 1.0, now)

    def ended(self, session: S) -> None:
        """The link is gone; harmless the second time."""
        if self._links.pop(session.number, None) is None:
            return
        self._settled(session)
        _remove(self._by_address, session.host_key, session)
        _remove(self._by_subnet, session.subnet_key, session)

    def succeeded(self, session: S) -> None:
        """The handshake of a link led to a session."""
        self._settled(session)

    def failed(self, session: S, end: Ended, now: float) -> None:
        """Judge a failed handshake; log lines are few, whatever comes in."""
        logger.debug("inbound handshake from %s failed: %s", session.host_key, end.reason)
        if end.blame is Blame.FOREIGN_NETWORK:
            self._rates.spend(session.host_key, HARMLESS_COST, now)
            if now - self._told_at >= TOLD_INTERVAL_S:
                self._told_at = now
                logger.info("refused a router of another network: %s", end.reason)
        elif end.reason == "timeout":
            self._rates.spend(session.host_key, HARMLESS_COST, now)
        elif end.blame in (Blame.PROBE, Blame.PEER):
            before = self._rates.left(session.host_key, now)
            after = self._rates.spend(session.host_key, PROBE_COST, now)
            if after < 1 <= before and now - self._told_at >= TOLD_INTERVAL_S:
                self._told_at = now
                logger.info("limiting an address after failed handshakes: %s", end.reason)

    def _keys(self, remote_address: str) -> tuple[str, str]:
        address = source_key(remote_address)
        return address, subnet_key(remote_address) if self._has_subnet_limits else address

    def _settled(self, session: S) -> None:
        """The handshake is over, well or badly."""
        if not session.is_pending:
            return
        session.is_pending = False
        self._pending.pop(session.number, None)
        self._pending_by_address[session.host_key] -= 1
        if not self._pending_by_address[session.host_key]:
            del self._pending_by_address[session.host_key]

    def _find_victim(self, newcomers: int, now: float) -> S | None:
        """Who makes room in a full table for one more of a source that then has ``newcomers``."""
        if now >= self._scan_at:
            self._scan_at = now + SCAN_INTERVAL_S
            self._scan(now)
        while self._victims:
            session = self._victims[-1]
            if session.number in self._links:
                size = len(self._by_subnet[session.subnet_key])
                if _rank(session, now) == _BUSY and size <= max(FAIR_LINKS, newcomers):
                    return None
                self._victims.pop()
                return session
            self._victims.pop()
        return None

    def _scan(self, now: float) -> None:
        """Looking at every link costs much under a flood, so it is done for many evictions."""
        ranked: list[tuple[int, int, float, int, S]] = []
        for group in self._by_subnet.values():
            worth = sorted(
                (_rank(session, now), session.last_active, session.number)
                for session in group.values()
            )
            # Each that goes makes its source less greedy.
            for left, (rank, active_at, number) in zip(
                range(len(worth), 0, -1), worth, strict=True
            ):
                ranked.append((rank, -left, active_at, number, group[number]))
        ranked.sort(key=lambda one: one[:4])
        self._victims = [session for *_, session in ranked[VICTIMS_AT_ONCE - 1 :: -1]]


def _remove(groups: dict[str, dict[int, S]], key: str, session: S) -> None:
    group = groups[key]
    del group[session.number]
    if not group:
        del groups[key]


def _rank(session: InboundSession, now: float) -> int:
    """How much a link is worth."""
    if session.is_established:
        idle_s = now - session.last_active
        return _IDLE if idle_s >= (UNUSED_IDLE_S if session.is_unused else IDLE_S) else _BUSY
    return _UNPROVEN if session.is_in_handshake else _FAILED


def _least(links: Iterable[S], now: float) -> S | None:
    """The link of one source to give up for another one of it, or None if all are busy.

    Handshakes under way are bounded for themselves, and may be over in a moment.
    """
    spare = [session for session in links if _rank(session, now) in (_FAILED, _IDLE)]
    return min(spare, key=lambda session: (_rank(session, now), session.last_active), default=None)


def _progress(session: InboundSession) -> int:
    """How far a handshake came; min() takes the oldest of equals.

    Who holds many half-open connections from many addresses shuts nobody out: a genuine router
    goes on at once.
    """
    return session.progress
