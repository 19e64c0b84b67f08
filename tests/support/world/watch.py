"""What the routers of a world achieve: builds and lookups of their own, and what they hold.

A :class:`Watch` is told by the observers of the routers that it follows, so nothing in them is
changed. Only what these routers do for themselves counts, not what they do for others.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.base.bounded import BoundedMap
from core.i2np.message import MessageType
from core.netdb import events as netdb_events
from core.netdb.events import LookupKind
from core.router.observer import Nobody
from core.tunnel import events as tunnel_events
from core.tunnel.builder import BUILD_TIMEOUT_S
from tests.support.world.machine import Machine

_PENDING_MAX = 1024
_KEY_BYTES = 32


@dataclass(slots=True)
class Tally:
    """Sums since a moment. ``asked``: floodfills that each lookup which found something asked."""

    built: int = 0
    declined: int = 0
    lost: int = 0
    found: int = 0
    missed: int = 0
    asked: list[int] = field(default_factory=list)

    @property
    def builds(self) -> int:
        """Builds that have ended."""
        return self.built + self.declined + self.lost

    @property
    def lookups(self) -> int:
        """Lookups that have ended."""
        return self.found + self.missed

    @property
    def build_rate(self) -> float:
        """The part of the builds that succeeded, 0 to 1."""
        return self.built / self.builds if self.builds else 1.0

    @property
    def lookup_rate(self) -> float:
        """The part of the lookups that found what was looked for, 0 to 1."""
        return self.found / self.lookups if self.lookups else 1.0

    @property
    def asked_mean(self) -> float:
        """Floodfills asked for a lookup that found something."""
        return sum(self.asked) / len(self.asked) if self.asked else 0.0

    def add(self, other: Tally) -> None:
        """Take the sums of another one in."""
        self.built += other.built
        self.declined += other.declined
        self.lost += other.lost
        self.found += other.found
        self.missed += other.missed
        self.asked += other.asked


@dataclass(frozen=True, slots=True)
class ClientPath:
    """A client tunnel that came to be: its hops from the owner's side on."""

    owner: bytes
    is_inbound: bool
    hops: tuple[bytes, ...]


class Watch:
    """See the module. ``kinds``: the lookups that count. ``paths``: all client tunnels."""

    def __init__(self, kinds: Sequence[LookupKind] = (LookupKind.LEASE_SET,)) -> None:
        self.kinds = kinds
        self.tally = Tally()
        self.machines: list[Machine] = []
        self.paths: list[ClientPath] = []

    def follow(self, machines: Iterable[Machine]) -> None:
        """Count what these do from now on, over restarts, too."""
        for machine in machines:
            machine.observe(_Observer(self))
            self.machines.append(machine)

    def take(self) -> Tally:
        """The sums since the last time."""
        tally, self.tally = self.tally, Tally()
        return tally


class _Observer(Nobody):
    """Of one router."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._asked: BoundedMap[bytes, int] = BoundedMap(_PENDING_MAX)

    def on_netdb_event(self, event: netdb_events.Event, now: float) -> None:
        match event:
            case netdb_events.SendDirect() | netdb_events.SendThroughTunnel():
                if event.message_type == MessageType.DATABASE_LOOKUP:
                    key = event.body[:_KEY_BYTES]
                    self._asked.put(key, (self._asked.get(key) or 0) + 1)
            case netdb_events.LookupFinished(_, kind, key, _, result):
                asked = self._asked.pop(key) or 0
                if kind not in self._watch.kinds or (result is not None and not asked):
                    return  # known before anybody was asked
                tally = self._watch.tally
                if result is None:
                    tally.missed += 1
                else:
                    tally.found += 1
                    tally.asked.append(asked)

    def on_tunnel_event(self, event: tunnel_events.TunnelEvent, now: float) -> None:
        if isinstance(event, tunnel_events.TunnelReady) and isinstance(event.owner, bytes):
            hops = event.tunnel.hops[::-1] if event.is_inbound else event.tunnel.hops
            self._watch.paths.append(ClientPath(event.owner, event.is_inbound, hops))
        if not isinstance(event, tunnel_events.BuildFinished):
            return
        tally = self._watch.tally
        if event.codes is None:
            tally.lost += 1
            return
        if event.elapsed_s >= BUILD_TIMEOUT_S:
            tally.lost -= 1  # it was given up before, and exists all the same
        if any(event.codes):
            tally.declined += 1
        else:
            tally.built += 1


def resident_bytes() -> int:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


_CONTAINERS = (dict, list, set, tuple, bytearray)


def container_entries(root: object, package: str = "core.") -> Counter[str]:
    """Entries of all containers that hang on ``root``, by the attribute that holds them.

    Followed are objects of ``package`` and containers; each is counted where it is met first.
    """
    counts: Counter[str] = Counter()
    seen: set[int] = set()
    waiting: list[tuple[str, Any]] = [(type(root).__name__, root)]
    while waiting:
        name, thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, _CONTAINERS) or type(thing).__module__ == "collections":
            counts[name] += len(thing)
            inner = thing.values() if isinstance(thing, dict) else thing
            if not isinstance(thing, bytearray):
                waiting += [(name, one) for one in inner if gc.is_tracked(one)]
        elif type(thing).__module__.startswith(package):
            for attribute, value in _attributes(thing):
                waiting.append((f"{type(thing).__name__}.{attribute.lstrip('_')}", value))
    return counts


def _attributes(thing: object) -> list[tuple[str, Any]]:
    found = list(getattr(thing, "__dict__", {}).items())
    for kind in type(thing).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names = (slots,) if isinstance(slots, str) else slots
        found += [(name, getattr(thing, name)) for name in names if hasattr(thing, name)]
    return found
