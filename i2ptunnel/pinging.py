"""``ping`` at the control socket: an echo request to a destination, from the shared session."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, cast

from core.base.errors import Unavailable
from core.data.blinded_address import BlindedTarget
from i2ptunnel.config.network_kinds import read_port
from i2ptunnel.control import Command, ControlFault
from i2ptunnel.naming.address import NameFault
from i2ptunnel.naming.resolver import Resolver
from i2ptunnel.protocols.hosts import normalise_host

WAIT_MAX_S = 120.0


class _PingSession(Protocol):
    """What of ``core.api.ClientSession`` is used here."""

    async def ping(
        self, target: bytes | BlindedTarget, *, port: int = ..., timeout_s: float = ...
    ) -> float: ...


class Pinging:
    """``session`` lends a ready session; Unavailable when there is no way into I2P yet.

    ``why_unknown``: what to say of a name that no address book has.
    """

    def __init__(
        self,
        resolver: Resolver,
        session: Callable[[], AbstractAsyncContextManager[Any]],
        why_unknown: Callable[[str], str],
    ) -> None:
        self._resolver = resolver
        self._session = session
        self._why_unknown = why_unknown

    def commands(self) -> dict[str, Command]:
        """What the control socket offers."""
        return {"ping": self._on_ping}

    async def _on_ping(self, request: dict[str, Any]) -> Any:
        """The seconds it took, None when there was no answer."""
        name, wait_s = request.get("destination"), request.get("wait_s")
        if not isinstance(name, str) or not isinstance(wait_s, int | float):
            raise ControlFault("write a destination and a time")
        host, colon, port = name.rpartition(":")
        host, port = (host, port) if colon else (name, "")
        try:
            i2p_port = read_port(port) if colon else 0
        except ValueError as error:
            raise ControlFault(f"{port!r} is no port: {error}") from None
        try:
            address = await self._resolver.resolve(normalise_host(host))
        except NameFault as fault:
            if fault.code != "unknown_name":
                raise
            raise ControlFault(f"{fault}; {self._why_unknown(host)}") from None
        async with self._session() as session:
            try:
                return await cast(_PingSession, session).ping(
                    address.target(), port=i2p_port, timeout_s=min(wait_s, WAIT_MAX_S)
                )
            except Unavailable as error:
                if error.code == "ping_timeout":
                    return None
                raise
