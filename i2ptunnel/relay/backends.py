"""The local services behind a server tunnel: each in turn, those that fail left out for a while.

Of several services the next healthy one gets the next connection; one that cannot be reached is
left out, and tried again by the health check. When none is healthy all are tried: a check may be
wrong. A connection that fails goes on to the next service, as nothing was sent yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from functools import partial

from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.own_doors import OwnDoors
from i2ptunnel.config.tunnel_parts import HealthCheckSection, TargetTlsSection
from i2ptunnel.relay.local import LocalChannel
from i2ptunnel.relay.tls import client_context, connect_tls

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r]")
_ANSWER_BYTES_MAX = 4096


class Backend:
    """One service and how it is."""

    __slots__ = ("connections", "endpoint", "failures", "last_error")

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.failures = 0
        """In a row."""
        self.connections = 0
        self.last_error: str | None = None

    @property
    def is_healthy(self) -> bool:
        """Whether the last attempt to reach it succeeded."""
        return self.failures == 0

    def note(self, error: Unavailable | None) -> None:
        """How the last attempt ended."""
        self.failures = 0 if error is None else self.failures + 1
        self.last_error = None if error is None else str(error)


class Backends:
    """Connects to one of ``targets``; :meth:`prepare` first, then :meth:`keep` beside it."""

    def __init__(
        self,
        targets: Sequence[Endpoint],
        timeout_s: float,
        tls: TargetTlsSection | None = None,
        unique_local: bool = False,
        check: HealthCheckSection | None = None,
        source: str | None = None,
        own_doors: OwnDoors | None = None,
        may_offer: bool = False,
    ) -> None:
        """``source``: the address to come from; None: ``unique_local`` or the system decides.

        ``own_doors``: listeners of this program, which are no services; with ``may_offer`` those
        that ask for a key are.
        """
        self.all = [Backend(endpoint) for endpoint in targets]
        self._timeout_s = timeout_s
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self._source = source
        self._is_own = partial((own_doors or OwnDoors()).is_own, may_offer=may_offer)
        self._unique_local = unique_local and source is None and sys.platform == "linux"
        self._check = check or HealthCheckSection()
        self._next = 0

    def prepare(self) -> None:
        """Read the files of TLS; raises Unavailable."""
        if self._tls is not None:
            self._context = client_context(self._tls.ca)

    @property
    def is_healthy(self) -> bool:
        """Whether at least one answered when it was last asked."""
        return any(backend.is_healthy for backend in self.all)

    async def connect(self, client: bytes | None = None) -> LocalChannel:
        """A connection for the client with this destination hash.

        Raises Unavailable (``target_unreachable``, ``tls_failed``) when no service can be reached.
        """
        last = Unavailable("no target is set", "target_unreachable")
        for backend in self._in_turn():
            try:
                channel = await self._connect(backend.endpoint, client, self._timeout_s)
            except Unavailable as error:
                backend.note(error)
                last = error
            else:
                backend.note(None)
                backend.connections += 1
                return channel
        raise last

    async def keep(self, tell: Callable[[bool], None] | None = None) -> None:
        """Try out the services, until cancelled; one alone is known from its connections.

        ``tell`` is called after each round: whether one of them is healthy.
        """
        while len(self.all) > 1 or (self.all and tell is not None):
            await asyncio.sleep(self._check.interval)
            await self.check()
            if tell is not None:
                tell(self.is_healthy)

    async def check(self) -> None:
        """Try out every service once."""
        await asyncio.gather(*(self._check_one(backend) for backend in self.all))

    def status(self) -> list[dict[str, object]]:
        """For ``status``, when there are several."""
        if len(self.all) < 2:
            return []
        return [
            {
                "target": str(backend.endpoint),
                "healthy": backend.is_healthy,
                "connections": backend.connections,
                "last_error": backend.last_error,
            }
            for backend in self.all
        ]

    def _in_turn(self) -> list[Backend]:
        start = self._next % len(self.all) if self.all else 0
        self._next = start + 1
        turn = self.all[start:] + self.all[:start]
        return sorted(turn, key=lambda backend: not backend.is_healthy)

    async def _connect(
        self, endpoint: Endpoint, client: bytes | None, timeout_s: float
    ) -> LocalChannel:
        source = None if endpoint.is_unix else self._source
        if self._unique_local and client is not None:
            source = await _source_for(endpoint, client)
        is_own = self._is_own
        if self._context is None or self._tls is None:
            return await LocalChannel.connect(endpoint, timeout_s, source, is_own)
        name = self._tls.server_name or ("localhost" if endpoint.is_unix else endpoint.host)
        return await connect_tls(endpoint, timeout_s, self._context, name, source, is_own)

    async def _check_one(self, backend: Backend) -> None:
        try:
            async with asyncio.timeout(self._check.timeout):
                channel = await self._connect(backend.endpoint, None, self._check.timeout)
                try:
                    if self._check.path is not None:
                        await self._ask(channel, self._check.path)
                finally:
                    channel.reset()
        except Unavailable as error:
            backend.note(error)
        except TimeoutError:
            backend.note(Unavailable("the health check got no answer", "target_unreachable"))
        else:
            backend.note(None)

    async def _ask(self, channel: LocalChannel, path: str) -> None:
        await channel.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b""
        while len(answer) < _ANSWER_BYTES_MAX and b"\r" not in answer:
            data = await channel.read()
            if not data:
                break
            answer += data
        match = _STATUS_LINE.match(answer)
        if not match:
            raise Unavailable("the health check got no HTTP answer", "target_unreachable")
        if match[1][:1] not in (b"2", b"3"):
            raise Unavailable(
                f"the health check got status {match[1].decode()}", "target_unreachable"
            )


def unique_local_address(client: bytes) -> str:
    """The address in 127.0.0.0/8 that a client comes from: never 127.0.x.x, where services are."""
    return f"127.{1 + client[0] % 254}.{client[1]}.{1 + client[2] % 254}"


async def _source_for(endpoint: Endpoint, client: bytes) -> str | None:
    """The client's own address, if the service is reached at 127.x.y.z and the system has it."""
    if endpoint.is_unix:
        return None
    if endpoint.host.lower() != "localhost":
        with contextlib.suppress(ValueError):
            address = ipaddress.ip_address(endpoint.host)
            if address.version == 4 and address.is_loopback:
                return _usable(unique_local_address(client))
        return None
    found = await asyncio.get_running_loop().getaddrinfo(
        "localhost", endpoint.port, type=socket.SOCK_STREAM
    )
    if all(family == socket.AF_INET for family, *_ in found):
        return _usable(unique_local_address(client))
    return None


def _usable(source: str) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((source, 0))
        except OSError:
            return None
    return source
