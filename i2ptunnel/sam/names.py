"""NAMING LOOKUP, and the destinations that programs name (samv3.md, "Host Name Lookup")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.api import ClientSession
from core.base.errors import DecodeError, Unavailable
from core.data.blinded_address import BlindedTarget
from core.data.identity import Destination
from i2ptunnel.naming.address import Address, NameFault
from i2ptunnel.sam.context import SamContext
from i2ptunnel.sam.protocol.requests import Refused

LOOKUP_S = 30.0
_READY_S = 60.0


@dataclass(frozen=True, slots=True)
class Found:
    """The destination of a name, and the options of its lease set where they were asked for."""

    destination: Destination
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def hash(self) -> bytes:
        """SHA-256 of the destination."""
        return self.destination.hash


class Names:
    """Looks up for programs, in the address books first and then in the network."""

    def __init__(self, context: SamContext) -> None:
        self._context = context

    async def address(self, name: str) -> Address:
        """Where a stream goes to; raises Refused with INVALID_KEY or KEY_NOT_FOUND."""
        try:
            return await self._context.naming.resolver.resolve(name)
        except NameFault as fault:
            result = "KEY_NOT_FOUND" if fault.code == "unknown_name" else "INVALID_KEY"
            raise Refused(result, str(fault)) from None

    async def find(
        self, name: str, session: ClientSession | None, *, wants_options: bool = False
    ) -> Found:
        """The destination of a name, of a b32 or b33 address, or of base 64; raises Refused.

        ``session``: the program's own, which is asked where the network has to be.
        """
        destination = _written_out(name)
        if destination is not None and not wants_options:
            return Found(destination)
        address = await self.address(name)
        if destination is None and address.blinded is None:
            destination = self._context.naming.destination_of(address.hash)
        if session is not None and session.destination.hash == address.hash:
            destination = session.destination
        if destination is not None and not wants_options:
            return Found(destination)
        try:
            if session is not None:
                return await _ask(session, address.target(), wants_options)
            async with self._context.naming.session() as lent:
                return await _ask(lent, address.target(), wants_options)
        except Unavailable as error:
            result = "LEASESET_NOT_FOUND" if wants_options else "KEY_NOT_FOUND"
            raise Refused(result, str(error)) from None


async def _ask(session: Any, target: bytes | BlindedTarget, wants_options: bool) -> Found:
    await session.wait_ready(_READY_S)
    if wants_options:
        return Found(*await session.lookup_options(target, timeout_s=LOOKUP_S))
    return Found(await session.lookup(target, timeout_s=LOOKUP_S))


def _written_out(name: str) -> Destination | None:
    """A destination in base 64; None for names."""
    if name.endswith(".i2p"):
        return None
    try:
        return Destination.from_base64(name)
    except DecodeError:
        return None
