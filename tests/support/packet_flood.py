"""Floods a router's SSU2 port from a process of its own, as fast as one core sends.

``python -m tests.support.packet_flood``, with an :class:`Order` as JSON in the first argument. It
floods until its standard input ends, and then prints how many packets it sent in how many seconds.

What is sent is made before, so sending costs no cryptography. On loopback any address of 127/8 may
be the source of a packet: those that are drawn stand for forged ones, and answers to them get lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle

from core.base.errors import DecodeError
from core.data.router_info import RouterInfo
from core.io.system import SystemEntropy, SystemWallClock
from core.transport.ssu2 import outside
from core.transport.ssu2.blocks import DateTime
from core.transport.ssu2.framing import SocketAddress, write_padding
from core.transport.ssu2.handshake import ConnectionIds, request
from core.transport.ssu2.header import LongHeader, PacketType, ShortHeader, mask
from core.transport.ssu2.outside import IntroKey
from tests.support.i2pd_net import NETWORK_ID

KINDS = ("token requests", "bad tokens", "sessions", "forged sources", "noise", "mutated")
#: how many packets are made, to be sent over and over
POOL = 4000
#: largest UDP payload
_ROOM = 1472
SESSIONS = 1500
#: real addresses that ask for tokens and use them
CALLERS = 250
FORGED = 20_000
_BURST = 500
_IP_PKTINFO = 8
_ENTROPY = SystemEntropy()
_WALL = SystemWallClock()

Ancillary = list[tuple[int, int, bytes]]


@dataclass(frozen=True)
class Order:
    """Whom to flood with what. ``core``: the only one to run on, None for any."""

    kind: str
    router_info: str
    core: int | None = None


class Flood:
    """A flooding process."""

    def __init__(self, kind: str, router_info: bytes, core: int | None) -> None:
        order = json.dumps(asdict(Order(kind, router_info.hex(), core)))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.packet_flood", order],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "flooding\n":
            self.kill()
            raise RuntimeError("the flood did not begin")

    def stop(self) -> float:
        """End it; the packets per second that it sent."""
        told, _ = self._process.communicate(timeout=20)
        return float(json.loads(told)["rate"])

    def kill(self) -> None:
        """Whatever it does."""
        with self._process:
            self._process.kill()


@contextlib.contextmanager
def flooding(kind: str, router_info: bytes, core: int | None) -> Iterator[Flood]:
    """A flood that is over with the block."""
    flood = Flood(kind, router_info, core)
    try:
        yield flood
    finally:
        flood.kill()


class _Packets:
    """Makes packets for one router."""

    def __init__(self, router_info: RouterInfo) -> None:
        address = router_info.ssu2_addresses()[0]
        self.target = SocketAddress(address.host, address.port)
        self.static_key = address.static_key
        self.intro = IntroKey(address.intro_key)
        self.hash = router_info.hash

    def token_request(self) -> bytes:
        ids = _ids()
        return outside.write_token_request(
            ids.remote, ids.local, self.intro, NETWORK_ID, _WALL, _ENTROPY
        )

    def session_request(self, token: int) -> bytes:
        _, packet = request(
            _ids(),
            self.static_key,
            self.intro,
            token,
            NETWORK_ID,
            _WALL,
            _ENTROPY,
            room=_ROOM,
            peer_hash=self.hash,
        )
        return packet

    def sealed(self, kind: PacketType) -> bytes:
        """A packet outside of sessions with blocks that mean nothing."""
        ids = _ids()
        header = LongHeader(ids.remote, 1, kind, ids.local, 7, NETWORK_ID)
        payload = DateTime.at(_WALL.now()).write() + write_padding(20) + os.urandom(30)
        return outside.seal(header, payload, self.intro)

    def short(self, kind: PacketType) -> bytes:
        """Masked rightly, and noise behind it."""
        header = ShortHeader(outside.random_id(_ENTROPY), 1, kind, 1).write()
        data = header + os.urandom(random.randrange(40, 1200))
        return mask(data, self.intro.header, self.intro.header)

    def mutated(self) -> bytes:
        """A packet of some type, and often a bit of it is turned over."""
        kind = random.choice(list(PacketType))
        if kind in (PacketType.DATA, PacketType.SESSION_CONFIRMED):
            packet = bytearray(self.short(kind))
        elif kind == PacketType.SESSION_REQUEST:
            packet = bytearray(self.session_request(random.getrandbits(64)))
        elif kind == PacketType.TOKEN_REQUEST:
            packet = bytearray(self.token_request())
        else:
            packet = bytearray(self.sealed(kind))
        if random.random() < 0.7:
            packet[random.randrange(len(packet))] ^= 1 << random.randrange(8)
        return bytes(packet)


def _ids() -> ConnectionIds:
    return ConnectionIds(outside.random_id(_ENTROPY), outside.random_id(_ENTROPY))


def _from(host: str) -> Ancillary:
    """Has a packet leave from another address of this machine."""
    source = struct.pack("i4s4s", 0, socket.inet_aton(host), bytes(4))
    return [(socket.IPPROTO_IP, _IP_PKTINFO, source)]


def _drawn_host() -> str:
    return ".".join(("127", *(str(random.randrange(1, 255)) for _ in range(3))))


def _with_tokens(packets: _Packets) -> list[tuple[bytes, Ancillary]]:
    """Genuine SessionRequests from addresses that have proven themselves, and their sources."""
    made: list[tuple[bytes, Ancillary]] = []
    hosts = [f"127.67.{number}.1" for number in range(CALLERS)]
    per_host = SESSIONS // CALLERS
    for host in hosts:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((host, 9999))
            sock.settimeout(0.2)
            with contextlib.suppress(TimeoutError, DecodeError):
                sock.sendto(packets.token_request(), packets.target)
                header, _ = outside.open_packet(sock.recv(2048), packets.intro)
                made += [
                    (packets.session_request(header.token), _from(host)) for _ in range(per_host)
                ]
    random.shuffle(made)
    return made


def _made(kind: str, packets: _Packets) -> list[tuple[bytes, Ancillary]]:
    hosts = [_from(_drawn_host()) for _ in range(FORGED)]
    if kind == "token requests":
        return [(packets.token_request(), []) for _ in range(POOL)]
    if kind == "bad tokens":
        return [(packets.session_request(random.getrandbits(64)), []) for _ in range(POOL // 2)]
    if kind == "sessions":
        return _with_tokens(packets)
    if kind == "forged sources":
        asked = [packets.token_request() for _ in range(POOL)]
        return [(packet, host) for packet, host in zip(cycle(asked), hosts, strict=False)]
    if kind == "noise":
        return [(os.urandom(random.randrange(1, 1400)), one) for one in hosts[:POOL]]
    return [(packets.mutated(), one) for one in hosts[:POOL]]


def main() -> None:
    order = Order(**json.loads(sys.argv[1]))
    if order.core is not None:
        os.sched_setaffinity(0, {order.core})
    packets = _Packets(RouterInfo.parse(bytes.fromhex(order.router_info)))
    made = _made(order.kind, packets)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("", 9999))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        print("flooding", flush=True)
        began, sent, at = time.monotonic(), 0, 0
        target = packets.target
        while not select.select([sys.stdin], [], [], 0)[0]:
            for packet, source in made[at : at + _BURST]:
                with contextlib.suppress(OSError):
                    sock.sendmsg((packet,), source, 0, target)
                    sent += 1
            at = at + _BURST if at + _BURST < len(made) else 0
    print(json.dumps({"rate": sent / (time.monotonic() - began)}), flush=True)


if __name__ == "__main__":
    main()
