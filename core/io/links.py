"""The sockets of all transports of a router: opened, served and closed together.

They share the router's turns (:mod:`core.io.wakeup`).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from core.data.ip_family import Family
from core.io.listeners import ListenerStore
from core.io.proxy import Proxy
from core.io.tcp import TcpTransport
from core.io.udp import UdpTransport
from core.io.wakeup import Wakeup
from core.router.config import RouterConfig
from core.router.engine import RouterEngine


class LinkDrivers:
    """``on_turn`` runs the router. At least one transport is there."""

    def __init__(
        self, engine: RouterEngine, config: RouterConfig, on_turn: Callable[[], None]
    ) -> None:
        self._config = config
        self._wakeup = wakeup = Wakeup(on_turn)
        self._tcp: TcpTransport | None = None
        self._udp: UdpTransport | None = None
        if engine.ntcp2 is not None:
            self._tcp = TcpTransport(
                engine.ntcp2,
                wakeup,
                source_hosts=config.sources.values(),
                proxy=None if config.ntcp2_proxy is None else Proxy.parse(config.ntcp2_proxy),
            )
        if engine.ssu2 is not None:
            self._udp = UdpTransport(engine.ssu2, wakeup, engine.links.stats)

    async def start(self, port: int, store: ListenerStore | None) -> None:
        """Listen, on the sockets of an earlier process if ``store`` has the right ones.

        OSError if an address cannot be bound; nothing is left open then.
        """
        config = self._config
        binds = config.binds
        tcp_hosts = list(binds.values()) if config.listens_tcp else []
        udp_hosts = [host for family, host in binds.items() if family is not Family.YGGDRASIL]
        inherited = _Inherited()
        try:
            await inherited.take(store, tcp_hosts, port, socket.SOCK_STREAM)
            await inherited.take(
                store, udp_hosts if self._udp is not None else [], port, socket.SOCK_DGRAM
            )
            if self._udp is not None:
                for host in udp_hosts:
                    await self._udp.start(
                        host, port, inherited=inherited.pop(host, socket.SOCK_DGRAM)
                    )
            if self._tcp is not None:
                for host in tcp_hosts:
                    await self._tcp.start(
                        host, port, inherited=inherited.pop(host, socket.SOCK_STREAM)
                    )
        except BaseException:
            inherited.close()
            self.close()
            raise
        if store is not None and self._udp is not None:
            store.keep(self._udp.sockets)
        if store is not None and self._tcp is not None and tcp_hosts:
            store.keep(self._tcp.listeners)

    def schedule(self) -> None:
        """Give the router a turn soon."""
        self._wakeup.schedule()

    async def stop(self, timeout_s: float) -> None:
        """Say goodbye on all links; what others call stays open until :meth:`close`."""
        goodbyes = []
        if self._tcp is not None:
            goodbyes.append(self._tcp.stop(timeout_s, keep_listeners=True))
        if self._udp is not None:
            goodbyes.append(self._udp.stop(timeout_s, keep_sockets=True))
        await asyncio.gather(*goodbyes)

    def close(self) -> None:
        """The last thing to do."""
        if self._tcp is not None:
            self._tcp.close_listeners()
        if self._udp is not None:
            self._udp.close_sockets()


class _Inherited:
    """Sockets of an earlier process, by kind and address, until somebody owns them."""

    def __init__(self) -> None:
        self._sockets: dict[tuple[socket.SocketKind, str], socket.socket] = {}

    async def take(
        self, store: ListenerStore | None, hosts: list[str], port: int, kind: socket.SocketKind
    ) -> None:
        if store is not None:
            found = await store.take(hosts, port, kind)
            self._sockets |= {(kind, host): sock for host, sock in found.items()}

    def pop(self, host: str, kind: socket.SocketKind) -> socket.socket | None:
        return self._sockets.pop((kind, host), None)

    def close(self) -> None:
        for sock in self._sockets.values():
            sock.close()
