"""A home router that answers PCP and NAT-PMP as its test wants, without sockets."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

ADDRESS = "192.168.1.1"
PORT = 5351
_NAMES = {6: "tcp", 17: "udp"}


@dataclass
class Gateway:
    """``speaks``: pcp, nat-pmp or nothing. ``external``: its address; ``now``: for its epoch."""

    speaks: tuple[str, ...] = ("pcp", "nat-pmp")
    external: str = "8.8.4.1"
    lifetime_s: int = 7200
    booted_at: float = 0.0
    result: dict[str, int] = field(default_factory=dict)
    """Protocol (or "status") -> the error it answers with."""
    port: dict[str, int] = field(default_factory=dict)
    """Protocol -> the external port that it gives instead of the suggested one."""
    nonce_xor: int = 0
    is_silent: bool = False
    mapped: dict[str, int] = field(default_factory=dict)
    """What it forwards: protocol -> external port."""
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    """(method, subject, lifetime) of all requests."""

    def restart(self, now: float) -> None:
        """Everything is forgotten."""
        self.booted_at = now
        self.mapped.clear()

    def answer(self, data: bytes, now: float) -> bytes | None:
        """To a request; None: it does not."""
        is_pcp = data[0] == 2
        if is_pcp:
            subject = _NAMES[data[36]] if data[1] == 1 else "status"
            lifetime_s = int.from_bytes(data[4:8], "big")
        else:
            subject = ("status", "udp", "tcp")[data[1]]
            lifetime_s = int.from_bytes(data[8:12], "big") if len(data) == 12 else 0
        self.asked.append(("pcp" if is_pcp else "nat-pmp", subject, lifetime_s))
        if self.is_silent:
            return None
        if is_pcp and "pcp" not in self.speaks:
            # A NAT-PMP server answers in its own format.
            return struct.pack(">BBHI", 0, 128, 1, 0) if "nat-pmp" in self.speaks else None
        if not is_pcp and "nat-pmp" not in self.speaks:
            return None
        epoch_s = int(now - self.booted_at)
        code = self.result.get(subject, 0)
        if subject != "status" and not code:
            if lifetime_s:
                self.mapped[subject] = self.port.get(subject) or self.wanted(data, is_pcp)
            else:
                self.mapped.pop(subject, None)
        if is_pcp:
            return self.pcp(data, subject, code, lifetime_s, epoch_s)
        return self.natpmp(data, subject, code, lifetime_s, epoch_s)

    @staticmethod
    def wanted(data: bytes, is_pcp: bool) -> int:
        port = int.from_bytes(data[42:44] if is_pcp else data[6:8], "big")
        return port or 40_000

    def pcp(self, data: bytes, subject: str, code: int, lifetime_s: int, epoch_s: int) -> bytes:
        lifetime_s = min(lifetime_s, self.lifetime_s) if not code else 1800
        head = struct.pack(">BBxBII12x", 2, data[1] | 0x80, code, lifetime_s, epoch_s)
        if subject == "status":
            return head
        external = ip_address(self.external)
        packed = (
            bytes(10) + b"\xff\xff" + external.packed
            if isinstance(external, IPv4Address)
            else IPv6Address(external).packed
        )
        nonce = bytes([data[24] ^ self.nonce_xor]) + data[25:36]
        port = self.mapped.get(subject, 0)
        return head + nonce + data[36:42] + port.to_bytes(2, "big") + packed

    def natpmp(self, data: bytes, subject: str, code: int, lifetime_s: int, epoch_s: int) -> bytes:
        head = struct.pack(">BBHI", 0, data[1] | 0x80, code, epoch_s)
        if subject == "status":
            return head + (b"" if code else IPv4Address(self.external).packed)
        port = self.mapped.get(subject, 0)
        lifetime_s = 0 if code else min(lifetime_s, self.lifetime_s)
        return head + data[4:6] + struct.pack(">HI", port, lifetime_s)
