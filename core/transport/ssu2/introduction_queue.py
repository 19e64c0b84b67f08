"""Dials that wait for an introduction: who is asked for it, one after the other.

specs/ssu2, "Introducer Selection": an introducer with which we have a session, else one whose
RouterInfo we have, else all are looked up. One that refuses is followed by the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from core.base.bounded import BoundedMap
from core.data.router_info import RouterInfo
from core.transport.ssu2.nat_traversal import NatTraversal
from core.transport.ssu2.traversal import IntroductionFailed

#: i2pd: 5 s for the connection with the introducer, and as much for the introduction; a lookup may
#: come before. The link table waits 20 s.
WAIT_S = 15.0
AWAITED_MAX = 128
#: so many introducers are connected to at once
CONNECTS_MAX = 2
_NEVER = float("inf")


@dataclass(slots=True)
class _Awaited:
    router_info: RouterInfo
    deadline: float
    asked: set[bytes] = field(default_factory=set)
    connecting: set[bytes] = field(default_factory=set)
    is_asking: bool = False


class IntroductionQueue:
    """See the module. ``connect``: make a session with a router; nothing comes if it fails."""

    def __init__(self, nat: NatTraversal, connect: Callable[[bytes, float], None]) -> None:
        self._nat = nat
        self._connect = connect
        self._awaited: BoundedMap[bytes, _Awaited] = BoundedMap(AWAITED_MAX)
        self._failed: list[IntroductionFailed] = []

    def begin(self, router_info: RouterInfo, now: float) -> None:
        """A dial waits; :meth:`take_failed` tells if it is in vain."""
        awaited = _Awaited(router_info, now + WAIT_S)
        self._awaited.put(router_info.hash, awaited)
        self._advance(awaited, now)

    def is_introducer(self, router_hash: bytes) -> bool:
        """Whether a dial waits for a session with this router."""
        return any(router_hash in one.connecting for one in self._awaited.values())

    def session_began(self, router_hash: bytes, now: float) -> None:
        """It may be an introducer that somebody waits for."""
        for awaited in list(self._awaited.values()):
            if router_hash in awaited.connecting:
                awaited.connecting.discard(router_hash)
                if not awaited.is_asking:
                    self._advance(awaited, now)

    def introduced(self, router_hash: bytes) -> None:
        """It has come."""
        self._awaited.pop(router_hash, None)

    def refused(self, failure: IntroductionFailed, now: float) -> None:
        """The introducer that was asked does not do it."""
        awaited = self._awaited.get(failure.router_hash)
        if awaited is not None:
            self._advance(awaited, now, failure.reason)

    def next_timer(self) -> float:
        """When to call :meth:`handle_timer`."""
        if self._failed:
            return 0.0
        return min((one.deadline for one in self._awaited.values()), default=_NEVER)

    def take_failed(self, now: float) -> list[IntroductionFailed]:
        """Those for which nobody can be asked any more, told once."""
        for awaited in list(self._awaited.values()):
            if now >= awaited.deadline:
                self._fail(awaited, "no introducer could be reached")
        failed, self._failed = self._failed, []
        return failed

    def _advance(self, awaited: _Awaited, now: float, reason: str = "") -> None:
        """Ask the next one, or connect to some that can be asked then."""
        info = awaited.router_info
        bob = self._nat.introduce(info, awaited.asked, now)
        awaited.is_asking = bob is not None
        if bob is not None:
            awaited.asked.add(bob)
            return
        left = [
            one
            for one in self._nat.introducers_to_dial(info)
            if one not in awaited.asked and one not in awaited.connecting
        ]
        for one in left[: CONNECTS_MAX - len(awaited.connecting)]:
            awaited.connecting.add(one)
            self._connect(one, now)
        if not awaited.connecting:
            self._fail(awaited, reason or "no introducer can be asked")

    def _fail(self, awaited: _Awaited, reason: str) -> None:
        router_hash = awaited.router_info.hash
        if self._awaited.pop(router_hash, None) is not None:
            self._failed.append(IntroductionFailed(router_hash, reason))
