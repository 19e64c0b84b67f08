"""Which TCP connections to accept: how many from one source, how often, and who makes room.

Links are counted by address, by subnet and in all. At a bound the link that is worth least is given
up for the newcomer: one that failed, one whose handshake is under way, one that is idle; in all,
from the source that holds most. Links that carry traffic stay, unless one source holds many of them
while the table is full. So who opens thousands of links keeps out neither others nor, for long,
those who share his address.

Nobody is banned by address: many routers may share one. Each address has an allowance of
handshakes; one that leads nowhere (probing) costs many times one that succeeds.
"""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Iterable

from core.transport.addresses import source_key, subnet_key
from core.transport.events import LinkId
from core.transport.ntcp2.connection import Blame, Ended, State
from core.transport.records import Link, LinkLimits

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
#: A link that only said who it is has had no more frames than this.
UNUSED_FRAMES = 2
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
        #: what is left, and when it was counted; the one touched longest ago first
        self._entries: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def left(self, address: str, now: float) -> float:
        """How many handshakes the address may begin now; below one: none."""
        left, at = self._entries.get(address, (HANDSHAKES_BURST, now))
        return min(HANDSHAKES_BURST, left + max(0.0, now - at) * HANDSHAKES_PER_SECOND)

    def spend(self, address: str, cost: float, now: float) -> float:
        """Take ``cost`` from the address; returns what is left."""
        left = max(-DEBT_MAX, self.left(address, now) - cost)
        self._entries[address] = (left, now)
        self._entries.move_to_end(address)
        if len(self._entries) > ADDRESSES_MAX:
            self._entries.popitem(last=False)
        return left

    def __len__(self) -> int:
        return len(self._entries)


class InboundGate:
    """All inbound links, and the rules for one more. ``has_subnet_limits``: not in test networks,
    where all routers may be in one subnet.
    """

    __slots__ = (
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

    def __init__(self, limits: LinkLimits, *, has_subnet_limits: bool = True) -> None:
        self._limits = limits
        self._has_subnet_limits = has_subnet_limits
        self._links: dict[LinkId, Link] = {}
        self._by_address: dict[str, dict[LinkId, Link]] = {}
        self._by_subnet: dict[str, dict[LinkId, Link]] = {}
        #: handshakes under way, the oldest first
        self._pending: dict[LinkId, Link] = {}
        self._pending_by_address: Counter[str] = Counter()
        self._rates = HandshakeRates()
        #: who goes next when the table is full, the last one first
        self._victims: list[Link] = []
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

    def admit(self, remote_address: str, now: float) -> tuple[str | None, list[Link]]:
        """Whether a connection from this numeric address may come in.

        Returns why not (a reason of ``LinkStats.refused``) or None, and the links to close for it.
        """
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
        victims: list[Link] = []
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

    def idlest(self, now: float) -> Link | None:
        """The link to give up when the system has no descriptors left."""
        return self._find_victim(1, now)

    def began(self, link: Link, remote_address: str, now: float) -> None:
        """An accepted link starts its handshake."""
        link.host_key, link.subnet_key = self._keys(remote_address)
        self._links[link.id] = link
        self._by_address.setdefault(link.host_key, {})[link.id] = link
        self._by_subnet.setdefault(link.subnet_key, {})[link.id] = link
        self._pending[link.id] = link
        self._pending_by_address[link.host_key] += 1
        self._rates.spend(link.host_key, 1.0, now)

    def ended(self, link: Link) -> None:
        """The link is gone; harmless the second time."""
        if self._links.pop(link.id, None) is None:
            return
        self._settled(link)
        _remove(self._by_address, link.host_key, link)
        _remove(self._by_subnet, link.subnet_key, link)

    def succeeded(self, link: Link) -> None:
        """The handshake of a link led to a session."""
        self._settled(link)

    def failed(self, link: Link, end: Ended, now: float) -> None:
        """Judge a failed handshake; log lines are few, whatever comes in."""
        logger.debug("inbound handshake from %s failed: %s", link.host_key, end.reason)
        if end.blame is Blame.FOREIGN_NETWORK:
            self._rates.spend(link.host_key, HARMLESS_COST, now)
            if now - self._told_at >= TOLD_INTERVAL_S:
                self._told_at = now
                logger.info("refused a router of another network: %s", end.reason)
        elif end.reason == "timeout":
            self._rates.spend(link.host_key, HARMLESS_COST, now)
        elif end.blame in (Blame.PROBE, Blame.PEER):
            before = self._rates.left(link.host_key, now)
            after = self._rates.spend(link.host_key, PROBE_COST, now)
            if after < 1 <= before and now - self._told_at >= TOLD_INTERVAL_S:
                self._told_at = now
                logger.info("limiting an address after failed handshakes: %s", end.reason)

    def _keys(self, remote_address: str) -> tuple[str, str]:
        address = source_key(remote_address)
        return address, subnet_key(remote_address) if self._has_subnet_limits else address

    def _settled(self, link: Link) -> None:
        """The handshake is over, well or badly."""
        if not link.is_pending:
            return
        link.is_pending = False
        self._pending.pop(link.id, None)
        self._pending_by_address[link.host_key] -= 1
        if not self._pending_by_address[link.host_key]:
            del self._pending_by_address[link.host_key]

    def _find_victim(self, newcomers: int, now: float) -> Link | None:
        """Who makes room in a full table for one more of a source that then has ``newcomers``."""
        if now >= self._scan_at:
            self._scan_at = now + SCAN_INTERVAL_S
            self._scan(now)
        while self._victims:
            link = self._victims[-1]
            if link.id in self._links:
                size = len(self._by_subnet[link.subnet_key])
                if _rank(link, now) == _BUSY and size <= max(FAIR_LINKS, newcomers):
                    return None
                self._victims.pop()
                return link
            self._victims.pop()
        return None

    def _scan(self, now: float) -> None:
        """Looking at every link costs much under a flood, so it is done for many evictions."""
        ranked: list[tuple[int, int, float, int, Link]] = []
        for group in self._by_subnet.values():
            worth = sorted((_rank(link, now), _active_at(link), link.id) for link in group.values())
            # Each that goes makes its source less greedy.
            for left, (rank, active_at, link_id) in zip(
                range(len(worth), 0, -1), worth, strict=True
            ):
                ranked.append((rank, -left, active_at, link_id, group[link_id]))
        ranked.sort(key=lambda one: one[:4])
        self._victims = [link for *_, link in ranked[VICTIMS_AT_ONCE - 1 :: -1]]


def _remove(groups: dict[str, dict[LinkId, Link]], key: str, link: Link) -> None:
    group = groups[key]
    del group[link.id]
    if not group:
        del groups[key]


def _active_at(link: Link) -> float:
    return 0.0 if link.connection is None else link.connection.last_active


def _rank(link: Link, now: float) -> int:
    """How much a link is worth."""
    connection = link.connection
    if connection is None:
        return _FAILED
    if connection.is_established:
        idle_s = now - connection.last_active
        is_unused = connection.frames_received <= UNUSED_FRAMES
        return _IDLE if idle_s >= (UNUSED_IDLE_S if is_unused else IDLE_S) else _BUSY
    return _UNPROVEN if connection.state is State.HANDSHAKE else _FAILED


def _least(links: Iterable[Link], now: float) -> Link | None:
    """The link of one source to give up for another one of it, or None if all are busy.

    Handshakes under way are bounded for themselves, and may be over in a moment.
    """
    spare = [link for link in links if _rank(link, now) in (_FAILED, _IDLE)]
    return min(spare, key=lambda link: (_rank(link, now), _active_at(link)), default=None)


def _progress(link: Link) -> int:
    """How far a handshake came; min() takes the oldest of equals.

    Who holds many half-open connections from many addresses shuts nobody out: a genuine router
    sends message 1 at once.
    """
    connection = link.connection
    if connection is None or connection.state is not State.HANDSHAKE:
        return 0
    return 2 if connection.is_request_complete else 1
