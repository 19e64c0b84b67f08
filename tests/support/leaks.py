"""Everything that leaves, seen: a namespace where all addresses of the world are this machine.

Every packet, whatever it is sent to, then goes over loopback, where :class:`Watch` sees it. Name
servers of all addresses are one that answers, so that who believes it is seen connecting too.
"""

from __future__ import annotations

import socket
import struct
import threading

from tests.support.namespace import enter_private_network

DNS_ANSWER = "198.51.100.53"
_ETH_P_ALL, _PACKET_OUTGOING = 3, 4
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_RECEIVE_BYTES = 1 << 26
_RTM_NEWROUTE, _NLM_F_REQUEST, _NLM_F_ACK, _NLM_F_CREATE = 24, 1, 4, 0x400
_RT_TABLE_LOCAL, _RTPROT_BOOT, _RT_SCOPE_HOST, _RTN_LOCAL, _RTA_OIF = 255, 3, 254, 2, 4
#: all routers that do multicast (RFC 3810): the kernel reports there by itself
_LISTENERS = "ff02::16"
_TCP, _UDP, _IP_IN_IPV4, _IP_IN_IPV6 = 6, 17, 0x0800, 0x86DD
_SYN, _ACK = 2, 16


def enter_closed_world() -> None:
    """Make this process's network one where each packet stays; raises RuntimeError, OSError."""
    if not enter_private_network():
        raise RuntimeError("network namespaces are not allowed here")
    for family in (socket.AF_INET, socket.AF_INET6):
        _route_everything_here(family)


def _route_everything_here(family: int) -> None:
    """``ip route add local default dev lo``."""
    route = struct.pack(
        "BBBBBBBBI",
        family,
        0,
        0,
        0,
        _RT_TABLE_LOCAL,
        _RTPROT_BOOT,
        _RT_SCOPE_HOST if family == socket.AF_INET else 0,
        _RTN_LOCAL,
        0,
    )
    device = struct.pack("HHI", 8, _RTA_OIF, socket.if_nametoindex("lo"))
    flags = _NLM_F_REQUEST | _NLM_F_ACK | _NLM_F_CREATE
    length = 16 + len(route) + len(device)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(struct.pack("IHHII", length, _RTM_NEWROUTE, flags, 1, 0) + route + device)
        (error,) = struct.unpack("i", netlink.recv(4096)[16:20])
    if error:
        raise OSError(-error, "no route could be made")


class Watch:
    """What was sent where, and which names were asked for, while the block runs.

    ``sent``: (address, protocol number, port) of each connection that was tried and of each packet
    that belongs to none. Replies to packets are not listed.
    """

    def __init__(self, interface: str | None = None) -> None:
        """``interface``: only what comes in there, and no name is answered."""
        self.sent: set[tuple[str, int, int]] = set()
        self.names: list[str] = []
        self.lost = 0
        self._packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
        self._packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        if interface is not None:
            self._packets.bind((interface, _ETH_P_ALL))
        self._has_names = interface is None
        self._dns = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self._threads = [threading.Thread(target=self._see_packets)]
        if self._has_names:
            self._threads.append(threading.Thread(target=self._answer_names))
        self._is_over = False

    def __enter__(self) -> Watch:
        if self._has_names:
            self._dns.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            self._dns.bind(("::", 53))
        for sock in (self._packets, self._dns):
            sock.settimeout(0.2)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        for thread in self._threads:
            thread.join()
        counts = self._packets.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        self.lost = struct.unpack("II", counts)[1]
        self._packets.close()
        self._dns.close()

    def forget(self) -> None:
        """Begin anew."""
        self.sent.clear()
        self.names.clear()

    def _see_packets(self) -> None:
        while True:
            try:
                data, (_, kind, way, *_) = self._packets.recvfrom(256)
            except TimeoutError:
                if self._is_over:
                    return
                continue
            if way == _PACKET_OUTGOING and not self._has_names:
                continue
            if kind == _IP_IN_IPV4:
                protocol, rest = data[9], data[(data[0] & 15) * 4 :]
                self._see(socket.inet_ntop(socket.AF_INET, data[16:20]), protocol, rest)
            elif kind == _IP_IN_IPV6:
                self._see(socket.inet_ntop(socket.AF_INET6, data[24:40]), data[6], data[40:])

    def _see(self, address: str, protocol: int, rest: bytes) -> None:
        if protocol == _TCP:
            if rest[13] & (_SYN | _ACK) == _SYN:
                self.sent.add((address, protocol, int.from_bytes(rest[2:4])))
        elif protocol == _UDP:
            source, port = struct.unpack("!HH", rest[:4])
            if source != 53:
                self.sent.add((address, protocol, port))
        elif (protocol, rest[:1]) not in ((1, b"\x03"), (58, b"\x01")) and address != _LISTENERS:
            # Not the complaints that a port is closed, nor what the kernel tells multicast routers.
            self.sent.add((address, protocol, 0))

    def _answer_names(self) -> None:
        while True:
            try:
                query, client = self._dns.recvfrom(2048)
            except TimeoutError:
                if self._is_over:
                    return
                continue
            labels, at = [], 12
            while at < len(query) and query[at]:
                labels.append(query[at + 1 : at + 1 + query[at]].decode(errors="replace"))
                at += 1 + query[at]
            self.names.append(".".join(labels))
            question = query[12 : at + 5]
            is_a = question[-4:-2] == b"\0\1"
            counts = struct.pack("!HHHH", 1, int(is_a), 0, 0)
            record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(DNS_ANSWER)
            self._dns.sendto(
                query[:2] + b"\x81\x80" + counts + question + (record if is_a else b""), client
            )
