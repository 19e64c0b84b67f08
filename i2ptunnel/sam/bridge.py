"""The SAM bridge as a service: its listener, its UDP port and everything behind them."""

from __future__ import annotations

from typing import Any

from i2ptunnel.config.interfaces_model import SamSection
from i2ptunnel.relay.activation import Take, take_none
from i2ptunnel.relay.listener import Accepted, Listener, ListenerLimits
from i2ptunnel.relay.udp import UdpAddress
from i2ptunnel.sam.connection import Connection
from i2ptunnel.sam.context import Figures, SamContext
from i2ptunnel.sam.datagrams import Sender, UdpPort
from i2ptunnel.sam.names import Names
from i2ptunnel.sam.parts import BridgeParts
from i2ptunnel.sam.sessions import Sessions
from i2ptunnel.sam.users import UserStore


class SamBridge:
    """One life of the service: :meth:`start` once, :meth:`stop` once."""

    def __init__(self, section: SamSection, context: SamContext, take: Take = take_none) -> None:
        self._section = section
        is_local = section.listen.is_loopback
        most = section.max_connections
        limits = ListenerLimits(most, most if is_local else max(1, most // 2))
        self._listener = Listener(
            section.listen, self._serve, limits, budget=context.budget, take=take
        )
        self._udp = UdpPort(section.udp, self._on_packet, take)
        figures, names = Figures(), Names(context)
        room = _Room(self._listener, context)
        sessions = Sessions(section, context, figures, self._udp, room)
        sender = Sender(sessions.find, names, figures)
        users = UserStore(section.users, may_disable=is_local)
        self._parts = BridgeParts(context.entropy, figures, users, names, sessions, sender)

    @property
    def port(self) -> int:
        """The TCP port it listens at."""
        return self._listener.port

    @property
    def udp_port(self) -> int:
        """The UDP port it listens at, 0 if there is none."""
        return self._udp.port

    async def start(self) -> None:
        """Listen; raises Unavailable, FileFault or OSError."""
        self._parts.users.load()
        self._listener.bind()
        await self._udp.open()
        await self._parts.sessions.start()
        self._listener.start()

    async def stop(self) -> None:
        """End all connections and sessions; may be called in any state."""
        await self._parts.sessions.stop()
        await self._listener.stop()
        await self._parts.sender.close()
        self._udp.close()

    async def check(self) -> None:
        """Raise Unavailable if nobody can reach the listener any more."""
        self._listener.check()

    def status(self) -> dict[str, Any]:
        """Where it listens, what is open, and figures since the start."""
        figures = self._parts.figures
        return {
            "listen": str(self._section.listen),
            "sessions": self._parts.sessions.count,
            "streams": figures.streams,
            "connections_open": self._listener.open_connections,
            "sessions_total": figures.sessions_total,
            "streams_total": figures.streams_total,
            "requests_refused": figures.requests_refused,
            "datagrams_sent": figures.datagrams_sent,
            "datagrams_received": figures.datagrams_received,
            "datagrams_dropped": figures.datagrams_dropped,
            "bytes_to_i2p": figures.traffic.sent,
            "bytes_from_i2p": figures.traffic.received,
        }

    async def _serve(self, accepted: Accepted) -> None:
        await Connection(self._parts, accepted).serve()

    def _on_packet(self, packet: bytes, source: UdpAddress) -> None:
        self._parts.sender.receive_packet(packet, source)


class _Room:
    """Descriptors for the servers that streams are forwarded to."""

    def __init__(self, listener: Listener, context: SamContext) -> None:
        self._listener = listener
        self._budget = context.budget

    def take(self) -> bool:
        return self._budget.take(self._listener)

    def give_back(self) -> None:
        self._budget.give_back()
