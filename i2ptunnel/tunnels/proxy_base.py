"""What HTTP and SOCKS proxies have in common: identities, and the ways to hosts outside I2P."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from core.base.errors import Unavailable
from i2ptunnel.config.client_models import ProxySection
from i2ptunnel.config.proxy_parts import OutproxyUrl
from i2ptunnel.naming.address import Address, NameFault
from i2ptunnel.protocols.sites import registered_name
from i2ptunnel.relay.channel import Channel
from i2ptunnel.relay.channel_pool import PooledPlace
from i2ptunnel.tunnels import outproxy
from i2ptunnel.tunnels.base import RestPolicy, SessionRequest, TunnelContext, end_task
from i2ptunnel.tunnels.client_base import ClientTunnel
from i2ptunnel.tunnels.isolation import HeldChannel, Identities, Identity
from i2ptunnel.tunnels.outproxy import OutproxyChoice, OutproxyRefused, Outside

_CHECK_EVERY_S = 10.0
_NOT_THEIR_FAULT = frozenset(("tunnels_not_ready", "closed", "too_many_identities"))

ProxyT = TypeVar("ProxyT", bound=ProxySection)


@dataclass(frozen=True, slots=True)
class Visit:
    """Who goes where, as far as isolation is concerned. ``credential`` None: nobody was named.

    ``site``: the b32 address of a site in I2P, or the domain of one outside.
    """

    credential: str | None
    site: str


class NoOutproxy(Unavailable):
    """There is no outproxy, or none of them can be reached."""


class IdentityPlace(PooledPlace):
    """A place in the pool whose channels do not keep their identity while they lie there."""

    __slots__ = ()

    async def take(self) -> Channel | None:
        """A kept channel uses its identity again."""
        channel = await super().take()
        if isinstance(channel, HeldChannel):
            channel.unpark()
        return channel

    def give(self, channel: Channel) -> None:
        """A kept channel does not keep its identity from ending."""
        if isinstance(channel, HeldChannel):
            channel.park()
        super().give(channel)


class ProxyTunnel(ClientTunnel[ProxyT]):
    """Base of ``httpclient``, ``connectclient`` and ``sockstunnel``."""

    def __init__(self, model: ProxyT, context: TunnelContext) -> None:
        super().__init__(model, context)
        self.identities: Identities | None = None
        self._checking: asyncio.Task[None] | None = None

    def outproxy_choices(self) -> Sequence[OutproxyChoice]:
        """All that there are, for the health checks."""
        return ()

    async def start(self) -> None:
        """With ``isolate``, also what makes and ends the identities."""
        await super().start()
        if self.model.isolate != "none":
            self.identities = Identities(
                self._identity_request(),
                self.context.open_session,
                self.context.release_session,
                identities_max=self.model.max_identities,
                spares=self.model.spare_identities,
            )
            self.identities.start()
        self._watch_outproxies()

    def on_update(self) -> None:
        """Other outproxies are watched at once."""
        super().on_update()
        self._watch_outproxies()

    def _watch_outproxies(self) -> None:
        if self._checking is None and any(self.outproxy_choices()):
            self._checking = asyncio.create_task(self._check_outproxies())

    async def stop(self) -> None:
        """All identities end as well."""
        checking, self._checking = self._checking, None
        await end_task(checking)
        await super().stop()
        identities, self.identities = self.identities, None
        if identities is not None:
            await identities.stop()

    def counters(self) -> dict[str, int]:
        """With ``identities``: how many addresses there are now."""
        if self.identities is not None:
            self.counts["identities"] = len(self.identities)
        return super().counters()

    def _identity_request(self) -> SessionRequest:
        # They end by themselves when idle, and spare ones are there to be ready.
        return replace(
            self.session_request(),
            name=f"{self.name} identity",
            keys_file=None,
            is_shared=False,
            rest=RestPolicy(),
        )

    async def lookup(self, host: str) -> Address:
        """The address of a normalised I2P host; raises NameFault."""
        return await self.context.resolver.resolve(host)

    async def visit_to(self, credential: str | None, host: str, address: Address) -> Visit:
        """A visit to an I2P host, whose address is known: what is below a name belongs to it."""
        name = registered_name(host)
        if name == host or self.model.isolate != "site":
            return Visit(credential, address.host)
        try:
            return Visit(credential, (await self.lookup(name)).host)
        except NameFault:
            return Visit(credential, name)

    def key_of(self, visit: Visit) -> str | None:
        """Under which identity a visit happens; None: the tunnel's own."""
        if self.model.isolate == "site":
            return f"{visit.credential or ''}\n{visit.site}"
        if self.model.isolate == "credential":
            return visit.credential
        return None

    async def connect_for(
        self, visit: Visit, address: Address, port: int, initial: bytes = b""
    ) -> Channel:
        """A stream to a destination, under the visit's identity; raises Unavailable."""
        key = self.key_of(visit)
        if key is None:
            return await self.connect(address, port, initial)
        identities = self.need_identities()
        identity = await identities.obtain(key)
        try:
            channel = await self._connect_as(identity, address, port, initial)
        except BaseException:
            identities.release(identity)
            raise
        return identities.hold(identity, channel)

    def need_identities(self) -> Identities:
        """Those of a running proxy; raises Unavailable: without them nothing goes out at all."""
        if self.identities is None:
            raise Unavailable("the proxy is starting or stopping", "tunnels_not_ready")
        return self.identities

    async def _connect_as(
        self, identity: Identity, address: Address, port: int, initial: bytes
    ) -> Channel:
        try:
            return await self.connect(address, port, initial, session=identity.session)
        except Unavailable as error:
            if error.code == "closed":
                await self.need_identities().forget(identity)
            raise

    async def reach_outside(
        self, choice: OutproxyChoice, visit: Visit, host: str, port: int, *, is_tunnel: bool
    ) -> Outside:
        """A way to a host outside I2P, by its outproxy or the next one that answers.

        Raises NoOutproxy, OutproxyRefused, or Unavailable when our own side is not ready.
        """
        if not choice:
            raise NoOutproxy("the address is outside I2P, and there is no outproxy", "no_outproxy")
        now = asyncio.get_running_loop().time
        for url in choice.in_order(host, now()):
            try:
                way = await outproxy.reach(
                    self._for_visit(url, visit),
                    host,
                    port,
                    is_tunnel=is_tunnel,
                    timeout_s=self.model.connect_timeout,
                    i2p=self._way_to_outproxy(visit),
                )
            except OutproxyRefused:
                choice.note(url, now(), works=True)
                raise
            except Unavailable as error:
                if error.code in _NOT_THEIR_FAULT:
                    raise
                self.counts["outproxy_failures"] += 1
                self.last_error = str(error)
                choice.note(url, now(), works=False)
                continue
            choice.note(url, now(), works=True)
            return replace(way, channel=way.channel if url.is_i2p else self.counted(way.channel))
        raise NoOutproxy("no outproxy can be reached", "outproxy_failed")

    async def resolve_outside(
        self, choice: OutproxyChoice, visit: Visit, host: str, command: int
    ) -> str:
        """Ask a SOCKS 5 outproxy with Tor's RESOLVE commands; raises Unavailable."""
        now = asyncio.get_running_loop().time()
        urls = choice.in_order(host, now) if choice else []
        for url in urls:
            if url.scheme != "socks5":
                continue
            channel, reply = await outproxy.ask_socks(
                url, host, 0, command, self.model.connect_timeout, self._way_to_outproxy(visit)
            )
            await channel.close()
            return reply.host
        raise NoOutproxy("no outproxy can resolve names", "not_allowed")

    def _for_visit(self, url: OutproxyUrl, visit: Visit) -> OutproxyUrl:
        """Tor keeps streams apart that come with different SOCKS credentials."""
        key = self.key_of(visit)
        if key is None or url.is_i2p or url.scheme != "socks5" or url.user is not None:
            return url
        return replace(url, user=hashlib.sha256(key.encode()).hexdigest()[:32], password="x")

    def _way_to_outproxy(self, visit: Visit) -> outproxy.ReachI2p:
        async def reach(host: str, port: int) -> Channel:
            return await self.connect_for(visit, await self.context.resolver.resolve(host), port)

        return reach

    async def _check_outproxies(self) -> None:
        """Try those again that failed, before somebody has to wait for them."""
        while True:
            await asyncio.sleep(_CHECK_EVERY_S)
            for choice in self.outproxy_choices():
                for url in choice.doubtful(asyncio.get_running_loop().time()):
                    await self._check(choice, url)

    async def _check(self, choice: OutproxyChoice, url: OutproxyUrl) -> None:
        works = True
        try:
            visit = Visit(None, f"outproxy {url.endpoint.host}")
            await outproxy.probe(url, self.model.connect_timeout, self._way_to_outproxy(visit))
        except Unavailable:
            works = False
        choice.note(url, asyncio.get_running_loop().time(), works=works)
