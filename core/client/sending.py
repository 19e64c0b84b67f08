"""Payloads of a session on their way into tunnels: which remotes take how much, and by which way.

A packet's way out: stream packet, gzip header with ports, Data message, clove for the remote
destination, ratchet, Garlic message, outbound tunnel, gateway of one of the remote's leases. What
cannot be sent is dropped and counted, the stream layer sends it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.base.ports import Entropy
from core.client.outlet import LeaseSetOffers, Outlet
from core.client.path_watch import PathWatch
from core.client.ports import LeaseSetSource, StreamPaths
from core.client.remote import STUCK_S, Remote
from core.client.remotes import Remotes
from core.garlic.elgamal_sessions import ElGamalSessions
from core.garlic.sessions import RatchetSessions
from core.streaming.budgets import ACK_RESERVE
from core.tunnel.pool import TunnelPool
from core.tunnel.tunnels import OutboundTunnel

#: Stream packets under way while each has an ElGamal block, which is slow for both sides.
ELGAMAL_FIRST_MAX = ACK_RESERVE + 12


class Sending:
    """The :class:`~core.client.ports.DestinationNetwork` of this router.

    ``suspects``: tunnels through which something seems to have been lost. ``due_at``: when
    :meth:`help_troubled` has something to do, None if never. ``readdress``: a payload as it is for
    another destination, or None if it cannot be; None where payloads are a client's of I2CP, who
    has to choose among the machines of an address itself.
    """

    def __init__(
        self,
        pool: TunnelPool,
        ratchet: RatchetSessions,
        elgamal: ElGamalSessions,
        streams: StreamPaths,
        remotes: Remotes,
        own: LeaseSetSource,
        offers: LeaseSetOffers,
        outlet: Outlet,
        entropy: Entropy,
    ) -> None:
        self.suspects: list[OutboundTunnel] = []
        self.due_at: float | None = None
        self.readdress: Callable[[bytes, bytes], bytes | None] | None = None
        self.watch = PathWatch(self, own, offers, ratchet, streams, outlet)
        self._pool = pool
        self._ratchet = ratchet
        self._elgamal = elgamal
        self._streams = streams
        self._remotes = remotes
        self._outlet = outlet
        self._entropy = entropy
        self._troubled: dict[Remote, None] = {}
        remotes.on_forget += [self.watch.forget, self._forget]

    # For streams and datagrams (DestinationNetwork)

    def send(
        self,
        remote_hash: bytes,
        payloads: Sequence[bytes],
        now: float,
        *,
        is_datagram: bool,
        in_order: bool,
        with_lease_set: bool = True,
    ) -> None:
        """Send ``payloads``, or keep them until a lease set is found.

        ``with_lease_set``: our own may go along where it is due. Datagrams to an address that
        several machines have go to one of them.
        """
        if is_datagram:
            machine = self._remotes.machine_of(remote_hash, now)
            if machine is not None:
                remote_hash, payloads = machine, self._readdressed(payloads, machine)
                if not payloads:
                    return
        remote = self._remotes.get(remote_hash, now)
        asks = is_datagram and self.watch.note_datagram(remote, now)
        if self.is_reachable(remote, now):
            remote.spread.is_held = remote.spread.is_active and in_order
            self._outlet.send(remote, payloads, now, asks=asks, with_lease_set=with_lease_set)
        else:
            # What waits goes out together: one payload without it keeps it from all of them.
            withheld = remote.withholds_lease_set and bool(remote.waiting)
            remote.withholds_lease_set = withheld or not with_lease_set
            remote.waiting.extend(payloads)
            self._troubled[remote] = None

    def _readdressed(self, payloads: Sequence[bytes], machine: bytes) -> list[bytes]:
        if self.readdress is None:
            return list(payloads)
        found = [self.readdress(payload, machine) for payload in payloads]
        kept = [payload for payload in found if payload is not None]
        self._remotes.drop_unsent(len(found) - len(kept))
        return kept

    def budget(self, remote_hash: bytes, in_flight: int, now: float) -> int | None:
        """Stream packets that session and path take; a session's start has no room for acks.

        Where all that is under way may be lost, one more now and then finds out.
        """
        remote = self._remotes.by_hash.get(remote_hash)
        if remote is None or remote.static is None:
            return None
        if remote.is_elgamal:
            is_known = self._elgamal.is_established(remote.static)
            room = (remote.under_way_max if is_known else ELGAMAL_FIRST_MAX) - in_flight
        else:
            takes = self._ratchet.can_send_existing(remote.static, now)
            if takes is None:
                room = self._ratchet.can_send(remote.static, now)
                return room + ACK_RESERVE if room else 0
            room = min(takes, remote.under_way_max - in_flight)
        return max(room, ACK_RESERVE + 1) if remote.is_stuck(now) else max(room, 0)

    def retry_at(self, remote_hash: bytes, now: float) -> float:
        """When a spent budget should be looked at again; infinity if there is no reason to."""
        remote = self._remotes.by_hash.get(remote_hash)
        if remote is None or remote.static is None:
            return float("inf")
        return now + (self._ratchet.new_session_wait(remote.static, now) or STUCK_S)

    def note_delivered(
        self, remote_hash: bytes, packets: int, round_trip_s: float, now: float
    ) -> None:
        """So many stream packets were acknowledged since the last call."""
        remote = self._remotes.by_hash.get(remote_hash)
        if remote is not None and remote.static is not None:
            remote.delivered(packets, round_trip_s, now)
            self._ratchet.note_delivered(remote.static, packets)

    def suspect_path(self, remote_hash: bytes, now: float) -> None:
        """What was sent lately did not arrive: another way, and a newer lease set."""
        remote = self._remotes.by_hash.get(remote_hash)
        if remote is not None:
            self.change_path(remote, now)

    # Paths

    def is_reachable(self, remote: Remote, now: float) -> bool:
        """True if a message could be sent to it; asks for its lease set otherwise."""
        remote.begin_sending(now)
        wall_ms = self._remotes.wall_ms
        if remote.is_lease_set_old(wall_ms):
            self._remotes.look_up(remote, now)
        return remote.static is not None and remote.choose_lease(wall_ms, self._entropy) is not None

    def change_path(self, remote: Remote, now: float) -> None:
        """What was sent to it lately did not arrive: another way, and a newer lease set."""
        if not remote.suspect_path(now):
            return
        if remote.may_have_lost_us:
            self._remotes.doubt(remote, now)
            self._remotes.note_unreachable(remote.hash, now)
        self._troubled[remote] = None
        if remote.outbound is not None:
            self.suspects.append(remote.outbound)
            remote.outbound = self._pool.pick_outbound(now, (remote.outbound,))
        remote.offers = remote.offered_lease_set_s = 0
        remote.offered_since = 0.0
        self._search_again(remote, now)

    def _search_again(self, remote: Remote, now: float) -> None:
        """Both sides may have lost all their tunnels: keep asking until one newer is published."""
        if remote.static is not None and now >= remote.search_at:
            remote.search_at = now + remote.next_search_s(now)
            self._remotes.look_up(remote, now)

    def _forget(self, remote: Remote) -> None:
        self._troubled.pop(remote, None)

    def help_troubled(self, now: float) -> None:
        """Remotes for which something waits, or whose paths failed, until they are well again."""
        self.due_at = None
        for remote in list(self._troubled):
            if remote.waiting and self.is_reachable(remote, now):
                payloads = list(remote.waiting)
                remote.waiting.clear()
                with_lease_set = not remote.withholds_lease_set
                self._outlet.send(remote, payloads, now, with_lease_set=with_lease_set)
            elif remote.waiting and self._remotes.machine_of(remote.hash, now) is not None:
                payloads = list(remote.waiting)
                remote.waiting.clear()
                self.watch.forget(remote)
                self.send(
                    remote.hash,
                    payloads,
                    now,
                    is_datagram=True,
                    in_order=False,
                    with_lease_set=not remote.withholds_lease_set,
                )
            if remote.is_suspect:
                self._search_again(remote, now)
                self._retry_by(remote.search_at)
            elif not remote.waiting:
                self._troubled.pop(remote, None)

    def _retry_by(self, at: float) -> None:
        self.due_at = at if self.due_at is None else min(at, self.due_at)

    def send_reply(self, static: bytes, now: float) -> bool:
        """Send what the ratchet owes the holder of a key; False if it cannot be reached."""
        remote = self._remotes.by_static.get(static)
        if remote is None or not self.is_reachable(remote, now):
            return False
        self._outlet.send(remote, [], now)
        return True
