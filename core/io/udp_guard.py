"""What strangers send over UDP takes a bounded part of a core, and crowds out nobody.

Reading a datagram costs as much as reading one of a peer, whatever is in it, and the kernel's queue
is one for all. So beyond a budget of time the kernel drops strangers' datagrams unread: those of
hosts that send most of them nearly all, and of the others a share. What comes from peers it always
queues, and so what comes from routers whose handshake is under way, if they are not heavy. What
strangers had in the queue before, and all of them where the kernel does not do that, get no work
beyond the budget: they are read and dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from heapq import nlargest
from typing import Protocol

from core.base.ports import Entropy
from core.io.packet_filter import PacketFilter, detach
from core.io.system import SystemEntropy
from core.io.udp_socket import UdpSocket
from core.transport.ssu2.framing import SocketAddress
from core.transport.stats import LinkStats

logger = logging.getLogger("core.io")

#: of one core
BUDGET = 0.06
PERIOD_S = 0.25
#: fewer strangers in a period are no flood, however slow the machine is
STRANGERS_MIN = 50
#: datagrams in a period that make a host one of the heavy, and how many of them must be seen
HEAVY_MIN = 50
SEEN_MIN = 8
HEAVY_S = 10.0
HEAVY_SHARE = 1 / 256
SHARE_MIN = 1 / 256
#: by how much the share of the others grows in a period, when there is room
SHARE_GROWTH = 1.3
#: how long there is room for all before the guard goes home
QUIET_S = 5.0
#: with those whose handshake is under way: older kernels have room for 2400 instructions
PEERS_MAX = 800
HEAVY_MAX = 400
HOSTS_MAX = 8192
TOLD_INTERVAL_S = 600.0
#: between two attempts where the kernel does not do it
TRY_INTERVAL_S = 60.0

Recent = tuple[float, SocketAddress]


class Guarded(Protocol):
    """A transport. ``drops_strangers``: it does nothing about datagrams of no session."""

    drops_strangers: bool

    def peers(self) -> Iterable[Recent]:
        """With whom there are sessions, and when something was last heard or sent there."""
        ...

    def newcomers(self) -> Iterable[SocketAddress]:
        """With whom a handshake is under way; there are not many at once."""
        ...


class UdpGuard:
    """Of all UDP sockets of a router. ``sockets``: those that are open."""

    def __init__(
        self,
        endpoint: Guarded,
        sockets: Callable[[], Sequence[UdpSocket]],
        stats: LinkStats,
        loop: asyncio.AbstractEventLoop,
        entropy: Entropy | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._sockets = sockets
        self._stats = stats
        self._loop = loop
        self._entropy = entropy or SystemEntropy()
        self._timer: asyncio.TimerHandle | None = None
        self._began_at = 0.0
        self._spent_s = 0.0
        self._strangers = 0
        self._hosts: Counter[str] = Counter()
        #: hosts of which nearly nothing passes, until when
        self._heavy: dict[str, float] = {}
        self._shown: tuple[frozenset[SocketAddress], frozenset[str], float] | None = None
        self._share = 1.0
        self._quiet_since = 0.0
        self._try_at = float("-inf")
        self._told_at = float("-inf")

    @property
    def is_on(self) -> bool:
        """Whether the kernel drops something for us."""
        return self._shown is not None

    def saw(self, source: SocketAddress, count: int) -> None:
        """``count`` datagrams of no session came from there."""
        self._strangers += count
        hosts, host = self._hosts, source.host
        if host in hosts or len(hosts) < HOSTS_MAX:
            hosts[host] += count

    def spent(self, seconds: float, now: float) -> None:
        """Reading what strangers sent took so long, up to ``now``."""
        self._spent_s += seconds
        is_over = self._timer is None and now - self._began_at > PERIOD_S
        was_dropping = self._endpoint.drops_strangers
        if self._spent_s > BUDGET * PERIOD_S and self._strangers >= STRANGERS_MIN:
            self._endpoint.drops_strangers = True
            if self._timer is None and now >= self._try_at:
                self._began_at = max(self._began_at, now - PERIOD_S)
                self._look()
                return
        if is_over:
            # Without the kernel's help strangers get the budget of the next period, too.
            self._endpoint.drops_strangers &= not was_dropping
            self._begin(now)

    def stop(self) -> None:
        """Have everything queued again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.is_on:
            self._count_dropped()
            self._shown = None
            for one in self._sockets():
                detach(one.socket)

    def _begin(self, now: float) -> None:
        self._began_at = now
        self._spent_s = 0.0
        self._strangers = 0
        self._hosts.clear()

    def _look(self) -> None:
        """What to drop in the next period, by what came in the last one."""
        self._timer = None
        now = self._loop.time()
        passed_s = max(now - self._began_at, 1e-3)
        self._find_heavy(now, passed_s)
        light = sum(count for host, count in self._hosts.items() if host not in self._heavy)
        spent_s = self._spent_s * light / max(self._strangers, 1)
        wanted_s = spent_s / self._share
        budget_s = BUDGET * passed_s
        share = 1.0 if wanted_s <= budget_s else budget_s / wanted_s
        self._share = max(SHARE_MIN, min(share, self._share * SHARE_GROWTH))
        if self._heavy or self._share < 1.0 or not self._quiet_since:
            self._quiet_since = now
        self._begin(now)
        is_quiet = now - self._quiet_since >= QUIET_S
        if is_quiet or not self._show():
            if not is_quiet:
                self._try_at = now + TRY_INTERVAL_S
            self._quiet_since = 0.0
            self._share = 1.0
            self.stop()
            return
        self._timer = self._loop.call_later(PERIOD_S, self._on_timer)

    def _on_timer(self) -> None:
        self._endpoint.drops_strangers = False
        self._look()

    def _find_heavy(self, now: float, passed_s: float) -> None:
        heavy = self._heavy
        enough = HEAVY_MIN * self._share * passed_s / PERIOD_S
        for host, count in self._hosts.items():
            # One datagram stands for many, but not for a flood of its host.
            if count / HEAVY_SHARE >= enough if host in heavy else count >= max(enough, SEEN_MIN):
                heavy.pop(host, None)
                heavy[host] = now + HEAVY_S
        while heavy and (len(heavy) > HEAVY_MAX or heavy[next(iter(heavy))] <= now):
            del heavy[next(iter(heavy))]

    def _show(self) -> bool:
        """Tell the kernel, unless it knows; False if it cannot do that."""
        self._count_dropped()
        passing = [at for _, at in nlargest(PEERS_MAX, self._endpoint.peers())]
        passing += [at for at in self._endpoint.newcomers() if at.host not in self._heavy]
        shown = (frozenset(passing), frozenset(self._heavy), self._share)
        if shown != self._shown:
            self._shown = shown
            peers, heavy, share = shown
            made = PacketFilter(self._entropy, peers, heavy, HEAVY_SHARE, share)
            if not all(made.attach(one.socket, one.is_ipv6) for one in self._sockets()):
                return False
            self._tell(self._loop.time())
        return True

    def _count_dropped(self) -> None:
        for one in self._sockets():
            dropped = one.take_overruns()
            if self.is_on:
                self._stats.datagrams_shed += dropped
            else:
                self._stats.datagrams_overrun += dropped

    def _tell(self, now: float) -> None:
        if now - self._told_at >= TOLD_INTERVAL_S:
            self._told_at = now
            logger.info(
                "a flood of packets over UDP: most of those of strangers are dropped unread"
            )
