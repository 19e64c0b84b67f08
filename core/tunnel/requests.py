"""Build requests of others wait here until our own messages of the turn are through.

Each costs two X25519 operations. So a turn answers some, one of each link in turn, and a link that
brings more than any honest router is not heard: i2pd takes six, and more after half a second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass

from core.base.bounded import BoundedMap
from core.base.rates import SOURCES_MAX, Source, TokenBucket

PER_SECOND = 12.0
"""What i2pd takes of one session in the long run: 6 in 0.5 s."""
BURST = 24.0
WAITING_MAX = 128
"""i2pd: 100."""
AT_ONCE = 24
"""About 3 ms."""


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """The arguments of :meth:`core.tunnel.transit.TransitHops.receive`."""

    message_type: int
    body: bytes
    from_router: bytes | None
    source: Source


class BuildRequests:
    """See the module. ``throttled`` counts what a link brought too fast, ``overflowed`` what found
    the room full. Times are monotonic seconds."""

    __slots__ = ("_count", "_rates", "_waiting", "overflowed", "since", "throttled")

    def __init__(self) -> None:
        #: by link; the one whose turn it is first
        self._waiting: dict[Hashable, deque[WaitingRequest]] = {}
        self._rates: BoundedMap[Hashable, TokenBucket] = BoundedMap(SOURCES_MAX)
        self._count = 0
        self.since = 0.0
        """When the last one came."""
        self.throttled = 0
        self.overflowed = 0

    def __len__(self) -> int:
        return self._count

    def put(self, request: WaitingRequest, now: float) -> bool:
        """Let one wait; False if it is dropped.

        In a full room the link that has most waiting loses its latest.
        """
        link = request.source[0]
        rate = self._rates.pop(link) or TokenBucket(PER_SECOND, BURST)
        self._rates.put(link, rate)
        if not rate.take(now):
            self.throttled += 1
            return False
        self._waiting.setdefault(link, deque()).append(request)
        self._count += 1
        self.since = now
        if self._count <= WAITING_MAX:
            return True
        self.overflowed += 1
        longest = max(self._waiting, key=lambda one: len(self._waiting[one]))
        lost = self._waiting[longest].pop()
        self._count -= 1
        return lost is not request

    def take(self) -> list[WaitingRequest]:
        """Those to be answered in this turn."""
        taken: list[WaitingRequest] = []
        waiting = self._waiting
        while waiting and len(taken) < AT_ONCE:
            link = next(iter(waiting))
            queue = waiting.pop(link)
            taken.append(queue.popleft())
            if queue:
                waiting[link] = queue
        self._count -= len(taken)
        return taken
