"""Hearing what home routers announce to all hosts of the LAN: that they were restarted.

RFC 6887, section 14.1.1, and RFC 6886, section 3.2.1.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from ipaddress import ip_address

from core.io.gateways import Gateway
from core.nat.pcp import ANNOUNCE_PORT

logger = logging.getLogger("core.io.nat")

_ALL_HOSTS = {4: "224.0.0.1", 6: "ff02::1"}
_PACKET_BYTES_MAX = 1500


class Announcements:
    """Those of one gateway. ``heard``: told of each; nobody else's reach it."""

    def __init__(
        self,
        gateway: Gateway,
        loop: asyncio.AbstractEventLoop,
        heard: Callable[[bytes, tuple[str, int]], None],
    ) -> None:
        self._gateway = gateway
        self._loop = loop
        self._heard = heard
        self._udp: socket.socket | None = None
        family = socket.AF_INET if gateway.address.version == 4 else socket.AF_INET6
        udp = socket.socket(family, socket.SOCK_DGRAM)
        try:
            udp.setblocking(False)
            # Other programs on this machine listen there, too.
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Only what is sent to all hosts of the LAN; membership in it is automatic.
            udp.bind(gateway.at(_ALL_HOSTS[gateway.address.version], ANNOUNCE_PORT))
        except OSError as error:
            logger.debug("announcements of gateways cannot be heard: %s", error)
            udp.close()
            return
        self._udp = udp
        loop.add_reader(udp, self._receive)

    def close(self) -> None:
        """Hear no more."""
        if self._udp is not None:
            self._loop.remove_reader(self._udp)
            self._udp.close()
            self._udp = None

    def _receive(self) -> None:
        assert self._udp is not None
        try:
            data, source = self._udp.recvfrom(_PACKET_BYTES_MAX)
        except OSError:
            return
        host, port = source[:2]
        if ip_address(host.partition("%")[0]) == self._gateway.address:
            self._heard(data, (str(self._gateway.address), port))
