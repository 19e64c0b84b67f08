"""Makes TCP connections for the NTCP2 driver, directly or through a proxy."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import Iterable

from core.data.ip_family import by_family, family_of
from core.io.proxy import Proxy, ProxyOutcome, ProxyRequest
from core.io.tcp_ports import TcpDriver
from core.transport.ntcp2.commands import Dial, LinkId
from core.transport.ntcp2.endpoint import Ntcp2Endpoint

logger = logging.getLogger("core.io.tcp")

PROXY_READ_BYTES = 4096
#: Linux: the local port is chosen at connect, so many peers can share one.
_BIND_ADDRESS_NO_PORT = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24)
_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
#: Errors of a dial that say nothing about the peer: no descriptors, no memory, no free port, no
#: route, a firewall of our own.
_LOCAL_FAULTS = {
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.EADDRNOTAVAIL,
    errno.EADDRINUSE,
    errno.EAGAIN,
    errno.ENETUNREACH,
    errno.ENETDOWN,
    errno.EACCES,
    errno.EPERM,
}
#: Nobody answered: either end's fault.
_SILENCE = {errno.EHOSTUNREACH, errno.ETIMEDOUT}


class TcpDialer:
    """The dials under way of one :class:`core.io.tcp.TcpTransport`. ``len``: how many."""

    def __init__(
        self,
        driver: TcpDriver,
        endpoint: Ntcp2Endpoint,
        loop: asyncio.AbstractEventLoop,
        source_hosts: Iterable[str],
        proxy: Proxy | None,
    ) -> None:
        self._driver = driver
        self._endpoint = endpoint
        self._loop = loop
        self._source_hosts = by_family(source_hosts)
        self._proxy = proxy
        self._is_proxy_bad = False
        self._dialing: dict[LinkId, socket.socket] = {}
        self._requests: dict[LinkId, ProxyRequest] = {}

    def __len__(self) -> int:
        return len(self._dialing)

    def abandon(self, link: LinkId) -> bool:
        """Give up a dial; False if there is none."""
        sock = self._dialing.pop(link, None)
        if sock is None:
            return False
        self._requests.pop(link, None)
        self._loop.remove_writer(sock.fileno())
        self._loop.remove_reader(sock.fileno())
        sock.close()
        return True

    def abandon_all(self) -> None:
        """Give up every dial."""
        for link in list(self._dialing):
            self.abandon(link)

    def dial(self, command: Dial) -> None:
        """Connect; the endpoint hears what becomes of it."""
        link, host, port = command.link, command.host, command.port
        if self._proxy is not None:
            host, port = self._proxy.host, self._proxy.port
        is_ipv6 = ":" in host
        error: OSError | None = None
        sock: socket.socket | None = None
        try:
            sock = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_STREAM)
            sock.setblocking(False)
            family = family_of(host)
            source = None if family is None else self._source_hosts.get(family)
            if source is not None and self._proxy is None:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
                sock.bind((source, 0))
            number = sock.connect_ex((host, port))
            if number not in (0, errno.EINPROGRESS):
                error = OSError(number, os.strerror(number))
        except OSError as failure:
            error = failure
        if error is not None or sock is None:
            if sock is not None:
                sock.close()
            self._tell_failure(link, 0 if error is None else error.errno or 0)
            # Commands are obeyed behind the router's turn: it hears of this in the next one.
            self._driver.schedule()
            return
        self._dialing[link] = sock
        if self._proxy is not None:
            self._requests[link] = self._proxy.request(command.host, command.port)
        self._loop.add_writer(sock.fileno(), self._on_dialed, link)

    def _on_dialed(self, link: LinkId) -> None:
        sock = self._dialing[link]
        self._loop.remove_writer(sock.fileno())
        error_number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        request = self._requests.get(link)
        if error_number and request is None:
            self.abandon(link)
            self._tell_failure(link, error_number)
        elif error_number:
            self._fail_dial(link, is_proxys=True)
        elif request is None:
            self._finish_dial(link)
        elif self._send_request(sock, request):
            self._loop.add_reader(sock.fileno(), self._on_proxy_answer, link)
        else:
            self._fail_dial(link, is_proxys=True)
        self._driver.schedule()

    def _send_request(self, sock: socket.socket, request: ProxyRequest) -> bool:
        """A few hundred bytes, which a fresh connection takes at once."""
        data = request.data_to_send()
        try:
            return not data or sock.send(data) == len(data)
        except OSError:
            return False

    def _on_proxy_answer(self, link: LinkId) -> None:
        sock, request = self._dialing[link], self._requests[link]
        try:
            data = sock.recv(PROXY_READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if data:
            request.receive_data(data)
        if not data or not self._send_request(sock, request):
            self._fail_dial(link, is_proxys=True)
        elif request.outcome is ProxyOutcome.CONNECTED:
            self._loop.remove_reader(sock.fileno())
            self._is_proxy_bad = False
            self._finish_dial(link)
        elif request.outcome is not None:
            self._fail_dial(link, is_proxys=request.outcome is ProxyOutcome.PROXY_FAILED)
        self._driver.schedule()

    def _finish_dial(self, link: LinkId) -> None:
        self._requests.pop(link, None)
        self._driver.opened(link, self._dialing.pop(link))
        self._endpoint.dialed(link, self._loop.time())

    def _tell_failure(self, link: LinkId, number: int) -> None:
        """connect() said why a dial failed."""
        now = self._loop.time()
        logger.debug("dial failed: %s", os.strerror(number))
        if number in _OUT_OF_RESOURCES:
            self._driver.short_of_resources(OSError(number, os.strerror(number)))
        is_local = number in _LOCAL_FAULTS or self._proxy is not None
        self._endpoint.dial_failed(link, now, is_local, is_silent=number in _SILENCE)

    def _fail_dial(self, link: LinkId, *, is_proxys: bool) -> None:
        self.abandon(link)
        self._endpoint.dial_failed(link, self._loop.time(), is_proxys)
        if is_proxys and not self._is_proxy_bad:
            self._is_proxy_bad = True
            logger.warning("the proxy for NTCP2 cannot be reached, or refuses us")
