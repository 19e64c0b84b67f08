"""Whether what we send arrives, where nothing that is under way tells.

A stream notices that its packets are not acknowledged. Nobody notices for a stream that only
receives, and for datagrams. So whoever has a stream to us is told new leases of ours at once, and
if no sign of it comes back, the stream is made to send something that must be acknowledged. Who
gets datagrams and says nothing is asked for acknowledgements of the ratchet. In vain means: another
path, and a search for a newer lease set.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from core.client.outlet import OFFERS_MAX, LeaseSetOffers, Outlet
from core.client.ports import LeaseSetSource, StreamPaths
from core.client.remote import ACTIVE_S, Remote
from core.garlic.sessions import MessageKind, RatchetSessions

#: Offers of our lease set without an answer after which the path is changed.
OFFERS_IN_VAIN = 2


class PathHost(Protocol):
    """What the session does for it."""

    def is_reachable(self, remote: Remote, now: float) -> bool:
        """True if a message could be sent to it; asks for its lease set otherwise."""

    def change_path(self, remote: Remote, now: float) -> None:
        """Another way to it, and a newer lease set."""


class PathWatch:
    """See the module. ``now`` is monotonic seconds."""

    __slots__ = (
        "_awaited",
        "_host",
        "_is_offering",
        "_offers",
        "_outlet",
        "_own",
        "_ratchet",
        "_renewed_at",
        "_streams",
    )

    def __init__(
        self,
        host: PathHost,
        own: LeaseSetSource,
        offers: LeaseSetOffers,
        ratchet: RatchetSessions,
        streams: StreamPaths,
        outlet: Outlet,
    ) -> None:
        self._host = host
        self._own = own
        self._offers = offers
        self._ratchet = ratchet
        self._streams = streams
        self._outlet = outlet
        self._awaited: dict[Remote, None] = {}
        self._is_offering = False
        self._renewed_at = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether :meth:`check` should be called again soon."""
        return self._is_offering or bool(self._awaited)

    def note_datagram(self, remote: Remote, now: float) -> bool:
        """A datagram goes to it; True if it should ask for an acknowledgement."""
        remote.note_datagram(now)
        self._awaited[remote] = None
        return remote.should_ask(now)

    def forget(self, remote: Remote) -> None:
        """It is gone."""
        self._awaited.pop(remote, None)

    def lease_set_renewed(self, remotes: Iterable[Remote], now: float) -> None:
        """We have new leases."""
        self._renewed_at = now
        for remote in remotes:
            remote.offers = 0

    def check(self, remotes: Iterable[Remote], now: float) -> None:
        """Ask and offer what is due."""
        self._is_offering = self._own.current is not None and self._offer(remotes, now)
        self._ask(now)

    def _offer(self, remotes: Iterable[Remote], now: float) -> bool:
        """Tell active remotes about new leases even if there is nothing else to say.

        True while one of them has not acknowledged the newest.
        """
        is_unknown = False
        for remote in list(remotes):
            has_streams = self._streams.has_streams(remote.hash)
            if (
                remote.static is None
                or not remote.sent_at
                or (now - remote.heard_at >= ACTIVE_S and not has_streams)
                or remote.known_lease_set_s >= self._own.published_s
                or not self._offers.may_know(remote, now)
            ):
                continue
            is_unknown |= remote.offers < OFFERS_MAX
            if has_streams and remote.heard_at < self._renewed_at:
                self._probe(remote, now)
            is_lost = has_streams and remote.is_suspect
            kind = self._ratchet.next_kind(remote.static, now)
            if (
                self._offers.is_due(remote, now)
                and (kind == MessageKind.EXISTING or is_lost or remote.is_elgamal)
                and self._host.is_reachable(remote, now)
            ):
                self._outlet.send(remote, [], now)
        return is_unknown

    def _probe(self, remote: Remote, now: float) -> None:
        """Both sides may have lost their leases: find out whether what we send arrives.

        i2pd: acknowledges a lease set only with data of its own, but a packet of a stream at once.
        """
        is_late = remote.offers > 0 and now - remote.offered_since >= remote.answer_wait_s
        if not (is_late or self._own.is_urgent):
            return
        if remote.probed_lease_set_s < self._own.published_s and self._streams.probe(remote.hash):
            remote.probed_lease_set_s = self._own.published_s
        elif remote.offers >= OFFERS_IN_VAIN and is_late:
            self._host.change_path(remote, now)

    def _ask(self, now: float) -> None:
        """Who gets datagrams and says nothing is asked whether they arrive, and then searched."""
        for remote in list(self._awaited):
            if not remote.is_awaited(now):
                self._awaited.pop(remote, None)
                continue
            if remote.is_unanswered(now):
                self._host.change_path(remote, now)
            if remote.should_ask(now) and self._host.is_reachable(remote, now):
                self._outlet.send(remote, [], now, asks=True)
