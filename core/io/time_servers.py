"""Asking time servers over UDP: names, sockets and timers for :mod:`core.base.sntp_client`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from core.base.ports import Entropy
from core.base.sntp_client import Request, SntpClient
from core.io.alarm import Alarm
from core.io.resolver import Address, Resolver
from core.router.clock import ClockWatch

logger = logging.getLogger("core.io.time")

PORT = 123
#: Four independent ones of the public pool; each is another machine at each round.
PUBLIC_SERVERS = tuple((f"{number}.pool.ntp.org", PORT) for number in range(4))
_REPLY_BYTES_MAX = 512


class TimeServers:
    """Asks ``servers`` (host, port) now and then, and tells ``clock`` what they agree on.

    ``bind``: the local address to ask from; a server of the other family is not asked then.
    ``wake``: gives the router a turn.
    """

    def __init__(
        self,
        servers: Sequence[tuple[str, int]],
        bind: str | None,
        entropy: Entropy,
        clock: ClockWatch,
        loop: asyncio.AbstractEventLoop,
        wake: Callable[[], None],
    ) -> None:
        self._servers = servers
        self._bind = None if bind is None else ip_address(bind)
        self._entropy = entropy
        self._clock = clock
        self._loop = loop
        self._wake = wake
        self._resolver = Resolver(loop)
        self._alarm = Alarm(loop, self._serve)
        self._sockets: dict[int, socket.socket] = {}
        self._doubted_at = clock.doubted_at
        self._is_running = False
        names = [host for host, _ in servers]
        self.client = SntpClient(names, entropy, loop.time(), self._agreed)

    def start(self) -> None:
        """Ask for the first time; returns at once."""
        self._is_running = True
        self._serve()

    def stop(self) -> None:
        """Ask nobody any more."""
        self._is_running = False
        self._alarm.cancel()
        self._close_sockets()

    def check(self) -> bool:
        """Ask soon if there is a new reason to doubt the clock; whether there was. Cheap."""
        if self._clock.doubted_at == self._doubted_at:
            return False
        self._doubted_at = self._clock.doubted_at
        if self._is_running:
            self.client.hurry(self._loop.time())
            self._serve()
        return True

    def _agreed(self, epoch_s: float, now: float) -> None:
        self._clock.note_time_servers(epoch_s, now)
        self._wake()

    def _serve(self) -> None:
        client = self.client
        client.handle_timer(self._loop.time())
        if not client.is_asking:
            self._close_sockets()
        while (request := client.next_request()) is not None:
            self._find(request)
        self._alarm.set(client.next_timer())

    def _find(self, request: Request) -> None:
        host, port = self._servers[request.number]
        with contextlib.suppress(ValueError):
            ip = ip_address(host)
            family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
            self._ask(request, [(family, (host, port))])
            return
        self._resolver.find(host, port, lambda found: self._ask(request, found))

    def _ask(self, request: Request, addresses: list[Address]) -> None:
        """One of the addresses, at random: the pool has many, and some are down."""
        if not self._is_running or not self.client.is_waiting_for(request):
            return
        if self._bind is not None:
            family = socket.AF_INET if self._bind.version == 4 else socket.AF_INET6
            addresses = [one for one in addresses if one[0] == family]
        if not addresses:
            return
        family_number, address = addresses[self._entropy.randbelow(len(addresses))]
        asking = socket.socket(family_number, socket.SOCK_DGRAM)
        try:
            asking.setblocking(False)
            if self._bind is not None:
                asking.bind((str(self._bind), 0))
            # The system drops what comes from any other address.
            asking.connect(address)
            self.client.sent(request.number, self._loop.time())
            asking.send(request.data)
        except OSError as error:
            logger.debug("a time server cannot be asked: %s", error)
            asking.close()
            return
        self._close(request.number)
        self._sockets[request.number] = asking
        self._loop.add_reader(asking, self._receive, request.number, asking)

    def _receive(self, number: int, asking: socket.socket) -> None:
        try:
            data = asking.recv(_REPLY_BYTES_MAX)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:  # nobody listens there
            self._close(number)
            return
        self.client.receive(number, data, self._loop.time())
        self._serve()

    def _close(self, number: int) -> None:
        asking = self._sockets.pop(number, None)
        if asking is not None:
            self._loop.remove_reader(asking)
            asking.close()

    def _close_sockets(self) -> None:
        for number in list(self._sockets):
            self._close(number)
