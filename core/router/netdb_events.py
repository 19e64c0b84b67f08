"""What the network database says, carried to whom it concerns."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from core.netdb import events
from core.netdb.facade import NetDb
from core.router.inbox import Inbox
from core.router.netdb_sender import NetDbSender
from core.router.observer import Observer
from core.router.pending_sends import PendingSends
from core.router.ports import pool_name
from core.router.sessions import Sessions
from core.transport.links import Links
from core.transport.misconduct import FALSE_ANSWER
from core.tunnel.manager import TunnelManager

logger = logging.getLogger("core.router")


@dataclass(frozen=True, slots=True)
class NetDbEvents:
    """``publish``: sign and publish our RouterInfo; ``send``: messages to another router."""

    netdb: NetDb
    sender: NetDbSender
    pending_sends: PendingSends
    inbox: Inbox
    clients: Sessions
    tunnels: TunnelManager
    links: Links
    publish: Callable[[float], None]
    send: Callable[[bytes, list[bytes], float], None]

    def drain(self, observer: Observer, now: float) -> bool:
        """Carry all there are; whether there were any."""
        is_busy = False
        while (event := self.netdb.next_event()) is not None:
            is_busy = True
            observer.on_netdb_event(event, now)
            self._carry(event, now)
        return is_busy

    def _carry(self, event: events.Event, now: float) -> None:
        match event:
            case events.SendDirect(router, kind, body, source):
                if source is None or self.pending_sends.can_reach(router, source, now):
                    self.send(router, [self.sender.direct(kind, body)], now)
            case events.SendThroughTunnel():
                self.sender.through_tunnel(event, now)
            case events.SendToGateway():
                if self.pending_sends.can_reach(event.gateway, event.source, now):
                    self.sender.to_gateway(event, now)
            case events.RegisterReplyKey(owner, tag, key):
                self.inbox.register_reply_key(pool_name(owner), tag, key, now)
            case events.LookupFinished(request, _, _, owner, result):
                client = self.clients.get_touched(owner)
                if client is not None:
                    client.lookup_finished(request, result, now)
                else:
                    missing = self.pending_sends.looked_up(request, result is not None, now)
                    if missing is not None:
                        self.tunnels.note_peer_failed(missing, now)
            case events.AnswerForged(floodfill):
                self.links.note_violation(floodfill, FALSE_ANSWER, now)
            case events.PublishConfirmed(_, owner, _):
                client = self.clients.get_touched(owner)
                if client is not None:
                    client.publish_confirmed()
            case events.RepublishDue(_, owner):
                client = self.clients.get_touched(owner)
                if client is not None:
                    client.republish(now)
                elif owner is None:
                    self.publish(now)
            case events.PublishFailed(_, owner, attempts):
                logger.debug("publishing failed after %d floodfills", attempts)
