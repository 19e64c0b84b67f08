"""Our lease set in the netDb: made anew when tunnels change, published, withdrawn when it moves."""

from __future__ import annotations

from collections.abc import Iterable

from core.client.ports import LeaseSetSource
from core.netdb.facade import NetDb
from core.tunnel.tunnels import InboundTunnel


class LeasePublisher:
    """``owner`` is the hash that the netDb knows this session by.

    ``is_confirmed``: a floodfill holds our lease set, or none has to.
    """

    def __init__(self, own: LeaseSetSource, netdb: NetDb, owner: bytes, *, publish: bool) -> None:
        self.is_confirmed = not publish
        self._own = own
        self._netdb = netdb
        self._owner = owner
        self._publish = publish
        self._is_paused = False
        #: where the newest one is published: an encrypted one has another key each day
        self._key: bytes | None = None

    def renew(self, tunnels: Iterable[InboundTunnel], now: float) -> bool:
        """Make a new one over ``tunnels`` and publish it; False if none of them is alive."""
        if self._own.build(tunnels, now) is None:
            return False
        self.publish(now)
        return True

    def pause(self, is_paused: bool, now: float) -> None:
        """Stop publishing, without a word to those who know us, or begin again at once.

        With a new one: floodfills may have a later one of another router than our last.
        """
        if is_paused == self._is_paused:
            return
        self._is_paused = is_paused
        if not is_paused:
            self._own.due_at = now
        elif self._key is not None:
            self._netdb.withdraw_lease_set(self._key)
            self._key = None

    def publish(self, now: float) -> None:
        """Publish the newest one, if it is published at all."""
        if not self._publish or self._is_paused:
            return
        published = self._own.published
        key, self._key = self._key, published.hash if published else None
        if key is not None and key != self._key:
            self._netdb.withdraw_lease_set(key)
        if published is not None:
            is_urgent = self._own.is_urgent
            self._netdb.publish_lease_set(published, self._owner, now, is_urgent=is_urgent)
