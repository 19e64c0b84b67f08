"""A UDP socket with what Linux adds: segmentation offload, the address reached, no fragments.

Options that a system does not have are left out; nothing but speed and the counter depends on them.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import sys

#: what the kernel may hold of what has not been read; limited by its own bounds
RECEIVE_BYTES = 4 * 1024 * 1024
SEND_BYTES = 1024 * 1024
#: Linux: at most so many segments and bytes in one call
SEGMENTS_MAX = 64
SEGMENTS_BYTES_MAX = 65_000
ANCILLARY_BYTES = 128

# Linux numbers that Python does not name.
_IS_LINUX = sys.platform == "linux"
_IP_PKTINFO = 8
_IP_MTU_DISCOVER = 10
_IPV6_MTU_DISCOVER = 23
_IPV6_RECVPKTINFO = 49
_IPV6_PKTINFO = 50
#: do not fragment, and do not believe who says that a path takes less: RFC 8899 asks itself
_PMTUDISC_PROBE = 3
_UDP_SEGMENT = 103
_UDP_GRO = 104
_SO_MEMINFO = 55
_MEMINFO = struct.Struct("9I")
_DROPS_AT = 8
_SEGMENT = struct.Struct("H")
_INT = struct.Struct("i")
_PKTINFO_V4 = struct.Struct("i4s4s")

Ancillary = list[tuple[int, int, bytes]]


class UdpSocket:
    """Bound, non-blocking. ``has_offload``: several datagrams can leave in one call.

    ``has_coalescing``: several can come in one. ``is_wildcard``: it listens on all addresses, so
    that answers must say from which they leave.
    """

    __slots__ = (
        "_overruns",
        "has_coalescing",
        "has_offload",
        "is_ipv6",
        "is_wildcard",
        "is_writing",
        "port",
        "socket",
    )

    def __init__(self, host: str, port: int, inherited: socket.socket | None = None) -> None:
        """``host`` is numeric; OSError if it cannot be bound."""
        address = ipaddress.ip_address(host)
        self.is_ipv6 = address.version == 6
        self.is_wildcard = address.is_unspecified
        self.is_writing = False
        self.has_offload = _IS_LINUX
        self.has_coalescing = True
        self._overruns = 0
        family = socket.AF_INET6 if self.is_ipv6 else socket.AF_INET
        sock = inherited or socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            self._configure(sock)
            if inherited is None:
                sock.bind((host, port))
            self.port = int(sock.getsockname()[1])
        except BaseException:
            if inherited is None:
                sock.close()
            raise
        self.socket = sock

    def _configure(self, sock: socket.socket) -> None:
        if self.is_ipv6:
            with contextlib.suppress(OSError):  # an inherited one is bound already
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        options = [
            (socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES),
            (socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES),
        ]
        if _IS_LINUX:
            options.append((socket.IPPROTO_UDP, _UDP_GRO, 1))
            if self.is_ipv6:
                options.append((socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_PROBE))
                if self.is_wildcard:
                    options.append((socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1))
            else:
                options.append((socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_PROBE))
                if self.is_wildcard:
                    options.append((socket.IPPROTO_IP, _IP_PKTINFO, 1))
        for level, option, value in options:
            with contextlib.suppress(OSError):
                sock.setsockopt(level, option, value)

    def coalesce(self, is_wanted: bool) -> None:
        """Whether one read may bring many datagrams; of those that have come it still may."""
        self.has_coalescing = is_wanted
        with contextlib.suppress(OSError):  # elsewhere each comes alone
            self.socket.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, int(is_wanted))

    def read_ancillary(
        self, ancillary: list[tuple[int, int, bytes]], size: int
    ) -> tuple[int, bytes | None]:
        """How long each datagram is of the ``size`` bytes read, and our address that was reached.

        The address is what :meth:`write_ancillary` takes; None without a wildcard.
        """
        segment = size
        reached = None
        for level, kind, data in ancillary:
            if level == socket.IPPROTO_UDP and kind == _UDP_GRO:
                segment = _INT.unpack_from(data)[0] or size
            elif level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
                reached = _PKTINFO_V4.pack(0, _PKTINFO_V4.unpack_from(data)[1], bytes(4))
            elif level == socket.IPPROTO_IPV6 and kind == _IPV6_PKTINFO:
                reached = bytes(data)
        return segment, reached

    def write_ancillary(self, segment: int, reached: bytes | None) -> Ancillary:
        """``segment``: the size of the datagrams of one call, 0 if there is one only."""
        found: Ancillary = []
        if segment:
            found.append((socket.IPPROTO_UDP, _UDP_SEGMENT, _SEGMENT.pack(segment)))
        if reached is not None and self.is_wildcard:
            if self.is_ipv6:
                found.append((socket.IPPROTO_IPV6, _IPV6_PKTINFO, reached))
            else:
                found.append((socket.IPPROTO_IP, _IP_PKTINFO, reached))
        return found

    def take_overruns(self) -> int:
        """Datagrams that the kernel dropped since the last call, because nobody read them."""
        if not _IS_LINUX or self.socket.fileno() < 0:
            return 0
        try:
            data = self.socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
            drops = int(_MEMINFO.unpack(data)[_DROPS_AT])
        except (OSError, struct.error):
            return 0
        before, self._overruns = self._overruns, drops
        return (drops - before) & 0xFFFFFFFF
