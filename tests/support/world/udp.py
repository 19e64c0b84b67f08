"""Datagrams between hosts: lost, late, twice, in another order, or through address translators."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from tests.support.world.models import LinkModel, Ways
from tests.support.world.schedule import Dice, Schedule

Address = tuple[str, int]
"""Host and port."""
IP_HEADER_BYTES = 28
"""Of IPv4 and UDP."""
FIRST_PORT, PORTS = 49152, 16384
"""Where ports are drawn from that nobody asked for."""
REORDERED_LATER_S = 0.05
"""How much later than its time a datagram may come that others overtake."""


class Outside(Protocol):
    """What stands between a socket and the network."""

    def send(self, source: Address, target: Address, data: bytes) -> None:
        """A datagram leaves."""


class UdpSocket:
    """``address`` is what the machine itself calls it; others may see another one."""

    def __init__(self, outside: Outside, address: Address) -> None:
        self.address = address
        self.received: deque[tuple[bytes, Address]] = deque()
        """(data, who it seems to come from), while there is no ``on_datagram``."""
        self.on_datagram: Callable[[bytes, Address], None] | None = None
        self._outside = outside

    def send(self, data: bytes, target: Address) -> None:
        """May be lost, as ever."""
        self._outside.send(self.address, target, data)

    def deliver(self, data: bytes, source: Address) -> None:
        """A datagram is here."""
        if self.on_datagram is None:
            self.received.append((data, source))
        else:
            self.on_datagram(data, source)


class Host(Protocol):
    """Who has a public address."""

    def receive(self, source: Address, port: int, data: bytes) -> None:
        """A datagram came to a port of it."""


class PublicHost:
    """Sockets with a public address."""

    def __init__(self, net: UdpNet, host: str) -> None:
        self._net = net
        self._host = host
        self._sockets: dict[int, UdpSocket] = {}

    def bind(self, port: int) -> UdpSocket:
        """A socket at a port that is free."""
        assert port not in self._sockets, f"{self._host} port {port} is in use"
        socket = self._sockets[port] = UdpSocket(self._net, (self._host, port))
        return socket

    def close(self, port: int) -> None:
        """Nobody listens there any more."""
        del self._sockets[port]

    def receive(self, source: Address, port: int, data: bytes) -> None:
        socket = self._sockets.get(port)
        if socket is None:
            self._net.dropped["no socket"] += 1
        else:
            socket.deliver(data, source)


class UdpNet:
    """The network outside of all translators. ``dropped`` counts by reason."""

    def __init__(self, schedule: Schedule, ways: Ways, dice: Dice) -> None:
        self.schedule = schedule
        self.dice = dice
        self.sent = 0
        self.delivered = 0
        self.dropped = dict.fromkeys(
            ("lost", "too large", "queue full", "cut", "no host", "no socket", "no mapping"), 0
        )
        self._ways = ways
        self._hosts: dict[str, Host] = {}
        self._free_at: dict[tuple[str, str], float] = {}

    def attach(self, address: str, host: Host) -> None:
        """``host`` has this public address from now on."""
        assert address not in self._hosts, f"{address} is in use"
        self._hosts[address] = host

    def host(self, address: str) -> PublicHost:
        """A host with a public address of its own."""
        host = PublicHost(self, address)
        self.attach(address, host)
        return host

    def send(self, source: Address, target: Address, data: bytes) -> None:
        """On its way between two public addresses."""
        self.sent += 1
        way = source[0], target[0]
        model = self._ways.of(*way)
        fraction = self.dice.fraction
        if IP_HEADER_BYTES + len(data) > model.mtu:
            self.dropped["too large"] += 1
            return
        now = self.schedule.now
        wait_s = 0.0
        if model.bytes_s is not None:
            wait_s = max(0.0, self._free_at.get(way, 0.0) - now)
            if wait_s > model.queue_s + 1e-6:
                self.dropped["queue full"] += 1
                return
            wait_s += (IP_HEADER_BYTES + len(data)) / model.bytes_s
            self._free_at[way] = now + wait_s
        if model.loss and fraction() < model.loss:
            self.dropped["lost"] += 1
            return
        copies = 2 if model.duplicate and fraction() < model.duplicate else 1
        for _ in range(copies):
            late_s = model.jitter_s * fraction() if model.jitter_s else 0.0
            if model.reorder and fraction() < model.reorder:
                late_s += REORDERED_LATER_S * (1 + fraction())
            self._put(source, target, data, model, wait_s + late_s)

    def _put(
        self, source: Address, target: Address, data: bytes, model: LinkModel, later_s: float
    ) -> None:
        def arrive() -> None:
            if self._ways.is_cut(source[0], target[0]):
                self.dropped["cut"] += 1
                return
            host = self._hosts.get(target[0])
            if host is None:
                self.dropped["no host"] += 1
                return
            self.delivered += 1
            host.receive(source, target[1], data)

        self.schedule.after(model.delay_s + later_s, arrive)
