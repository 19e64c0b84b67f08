"""What is mapped, for those who publish or show it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from core.nat.belief import disbelief

#: ("tcp" or "udp", 4 or 6)
Way = tuple[str, int]


@dataclass(frozen=True, slots=True)
class External:
    """Address and port that a gateway forwards to us, it says.

    ``by``: ``pcp``, ``nat-pmp`` or ``upnp``. ``ends_at``: monotonic seconds.
    """

    address: str
    port: int
    by: str
    ends_at: float


@dataclass(frozen=True, slots=True)
class PortMapping:
    """All that is mapped now. It makes us a candidate, and proves nothing: others have to try.

    ``reason``: why something is not mapped, for people; empty if everything is.
    """

    external: Mapping[Way, External] = field(default_factory=dict)
    reason: str = ""

    def believed(self, seen: Collection[str] = (), *, private: bool = False) -> PortMapping:
        """Only what can be true: see :func:`core.nat.belief.disbelief`."""
        kept, reasons = {}, [self.reason] if self.reason else []
        for way, external in self.external.items():
            why = disbelief(external.address, external.port, seen, private=private)
            if not why:
                kept[way] = external
            elif why not in reasons:
                reasons.append(why)
        return PortMapping(kept, "; ".join(reasons))

    def is_same(self, other: PortMapping) -> bool:
        """Whether nothing but the ends of the leases differs."""
        return self.reason == other.reason and _ports(self) == _ports(other)


def _ports(mapping: PortMapping) -> dict[Way, tuple[str, int, str]]:
    return {way: (one.address, one.port, one.by) for way, one in mapping.external.items()}
