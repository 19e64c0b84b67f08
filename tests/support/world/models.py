"""What the way between two hosts does to what is sent on it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinkModel:
    """One direction of the way between two hosts.

    TCP hides loss, order and copies: there they are delay, and at the worst a broken connection.
    """

    delay_s: float = 0.02
    jitter_s: float = 0.0
    """Up to so much more, drawn for each datagram or write."""
    loss: float = 0.0
    """The part of the packets (of 1400 bytes where it is TCP) that does not arrive, 0 to 1."""
    duplicate: float = 0.0
    """The part of the datagrams that arrives twice."""
    reorder: float = 0.0
    """The part of the datagrams that comes later than what was sent after it."""
    bytes_s: float | None = None
    """What passes; None: no limit."""
    queue_s: float = 0.5
    """Datagrams that would have to wait longer for a limited way are dropped."""
    mtu: int = 1500
    """Larger IP packets do not pass, where they are datagrams."""


class Ways:
    """Which model holds between which hosts, and who is cut off from whom.

    Hosts are named by their addresses. The latest rule for a pair wins over those for one host, and
    these over the default.
    """

    def __init__(self, default: LinkModel) -> None:
        self.default = default
        self._hosts: dict[str, LinkModel] = {}
        self._pairs: dict[tuple[str, str], LinkModel] = {}
        self._cuts: dict[Hashable, frozenset[str]] = {}
        self._unreachable: dict[str, None] = {}
        self.on_change: list[Callable[[], None]] = []
        """Called after a cut has come or gone."""

    def of(self, source: str, target: str) -> LinkModel:
        """The model for what ``source`` sends to ``target``."""
        if not self._pairs and not self._hosts:
            return self.default
        found = self._pairs.get((source, target)) or self._hosts.get(source)
        return found or self._hosts.get(target) or self.default

    def set_host(self, host: str, model: LinkModel) -> None:
        """For all that a host sends, and gets from hosts without a rule of their own."""
        self._hosts[host] = model

    def set_pair(self, source: str, target: str, model: LinkModel) -> None:
        """For one direction between two hosts."""
        self._pairs[source, target] = model

    def cut(self, hosts: Iterable[str], name: Hashable = "partition") -> None:
        """Nothing passes between these hosts and all others, both ways, until :meth:`heal`."""
        self._cuts[name] = frozenset(hosts)
        self._changed()

    def heal(self, name: Hashable = "partition") -> None:
        """End the cut of that name."""
        self._cuts.pop(name, None)
        self._changed()

    def set_silent(self, host: str, is_silent: bool) -> None:
        """Nothing passes to or from a host: its cable is out, or the machine sleeps."""
        if is_silent:
            self._unreachable[host] = None
        else:
            self._unreachable.pop(host, None)
        self._changed()

    def is_cut(self, source: str, target: str) -> bool:
        """Whether nothing passes between the two."""
        if source in self._unreachable or target in self._unreachable:
            return True
        return any((source in cut) != (target in cut) for cut in self._cuts.values())

    def _changed(self) -> None:
        for call in self.on_change:
            call()
