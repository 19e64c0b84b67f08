"""Network address translators of the four kinds (RFC 3489, section 5; behaviour as in RFC 4787)."""

from __future__ import annotations

from enum import Enum

from tests.support.world.udp import FIRST_PORT, PORTS, Address, Outside, UdpNet, UdpSocket

MAPPING_LIFE_S = 120.0
"""RFC 4787, REQ-5: no less than two minutes; many boxes have 30 s."""


class NatKind(Enum):
    """Who may send to a socket inside, once that has sent something out."""

    FULL_CONE = "anybody"
    ADDRESS_RESTRICTED = "hosts it has sent to, from any port"
    PORT_RESTRICTED = "the addresses and ports it has sent to"
    SYMMETRIC = "the same, and each of those sees another port"

    @property
    def is_cone(self) -> bool:
        """Whether all see the same address and port of a socket inside."""
        return self is not NatKind.SYMMETRIC


class _Mapping:
    """An outside port of a socket inside. ``asked``: whom it has sent to, and when the last time"""

    __slots__ = ("asked", "inner", "key", "port", "used_at")

    def __init__(self, key: object, inner: Address, port: int) -> None:
        self.key = key
        self.inner = inner
        self.port = port
        self.used_at = 0.0
        self.asked: dict[Address, float] = {}


class NatBox:
    """A translator with hosts behind it; it may itself be behind another one (carrier-grade).

    A mapping ends ``life_s`` after something last left through it, or came in if
    ``inbound_refreshes``; the leave to send in ends in the same way for each address.
    """

    def __init__(
        self,
        net: UdpNet,
        kind: NatKind,
        host: str,
        *,
        life_s: float = MAPPING_LIFE_S,
        inbound_refreshes: bool = False,
        keeps_ports: bool = False,
        has_hairpin: bool = False,
        behind: NatBox | None = None,
    ) -> None:
        """``keeps_ports``: a mapping has the inner port where it is free.

        ``has_hairpin``: two sockets inside reach each other by their outside addresses.
        """
        self.kind = kind
        self.host = host
        self._net = net
        self._life_s = life_s
        self._inbound_refreshes = inbound_refreshes
        self._keeps_ports = keeps_ports
        self._has_hairpin = has_hairpin
        self._outside: Outside = net if behind is None else behind
        self._inside: dict[Address, UdpSocket] = {}
        self._boxes: dict[str, NatBox] = {}
        self._mappings: dict[object, _Mapping] = {}
        self._ports: dict[int, _Mapping] = {}
        if behind is None:
            net.attach(host, self)
        else:
            behind._boxes[host] = self

    # Inside

    def bind(self, host: str, port: int) -> UdpSocket:
        """A socket of a host behind the box."""
        address = host, port
        assert address not in self._inside, f"{address} is in use"
        socket = self._inside[address] = UdpSocket(self, address)
        return socket

    def send(self, source: Address, target: Address, data: bytes) -> None:
        """From inside to anywhere."""
        if target in self._inside:
            self._net.schedule.after(0.0, lambda: self._inside[target].deliver(data, source))
            return
        mapping = self._mapping(source, target)
        now = self._net.schedule.now
        mapping.used_at = mapping.asked[target] = now
        outer = self.host, mapping.port
        if target[0] != self.host:
            self._outside.send(outer, target, data)
        elif self._has_hairpin:
            self._net.schedule.after(0.0, lambda: self.receive(outer, target[1], data))
        else:
            self._net.dropped["no mapping"] += 1

    def forget(self) -> None:
        """The box starts anew: all mappings are gone."""
        self._mappings.clear()
        self._ports.clear()

    def address_of(self, inner: Address, target: Address = ("", 0)) -> Address | None:
        """How ``target`` sees a socket inside at present; None if there is no mapping."""
        mapping = self._mappings.get(self._key(inner, target))
        return None if mapping is None or self._is_over(mapping) else (self.host, mapping.port)

    # Outside

    def receive(self, source: Address, port: int, data: bytes) -> None:
        """From outside; dropped unless the kind of box lets it in."""
        mapping = self._ports.get(port)
        if mapping is None or self._is_over(mapping) or not self._lets_in(mapping, source):
            self._net.dropped["no mapping"] += 1
            return
        if self._inbound_refreshes:
            mapping.used_at = self._net.schedule.now
            if source in mapping.asked:
                mapping.asked[source] = mapping.used_at
        socket = self._inside.get(mapping.inner)
        box = self._boxes.get(mapping.inner[0])
        if socket is not None:
            socket.deliver(data, source)
        elif box is not None:
            box.receive(source, mapping.inner[1], data)
        else:
            self._net.dropped["no socket"] += 1

    # The table

    def _key(self, inner: Address, target: Address) -> object:
        return inner if self.kind.is_cone else (inner, target)

    def _mapping(self, inner: Address, target: Address) -> _Mapping:
        key = self._key(inner, target)
        mapping = self._mappings.get(key)
        if mapping is not None and not self._is_over(mapping):
            return mapping
        if mapping is not None:
            del self._ports[mapping.port]
        mapping = _Mapping(key, inner, self._free_port(inner[1]))
        self._mappings[key] = self._ports[mapping.port] = mapping
        return mapping

    def _free_port(self, wanted: int) -> int:
        for port in [port for port, mapping in self._ports.items() if self._is_over(mapping)]:
            self._mappings.pop(self._ports.pop(port).key, None)
        if self._keeps_ports and wanted not in self._ports:
            return wanted
        while (port := FIRST_PORT + self._net.dice.randbelow(PORTS)) in self._ports:
            pass
        return port

    def _is_fresh(self, at: float) -> bool:
        return self._net.schedule.now - at < self._life_s

    def _is_over(self, mapping: _Mapping) -> bool:
        return not self._is_fresh(mapping.used_at)

    def _lets_in(self, mapping: _Mapping, source: Address) -> bool:
        match self.kind:
            case NatKind.FULL_CONE:
                return True
            case NatKind.ADDRESS_RESTRICTED:
                asked = mapping.asked.items()
                return any(host == source[0] and self._is_fresh(at) for (host, _), at in asked)
            case NatKind.PORT_RESTRICTED | NatKind.SYMMETRIC:
                return source in mapping.asked and self._is_fresh(mapping.asked[source])
