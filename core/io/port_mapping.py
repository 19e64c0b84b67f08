"""Mapping our port on the home router: sockets, timers and routing tables for core/nat."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from ipaddress import ip_address

from core.base.ports import Entropy
from core.io.alarm import Alarm
from core.io.announcements import Announcements
from core.io.gateways import Gateway, find_gateway
from core.io.interfaces import interface_of, is_global_ipv6
from core.io.upnp import carry_out
from core.nat.mapper import ASKED, PCP, Mapper, MappingChanged, UpnpOutcome, UpnpWanted
from core.nat.mapping import External, PortMapping, Way
from core.nat.pcp import PORT

logger = logging.getLogger("core.io.nat")

#: How often the routing table is looked at.
LOOK_S = 30.0
GOODBYE_S = 0.3
_PACKET_BYTES_MAX = 1500
_PACKETS_MAX = 16


class _AtGateway:
    """The mapper of one gateway, with its sockets."""

    def __init__(
        self, gateway: Gateway, mapper: Mapper, udp: socket.socket, announcements: Announcements
    ) -> None:
        self.gateway = gateway
        self.mapper = mapper
        self.udp = udp
        self.announcements = announcements


class PortMappings:
    """Keeps ``port`` mapped, for TCP and UDP, at the gateway of each IP version.

    IPv6 has no translation: there a home router only lets strangers through to our own address
    (a pinhole), and only PCP asks for that. ``methods``: those of :mod:`core.nat.mapper`, in
    order; empty: nothing is mapped. ``sources``: each IP version that is used, with the only local
    address that may be; None: the system chooses. ``changed``: told of what is believed.
    """

    def __init__(
        self,
        methods: Sequence[str],
        port: int,
        sources: Mapping[int, str | None],
        secret: bytes,
        entropy: Entropy,
        loop: asyncio.AbstractEventLoop,
        changed: Callable[[PortMapping], None],
        *,
        private: bool = False,
    ) -> None:
        self._methods = methods
        self._port = port
        self._sources = {
            version: source for version, source in sources.items() if version == 4 or PCP in methods
        }
        self._secret = secret
        self._entropy = entropy
        self._loop = loop
        self._changed = changed
        self._private = private
        self._seen: Collection[str] = ()
        self._at: dict[int, _AtGateway] = {}
        self._absent: dict[int, str] = {}
        """IP version -> why nothing is mapped there."""
        self._hushed = ""
        """Why IPv6 is left alone; told to the log once."""
        self._alarm = Alarm(loop, self._serve)
        self._look_at = 0.0
        self._unmapping: set[asyncio.Future[None]] = set()
        self._is_running = False
        reason = "the router has no socket in IPv4" if methods else "port_mapping is off"
        self.mapping = PortMapping(reason=reason)
        """What is believed to be mapped. See :meth:`PortMapping.believed`."""

    def start(self) -> None:
        """Begin; returns at once."""
        if self._methods and self._sources:
            self._is_running = True
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
            for version in self._sources:
                self._look(version, now)
            self._tell()
        for one in self._at.values():
            one.mapper.handle_timer(now)
            self._drain(one)
        deadlines = [one.mapper.next_timer() for one in self._at.values()]
        self._alarm.set(min([self._look_at, *deadlines]))

    def _drain(self, one: _AtGateway) -> None:
        packets = one.mapper.take_output()
        # Linux sends from an address that is gone, too: another network would learn where we were.
        if packets and interface_of(str(one.gateway.client)) is not None:
            for packet in packets:
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
        announcements = Announcements(gateway, self._loop, self._hear)
        one = self._at[version] = _AtGateway(gateway, mapper, udp, announcements)
        self._loop.add_reader(udp, self._receive, one)

    def _find(self, version: int) -> tuple[Gateway | None, str]:
        source = self._sources[version]
        if source is not None and ip_address(source).is_loopback:
            return None, f"the router is bound to {source}"
        gateway = find_gateway(version, source)
        if gateway is None:
            return None, "there is no home router (no default gateway)"
        if version == 4 and gateway.client.is_global:
            return None, "this machine has a public address of its own"
        if version == 6 and not self._private:
            client = str(gateway.client)
            if not is_global_ipv6(client):
                return None, "this machine has no global address"
            if interface_of(client) != gateway.interface:
                # A VPN's address, which the home router must not learn.
                return None, "this machine's address is not in the home router's network"
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
        one.announcements.close()
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

    def _hear(self, data: bytes, source: tuple[str, int]) -> None:
        """A gateway announces to all hosts that it was restarted."""
        now = self._loop.time()
        for one in self._at.values():
            if source[0] == str(one.gateway.address):
                one.mapper.receive(data, source, now)
                # miniupnpd announces by PCP alone, also to those who use NAT-PMP or UPnP.
                one.mapper.recheck(now)
        self._serve()

    # What is told

    def _tell(self) -> None:
        external: dict[Way, External] = {}
        reasons: list[str] = []
        for version in self._sources:
            one = self._at.get(version)
            mapping = PortMapping(reason=self._absent.get(version, ""))
            if one is not None:
                mapping = one.mapper.mapping.believed(self._seen, private=self._private)
            external |= mapping.external
            is_met = one is not None and one.mapper.is_answered
            if version == 6 and not is_met and len(self._sources) > 1:
                self._hush(mapping.reason)
            elif mapping.reason:
                prefix = f"IPv{version}: " if len(self._sources) > 1 else ""
                reasons.append(prefix + mapping.reason)
        before, self.mapping = self.mapping, PortMapping(external, "; ".join(reasons))
        if not self.mapping.is_same(before):
            self._changed(self.mapping)

    def _hush(self, reason: str) -> None:
        """Most home routers know no pinholes, and many networks no IPv6: no news for anybody."""
        if self._is_running and reason not in (self._hushed, ASKED):
            self._hushed = reason
            logger.debug("no pinhole for IPv6: %s", reason)
