"""Our RouterInfo: signed anew when its date gets old, by the wall clock or the monotonic one."""

from __future__ import annotations

from collections.abc import Sequence

from core.base.ports import WallClock
from core.data.router_info import RouterInfo
from core.router.config import RouterConfig
from core.router.congestion import Congestion
from core.router.identity import RouterKeys, addresses_of, build_router_info
from core.transport.ports import Endpoint

#: i2pd: a router info must be younger than 90 minutes in a handshake; Java wants 60.
REPUBLISH_S = 35 * 60.0
#: Introducers may come and go: floodfills are told less often.
NEWS_INTERVAL_S = 5.0
#: So far a date may lie ahead because another one was just before it.
DATE_AHEAD_MAX_S = 10.0


class OwnInfo:
    """See the module. ``endpoints``: the transports, which say how to reach us."""

    def __init__(
        self,
        keys: RouterKeys,
        config: RouterConfig,
        endpoints: Sequence[Endpoint],
        wall: WallClock,
        now: float,
    ) -> None:
        self._keys = keys
        self.config = config
        self._endpoints = endpoints
        self._wall = wall
        self.congestion = Congestion()
        self.is_elected = False
        """Whether we were elected as a floodfill."""
        self.current = self._build(int(wall.now() * 1000))
        self._signed_at = float("-inf")
        self.due_at = now + REPUBLISH_S
        """Monotonic time by which :meth:`sign` should be called."""

    @property
    def is_outdated(self) -> bool:
        """Whether peers would find the date too old, or in the future."""
        age_s = self._wall.now() - self.current.published_ms / 1000
        return not -DATE_AHEAD_MAX_S <= age_s <= REPUBLISH_S

    def has_news(self, now: float) -> bool:
        """Whether the transports have other addresses than it says, and it is time to say so."""
        if now < self._signed_at + NEWS_INTERVAL_S:
            return False
        return self.current.addresses != tuple(addresses_of(self.config, self._endpoints))

    def sign(self, now: float, known: tuple[int, int] | None = None) -> RouterInfo:
        """A new one with a newer date, for peers keep the newest.

        ``known``: how many routers and lease sets our netDb has, for floodfills.

        Unless the current one lies in the future: it was signed under a clock that was ahead,
        nobody took it, and one that is still newer would be refused as well.
        """
        wall_ms = int(self._wall.now() * 1000)
        before_ms = self.current.published_ms
        is_future = before_ms > wall_ms + DATE_AHEAD_MAX_S * 1000
        published_ms = wall_ms if is_future else max(wall_ms, before_ms + 1000)
        self.current = self._build(published_ms, known)
        self._signed_at = now
        self.due_at = now + REPUBLISH_S
        return self.current

    def _build(self, published_ms: int, known: tuple[int, int] | None = None) -> RouterInfo:
        return build_router_info(
            self._keys,
            self.config,
            self._endpoints,
            published_ms,
            known,
            self.congestion.letter,
            is_elected=self.is_elected,
        )
