"""What the tunnels say, carried to whom it concerns."""

from __future__ import annotations

from dataclasses import dataclass

from core.netdb.facade import NetDb
from core.peers.book import PeerBook
from core.router.inbox import Inbox
from core.router.observer import Observer
from core.router.sessions import Sessions
from core.tunnel import events
from core.tunnel.manager import TunnelManager
from core.tunnel.testing import TEST_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class TunnelEvents:
    """``tunnels``: whose events; the others are told."""

    tunnels: TunnelManager
    netdb: NetDb
    peers: PeerBook
    inbox: Inbox
    clients: Sessions

    def drain(self, observer: Observer, now: float) -> bool:
        """Carry all there are; whether there were any."""
        is_busy = False
        while (event := self.tunnels.next_event()) is not None:
            is_busy = True
            observer.on_tunnel_event(event, now)
            self._carry(event, now)
        return is_busy

    def _carry(self, event: events.TunnelEvent, now: float) -> None:
        match event:
            case events.RegisterReplyKey(owner, tag, key):
                self.inbox.register_reply_key(owner, tag, key, now)
            case events.LeasesChanged(owner):
                client = self.clients.get_touched(owner)
                if client is not None:
                    client.leases_changed(now)
            case events.TunnelReady(owner) | events.TunnelLost(owner):
                client = self.clients.get_touched(owner)
                if client is not None:
                    client.tunnels_changed()
            case events.BuildFinished(_, _, hops, codes, elapsed_s, neighbour):
                self.peers.note_build(hops, codes, now, neighbour, elapsed_s)
                for router_hash, code in zip(hops, codes or (), strict=codes is not None):
                    if not code:
                        self.netdb.prove_router(router_hash)
            case events.TunnelTested(_, hops, rtt_s):
                self.peers.note_test(hops, rtt_s, now, TEST_TIMEOUT_S)
            case events.TunnelCarried(_, hops, bytes_s):
                self.peers.note_carried(hops, bytes_s, now)
            case events.RoutersWanted(_, wanted):
                for router_hash in wanted:
                    self.netdb.lookup_router(router_hash, now, is_direct=False)
