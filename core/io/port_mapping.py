"""Mapping our port on the home router: sockets, timers and routing tables for core/nat."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Collection, Sequence
from ipaddress import ip_address

from core.base.ports import Entropy
from core.io.alarm import Alarm
from core.io.gateways import Gateway, find_gateway
from core.io.upnp import carry_out
from core.nat.mapper import Mapper, MappingChanged, UpnpOutcome, UpnpWanted
from core.nat.mapping import External, PortMapping, Way
from core.nat.pcp import ANNOUNCE_PORT, PORT

logger = logging.getLogger("core.io.nat")

#: How often the routing table is looked at.
LOOK_S = 30.0
GOODBYE_S = 0.3
_PACKET_BYTES_MAX = 1500
_PACKETS_MAX = 16
_ALL_HOSTS = "224.0.0.1"


class _AtGateway:
    """The mapper of one gateway, with its socket."""

    def __init__(self, gateway: Gateway, mapper: Mapper, udp: socket.socket) -> None:
        self.gateway = gateway
        self.mapper = mapper
        self.udp = udp


class PortMappings:
    """Keeps ``port`` mapped, for TCP and UDP, at the gateway of each IP version.

    ``methods``: those of :mod:`core.nat.mapper`, in order; empty: nothing is mapped. ``versions``:
    4 and 6. ``bind``: the only local address that may be used. ``changed``: told of what is
    believed.
    """

    def __init__(
        self,
        methods: Sequence[str],
        port: int,
        versions: Collection[int],
        bind: str | None,
        secret: bytes,
        entropy: Entropy,
        loop: asyncio.AbstractEventLoop,
        changed: Callable[[PortMapping], None],
        *,
        private: bool = False,
    ) -> None:
        self._methods = methods
        self._port = port
        self._versions = versions
        self._bind = bind
        self._secret = secret
        self._entropy = entropy
        self._loop = loop
        self._changed = changed
        self._private = private
        self._seen: Collection[str] = ()
        self._at: dict[int, _AtGateway] = {}
        self._absent: dict[int, str] = {}
        """IP version -> why nothing is mapped there."""
        self._announcements: socket.socket | None = None
        self._alarm = Alarm(loop, self._serve)
        self._look_at = 0.0
        self._unmapping: set[asyncio.Future[None]] = set()
        self._is_running = False
        self.mapping = PortMapping(reason="port_mapping is off")
        """What is believed to be mapped. See :meth:`PortMapping.believed`."""

    def start(self) -> None:
        """Begin; returns at once."""
        if self._methods:
            self._is_running = True
            self._listen()
            self._serve()

    async def stop(self) -> None:
        """Delete what is mapped; waits a moment for UPnP, which then goes on by itself."""
        if not self._is_running:
            return
        self._is_running = False
        self._alarm.cancel()
        for one in list(self._at.values()):
            self._leave(one)
        self._at.clear()
        if self._announcements is not None:
            self._loop.remove_reader(self._announcements)
            self._announcements.close()
        if self._unmapping:
            await asyncio.wait(self._unmapping, timeout=GOODBYE_S)

    def note_seen(self, addresses: Collection[str]) -> None:
        """The addresses that other routers see us at."""
        self._seen = addresses
        self._tell()

    def recheck(self) -> None:
        """The network was away, or this machine: look for the gateway and its state at once."""
        if self._is_running:
            for one in self._at.values():
                one.mapper.recheck(self._loop.time())
            self._look_at = 0.0
            self._serve()

    # The turn

    def _serve(self) -> None:
        now = self._loop.time()
        if not self._is_running:
            return
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            for version in self._versions:
                self._look(version, now)
            self._tell()
        for one in self._at.values():
            one.mapper.handle_timer(now)
            self._drain(one)
        deadlines = [one.mapper.next_timer() for one in self._at.values()]
        self._alarm.set(min([self._look_at, *deadlines]))

    def _drain(self, one: _AtGateway) -> None:
        for packet in one.mapper.take_output():
            with contextlib.suppress(OSError):
                one.udp.send(packet)
        while (event := one.mapper.next_event()) is not None:
            if isinstance(event, UpnpWanted):
                self._start_upnp(one, event)
            elif isinstance(event, MappingChanged):
                self._tell()

    def _start_upnp(self, one: _AtGateway, wanted: UpnpWanted) -> None:
        finished: asyncio.Future[None] = self._loop.create_future()

        def done(outcome: UpnpOutcome) -> None:
            if not finished.done():
                finished.set_result(None)
            one.mapper.upnp_done(outcome, self._loop.time())
            self._serve()

        if not wanted.lifetime_s:
            self._unmapping.add(finished)
        carry_out(wanted, self._loop, done)

    # Gateways

    def _look(self, version: int, now: float) -> None:
        """Whether the gateway is still the same."""
        gateway, reason = self._find(version)
        self._absent[version] = reason
        before = self._at.get(version)
        if before is not None:
            if before.gateway == gateway:
                return
            logger.info("there is another gateway: the port is mapped anew")
            del self._at[version]
            self._leave(before)
        if gateway is None:
            return
        try:
            udp = self._open(gateway)
        except OSError as error:
            self._absent[version] = f"the gateway cannot be asked: {error.strerror}"
            return
        arguments = self._port, self._methods, self._secret, self._entropy, now
        mapper = Mapper(gateway.address, gateway.client, *arguments)
        one = self._at[version] = _AtGateway(gateway, mapper, udp)
        self._loop.add_reader(udp, self._receive, one)

    def _find(self, version: int) -> tuple[Gateway | None, str]:
        if self._bind is not None:
            bound = ip_address(self._bind)
            if bound.version != version or bound.is_loopback:
                return None, f"the router is bound to {bound}"
        gateway = find_gateway(version, self._bind)
        if gateway is None:
            return None, "there is no home router (no default gateway)"
        if version == 4 and gateway.client.is_global:
            return None, "this machine has a public address of its own"
        return gateway, ""

    def _open(self, gateway: Gateway) -> socket.socket:
        family = socket.AF_INET if gateway.address.version == 4 else socket.AF_INET6
        udp = socket.socket(family, socket.SOCK_DGRAM)
        try:
            udp.setblocking(False)
            # PCP: a gateway compares the source with the client in the packet.
            udp.bind((str(gateway.client), 0))
            # The system drops what comes from any other address.
            udp.connect(gateway.endpoint(PORT))
        except OSError:
            udp.close()
            raise
        return udp

    def _leave(self, one: _AtGateway) -> None:
        one.mapper.close()
        self._drain(one)
        self._loop.remove_reader(one.udp)
        one.udp.close()

    def _receive(self, one: _AtGateway) -> None:
        for _ in range(_PACKETS_MAX):
            try:
                data = one.udp.recv(_PACKET_BYTES_MAX)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:  # nobody listens there: the next try will tell
                break
            one.mapper.receive(data, (str(one.gateway.address), PORT), self._loop.time())
        self._serve()

    # Announcements of restarts: RFC 6887, section 14.1.1, and RFC 6886, section 3.2.1

    def _listen(self) -> None:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.setblocking(False)
            # Other programs on this machine listen there, too.
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Only what is sent to all hosts of the LAN; membership in it is automatic.
            udp.bind((_ALL_HOSTS, ANNOUNCE_PORT))
        except OSError as error:
            logger.debug("announcements of gateways cannot be heard: %s", error)
            udp.close()
            return
        self._announcements = udp
        self._loop.add_reader(udp, self._receive_announcement, udp)

    def _receive_announcement(self, udp: socket.socket) -> None:
        with contextlib.suppress(OSError):
            data, source = udp.recvfrom(_PACKET_BYTES_MAX)
            one = self._at.get(4)
            if one is not None and source[0] == str(one.gateway.address):
                one.mapper.receive(data, source, self._loop.time())
                # miniupnpd announces by PCP alone, also to those who use NAT-PMP or UPnP.
                one.mapper.recheck(self._loop.time())
                self._serve()

    # What is told

    def _tell(self) -> None:
        external: dict[Way, External] = {}
        reasons: list[str] = []
        for version in self._versions:
            one = self._at.get(version)
            mapping = PortMapping(reason=self._absent.get(version, ""))
            if one is not None:
                mapping = one.mapper.mapping.believed(self._seen, private=self._private)
            external |= mapping.external
            if mapping.reason:
                prefix = f"IPv{version}: " if len(self._versions) > 1 else ""
                reasons.append(prefix + mapping.reason)
        before, self.mapping = self.mapping, PortMapping(external, "; ".join(reasons))
        if not self.mapping.is_same(before):
            self._changed(self.mapping)
