"""Echo requests to a destination, through the shared session of the client tunnels."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, cast

from core.base.errors import I2PError, Unavailable
from core.data.blinded_address import BlindedTarget
from i2ptunnel.config.network_kinds import read_port
from i2ptunnel.naming.address import NameFault
from i2ptunnel.naming.resolver import Resolver
from i2ptunnel.protocols.hosts import normalise_host

WAIT_MAX_S = 120.0


class PingFault(I2PError):
    """The destination cannot be pinged; the message goes to the user."""


class _PingSession(Protocol):
    """What of ``core.api.ClientSession`` is used here."""

    async def ping(
        self, target: bytes | BlindedTarget, *, port: int = ..., timeout_s: float = ...
    ) -> float: ...


class Names(Protocol):
    """What a ping asks of the running program."""

    @property
    def resolver(self) -> Resolver:
        """Turns names into addresses."""

    def session(self) -> AbstractAsyncContextManager[Any]:
        """Lends a ready session; raises Unavailable when there is no way into I2P yet."""

    def why_unknown(self, name: str) -> str:
        """What to say of a name that no address book has; it follows a semicolon."""


async def ping(names: Names, destination: str, wait_s: float) -> float | None:
    """The seconds until the destination answered, None when it did not within ``wait_s``.

    ``destination`` may end with ``:port``. Raises PingFault, NameFault and Unavailable.
    """
    host, colon, port = destination.rpartition(":")
    host, port = (host, port) if colon else (destination, "")
    try:
        i2p_port = read_port(port) if colon else 0
    except ValueError as error:
        raise PingFault(f"{port!r} is no port: {error}") from None
    try:
        address = await names.resolver.resolve(normalise_host(host))
    except NameFault as fault:
        if fault.code != "unknown_name":
            raise
        raise PingFault(f"{fault}; {names.why_unknown(host)}") from None
    async with names.session() as session:
        try:
            return await cast(_PingSession, session).ping(
                address.target(), port=i2p_port, timeout_s=min(wait_s, WAIT_MAX_S)
            )
        except Unavailable as error:
            if error.code == "ping_timeout":
                return None
            raise
