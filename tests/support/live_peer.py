"""A router of ours that has links and nothing else, beside real routers: it sends and collects."""

from __future__ import annotations

import time

from core.i2np.message import Message, make_short
from core.io.tcp import TcpTransport
from core.io.wakeup import Wakeup
from core.transport.events import Event, MessagesReceived
from tests.support.link_nodes import Node

_EXPIRES_AFTER_S = 20


class LivePeer:
    """A node on a real socket of its own host; what it receives is kept by type."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.events: list[Event] = []
        self.messages: list[tuple[bytes, Message]] = []
        self.tcp = TcpTransport(node.ntcp2, Wakeup(self._on_wakeup), source_hosts=(node.host,))

    def _on_wakeup(self) -> None:
        self.node.links.handle_timer(time.monotonic())
        while (event := self.node.links.next_event()) is not None:
            if isinstance(event, MessagesReceived):
                self.messages += [
                    (event.router_hash, Message.parse_short(m)) for m in event.messages
                ]
            else:
                self.events.append(event)

    def send(self, router_hash: bytes, message_type: int, *bodies: bytes) -> None:
        """Queue messages for a router, which is dialled if there is no link."""
        expiration_ms = int((time.time() + _EXPIRES_AFTER_S) * 1000)
        messages = [
            make_short(
                message_type,
                int.from_bytes(self.node.entropy.random_bytes(4), "big"),
                expiration_ms,
                body,
            )
            for body in bodies
        ]
        self.node.links.send(router_hash, messages, time.monotonic())
        self.tcp.schedule()

    def of(self, kind: type, router_hash: bytes | None = None) -> list[Event]:
        """The events of a kind so far, about one router or all."""
        return [
            event
            for event in self.events
            if isinstance(event, kind)
            and (router_hash is None or getattr(event, "router_hash", None) == router_hash)
        ]

    def got(self, router_hash: bytes, message_type: int) -> list[bytes]:
        """The bodies of a type that a router sent so far."""
        return [m.body for h, m in self.messages if h == router_hash and m.type == message_type]
