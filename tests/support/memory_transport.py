"""The smallest transport: packets in queues, no cryptography, no sockets.

It behaves like a datagram transport: an endpoint receives packets with the host they came from, and
a session has a window. It proves that the seam (core/transport/ports.py) knows no NTCP2.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from core.data.router_info import RouterInfo
from core.data.transport_address import RouterAddress, published_host
from core.transport.context import TransportContext
from core.transport.ports import (
    Bid,
    Blame,
    Confirmed,
    Ended,
    Established,
    SessionEvent,
    SessionOwner,
    Unreachable,
)
from core.transport.reasons import TerminationReason, reason_word

STYLE = "MEMORY"
COST = 5
TIMEOUT_S = 10.0
WINDOW_BYTES = 4096
"""What one session writes at once."""


@dataclass(frozen=True)
class Packet:
    """``session``: the dialler's host and its number. ``router_info``: in the two first packets."""

    session: tuple[str, int]
    router_info: bytes = b""
    messages: tuple[bytes, ...] = ()
    reason: TerminationReason | None = None


class MemorySession:
    """A session with one router; ``key`` is the same on both sides."""

    transport = "memory"
    kem = None

    def __init__(
        self, endpoint: MemoryEndpoint, key: tuple[str, int], remote_host: str, now: float
    ) -> None:
        self._endpoint = endpoint
        self.key = key
        self.remote_host = remote_host
        self.router_info: RouterInfo | None = None
        self.is_established = False
        self.deadline = now + TIMEOUT_S
        self.last_active = self.last_received = now
        self.events: deque[SessionEvent] = deque()
        self._sent: list[bytes] = []

    @property
    def is_outbound(self) -> bool:
        return self.key[0] == self._endpoint.host

    @property
    def router_hash(self) -> bytes | None:
        return None if self.router_info is None else self.router_info.hash

    def wake(self) -> bool:
        if self.is_established:
            self._endpoint.ready[self.key] = self
        return self.is_established

    def admit(self, now: float) -> None:
        self._endpoint.greet(self)

    def send(self, messages: Sequence[bytes], now: float) -> None:
        self._sent += messages
        self.last_active = now

    def take_output(self) -> list[Packet]:
        sent, self._sent = self._sent, []
        return [Packet(self.key, messages=tuple(sent))] if sent else []

    def close(self, reason: TerminationReason, now: float) -> None:
        self._endpoint.put(self, Packet(self.key, reason=reason))
        self._endpoint.end(self, reason, now)

    def abort(self) -> None:
        self.events.clear()
        self._endpoint.forget(self)

    def handle_timer(self, now: float) -> None:
        if not self.is_established and now >= self.deadline:
            self._endpoint.forget(self)
            self._endpoint.tell(self, Unreachable("timeout", is_local=False, is_silent=True), now)

    def next_event(self) -> SessionEvent | None:
        return self.events.popleft() if self.events else None


class MemoryEndpoint:
    """One router's end of a :class:`MemoryNetwork`. ``cost``: its bid."""

    def __init__(
        self, network: MemoryNetwork, context: TransportContext, host: str, cost: int = COST
    ) -> None:
        self.host = host
        self.published_host = host
        self.cost = cost
        self.output: deque[tuple[str, Packet]] = deque()
        self.ready: dict[tuple[str, int], MemorySession] = {}
        self.sessions: dict[tuple[str, int], MemorySession] = {}
        self._context = context
        self._owner: SessionOwner
        self._network = network
        self._number = 0
        self._is_closing = False
        network.endpoints[host] = self

    # core.transport.ports.Endpoint

    @property
    def inbound_count(self) -> int:
        return sum(not session.is_outbound for session in self.sessions.values())

    @property
    def pending_count(self) -> int:
        return 0

    def is_calling(self, host: str) -> bool:
        return False

    @property
    def is_reachable(self) -> bool:
        return True

    def publish(self, is_ipv6: bool, address: tuple[str, int] | None, now: float) -> None:
        assert address is not None and not is_ipv6
        self._network.endpoints[address[0]] = self
        self.published_host = address[0]
        self._owner.addresses_changed(now)

    def attach(self, owner: SessionOwner) -> None:
        self._owner = owner

    def addresses(self) -> list[RouterAddress]:
        return [RouterAddress(self.cost, 0, STYLE, {"host": self.published_host, "port": "1"})]

    def options(self) -> dict[str, str]:
        return {"memory": "1"}

    def bid(self, router_info: RouterInfo, now: float) -> Bid | None:
        if self._is_closing:
            return None
        for address in router_info.addresses:
            host = published_host(address)
            if address.style == STYLE and self._context.reachability.can_dial(host):
                return Bid(self, host, host, self.cost)
        return None

    def dial(self, router_info: RouterInfo, bid: Bid, now: float) -> MemorySession:
        self._number += 1
        session = MemorySession(self, (self.host, self._number), bid.host, now)
        session.router_info = router_info
        self.sessions[session.key] = session
        self.greet(session)
        return session

    def shutdown(self, now: float) -> None:
        self._is_closing = True
        for session in list(self.sessions.values()):
            session.close(TerminationReason.ROUTER_SHUTDOWN, now)

    def next_timer(self) -> float | None:
        return min((one.deadline for one in self._pending()), default=None)

    def handle_timer(self, now: float) -> None:
        for session in self._pending():
            session.handle_timer(now)

    def _pending(self) -> list[MemorySession]:
        return [session for session in self.sessions.values() if not session.is_established]

    # Its driver

    def receive(self, packet: Packet, source: str, now: float) -> None:
        """A packet came from this host."""
        session = self.sessions.get(packet.session)
        if session is None and packet.router_info and not self._is_closing:
            session = MemorySession(self, packet.session, source, now)
            self.sessions[session.key] = session
        if session is None or session.remote_host != source:
            return
        session.last_active = session.last_received = now
        self._context.stats.bytes_received += sum(map(len, packet.messages))
        if packet.messages and session.is_established:
            self._owner.received(session, list(packet.messages), now)
            return
        self._owner.heard(now)
        if packet.reason is not None:
            self.end(session, packet.reason, now, is_remote=True)
        elif packet.router_info and not session.is_established:
            self._shake_hands(session, RouterInfo.parse(packet.router_info), now)

    def _shake_hands(self, session: MemorySession, shown: RouterInfo, now: float) -> None:
        expected = session.router_info
        if not shown.verify() or (expected is not None and expected.hash != shown.hash):
            session.close(TerminationReason.BAD_SIGNATURE, now)
            return
        session.router_info = shown
        session.is_established = True
        if expected is None:
            self.tell(session, Established(shown, flood=False), now)
        else:
            self.tell(session, Established(None, flood=False), now)
            self.tell(session, Confirmed(), now)

    def take_output(self, now: float) -> list[tuple[str, Packet]]:
        """Packets to send, with the hosts they go to."""
        ready, self.ready = self.ready, {}
        for key, session in ready.items():
            bytes_max = self._context.bandwidth.writable(WINDOW_BYTES, now)
            if bytes_max <= 0:
                self.ready[key] = session
                continue
            if self._owner.fill(session, bytes_max, now):
                self.ready.setdefault(key, session)
            for packet in session.take_output():
                size = sum(map(len, packet.messages))
                self._context.stats.bytes_sent += size
                self._context.bandwidth.sent(size, now)
                self.put(session, packet)
        output, self.output = list(self.output), deque()
        return output

    # Its sessions

    def greet(self, session: MemorySession) -> None:
        """Show our RouterInfo."""
        self.put(session, Packet(session.key, router_info=self._context.router_info()))

    def put(self, session: MemorySession, packet: Packet) -> None:
        """Send a packet to the peer."""
        self.output.append((session.remote_host, packet))

    def tell(self, session: MemorySession, event: SessionEvent, now: float) -> None:
        """Have the owner look at an event."""
        session.events.append(event)
        self._owner.session_changed(session, now)

    def end(
        self,
        session: MemorySession,
        reason: TerminationReason,
        now: float,
        *,
        is_remote: bool = False,
    ) -> None:
        """The session is over, by our wish or the peer's."""
        self.forget(session)
        ended = Ended(reason_word(reason), reason, Blame.NOBODY, not is_remote, is_remote)
        self.tell(session, ended, now)

    def forget(self, session: MemorySession) -> None:
        """Harmless the second time."""
        self.sessions.pop(session.key, None)
        self.ready.pop(session.key, None)


class MemoryNetwork:
    """Endpoints by host. ``lost``: hosts whose packets vanish, in both directions."""

    def __init__(self) -> None:
        self.endpoints: dict[str, MemoryEndpoint] = {}
        self.lost: set[str] = set()
        self.carried = 0

    def carry(self, now: float) -> bool:
        """Move what every endpoint has for the others once; False if nothing moved."""
        moved = False
        for endpoint in list(self.endpoints.values()):
            source = endpoint.host
            for target, packet in endpoint.take_output(now):
                moved = True
                other = self.endpoints.get(target)
                if other is not None and self.lost.isdisjoint((source, target)):
                    self.carried += 1
                    other.receive(packet, source, now)
        return moved
