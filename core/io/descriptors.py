"""File descriptors: how many the process may have, and who gets which share.

A router that accepts connections until the system refuses has none left for its files, its own
dials and the programs of its user. So each kind of use has a share, and the shares fit into what
the system grants. The soft limit is raised to the hard one first: 1024 is what a shell gives, and
too little for a router.
"""

from __future__ import annotations

import contextlib
import os
import resource
from dataclasses import dataclass, replace

from core.transport.records import LinkLimits

#: More are of no use to one process, and some systems have no limit at all.
LIMIT_MAX = 1 << 20
OWN_MAX = 128
LOCAL_MAX = 4096
_LOCAL_SHARE = 0.3
_OUTBOUND_SHARE = 0.4


def raise_limit() -> int:
    """Raise the soft limit to the hard one, never lower it; returns what holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return LIMIT_MAX
    wanted = LIMIT_MAX if hard == resource.RLIM_INFINITY else min(hard, LIMIT_MAX)
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return soft


def count_open() -> int:
    """Descriptors that are open now; 0 where the system does not tell."""
    try:
        # The listing itself needs one.
        return len(os.listdir("/proc/self/fd")) - 1
    except OSError:
        return 0


@dataclass(frozen=True, slots=True)
class DescriptorBudget:
    """``limit`` descriptors, shared out.

    ``own``: files, SQLite, control socket, metrics, and what is closed a moment later; ``local``:
    listeners and connections of proxies and servers; ``outbound`` and ``inbound``: links.
    """

    limit: int
    own: int
    local: int
    outbound: int
    inbound: int

    @classmethod
    def of(cls, limit: int) -> DescriptorBudget:
        """The shares of a limit; what the maxima leave over is spare."""
        links = LinkLimits()
        own = min(OWN_MAX, limit // 4)
        local = min(LOCAL_MAX, int((limit - own) * _LOCAL_SHARE))
        rest = limit - own - local
        outbound = min(links.outbound_max, int(rest * _OUTBOUND_SHARE))
        return cls(limit, own, local, outbound, min(links.inbound_max, rest - outbound))

    @classmethod
    def of_process(cls) -> DescriptorBudget:
        """The shares of this process, whose limit is raised as far as it may be."""
        return cls.of(raise_limit())

    def link_limits(self) -> LinkLimits:
        """Bounds of the link tables that keep to the shares."""
        links = LinkLimits()
        return replace(
            links,
            inbound_max=self.inbound,
            outbound_max=self.outbound,
            handshakes_max=min(links.handshakes_max, max(1, self.inbound // 2)),
            dials_max=min(links.dials_max, max(1, self.outbound // 2)),
        )
