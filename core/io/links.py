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
        """Listen, for TCP on the sockets of an earlier process if ``store`` has the right ones.

        OSError if an address cannot be bound; nothing is left open then.
        """
        config, tcp = self._config, self._tcp
        is_listening = tcp is not None and config.listens_tcp
        hosts = list(config.binds.values()) if is_listening else []
        inherited: dict[str, socket.socket] = {}
        if store is not None:
            inherited = await store.take(hosts, port)
        try:
            if self._udp is not None:
                for family, host in config.binds.items():
                    if family is not Family.YGGDRASIL:
                        await self._udp.start(host, port)
            if tcp is None or not is_listening:
                return
            for host in hosts:
                await tcp.start(host, port, inherited=inherited.pop(host, None))
        except BaseException:
            for sock in inherited.values():
                sock.close()
            self.close()
            raise
        if store is not None:
            store.keep(tcp.listeners)

    def schedule(self) -> None:
        """Give the router a turn soon."""
        self._wakeup.schedule()

    async def stop(self, timeout_s: float) -> None:
        """Say goodbye on all links; listening sockets stay open until :meth:`close`."""
        goodbyes = []
        if self._tcp is not None:
            goodbyes.append(self._tcp.stop(timeout_s, keep_listeners=True))
        if self._udp is not None:
            goodbyes.append(self._udp.stop(timeout_s))
        await asyncio.gather(*goodbyes)

    def close(self) -> None:
        """The last thing to do."""
        if self._tcp is not None:
            self._tcp.close_listeners()
        if self._udp is not None:
            self._udp.close_sockets()
