"""What differs between PCP and NAT-PMP, behind one face for :mod:`core.nat.mapper`."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from core.base.errors import DecodeError
from core.nat import natpmp, pcp
from core.nat.pcp import NONCE_BYTES, IpAddress

STATUS = "status"
"""The subject of answers that concern the gateway and none of its mappings."""
#: A gateway may not say that a lease lasts longer.
LEASE_MAX_S = 86_400


@dataclass(frozen=True, slots=True)
class Reading:
    """A response in terms of both protocols. ``subject``: ``tcp``, ``udp`` or :data:`STATUS`.

    ``refusal``: why not, for people; empty: success. ``lifetime_s``: of the lease. ``address``: the
    external one, None if this response does not tell it.
    """

    subject: str
    epoch_s: int | None
    refusal: str = ""
    lifetime_s: int = 0
    address: str | None = None
    port: int = 0
    is_other_version: bool = False


class Dialect(Protocol):
    """A protocol that one talks with a gateway, at its port :data:`core.nat.pcp.PORT`."""

    name: str
    waits_s: tuple[float, ...]
    """How long each transmission of a request waits for its answer."""
    needs_status: bool
    """Whether the external address has to be asked for."""

    def status_request(self) -> bytes:
        """What makes the gateway tell its epoch."""
        ...

    def map_request(
        self, protocol: str, lifetime_s: int, suggested: tuple[str, int] | None
    ) -> bytes:
        """Map or renew; delete with a lifetime of 0."""
        ...

    def read(self, data: bytes) -> Reading:
        """A response; DecodeError if it is none, or one to somebody else."""
        ...


class Pcp:
    """RFC 6887. ``client``: our address towards the gateway; ``port``: the one to be mapped.

    ``secret``: what the nonces are made from.
    """

    name = "pcp"
    #: Section 8.1.1 begins with three seconds and doubles; we do not go on for ever.
    waits_s: tuple[float, ...] = (3.0, 6.0, 6.0)
    needs_status = False

    def __init__(self, client: IpAddress, port: int, secret: bytes) -> None:
        self._client = client
        self._port = port
        self._nonces = {
            name: sha256(secret + b"pcp" + client.packed + bytes([number])).digest()[:NONCE_BYTES]
            for name, number in pcp.PROTOCOL_NUMBERS.items()
        }

    def status_request(self) -> bytes:
        """See :class:`Dialect`."""
        return pcp.write_announce(self._client)

    def map_request(
        self, protocol: str, lifetime_s: int, suggested: tuple[str, int] | None
    ) -> bytes:
        """See :class:`Dialect`."""
        nonce = self._nonces[protocol]
        return pcp.write_map(self._client, protocol, self._port, nonce, lifetime_s, suggested)

    def read(self, data: bytes) -> Reading:
        """See :class:`Dialect`."""
        answer = pcp.parse(data)
        refusal = pcp.explain(answer.result) if answer.result else ""
        if not isinstance(answer, pcp.Mapped):
            is_other = answer.result == pcp.UNSUPPORTED_VERSION
            epoch_s = None if is_other else answer.epoch_s
            return Reading(STATUS, epoch_s, refusal, is_other_version=is_other)
        if answer.nonce != self._nonces.get(answer.protocol) or answer.internal_port != self._port:
            raise DecodeError("a PCP response about a mapping of somebody else")
        return Reading(
            answer.protocol,
            answer.epoch_s,
            refusal,
            min(answer.lifetime_s, LEASE_MAX_S),
            answer.external_address,
            answer.external_port,
        )


class NatPmp:
    """RFC 6886. ``port``: the one to be mapped."""

    name = "nat-pmp"
    #: Section 3.1 begins with a quarter of a second and doubles.
    waits_s: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0)
    needs_status = True

    def __init__(self, port: int) -> None:
        self._port = port

    def status_request(self) -> bytes:
        """See :class:`Dialect`."""
        return natpmp.write_address_request()

    def map_request(
        self, protocol: str, lifetime_s: int, suggested: tuple[str, int] | None
    ) -> bytes:
        """See :class:`Dialect`."""
        port = suggested[1] if suggested is not None and lifetime_s else 0
        return natpmp.write_map(protocol, self._port, port, lifetime_s)

    def read(self, data: bytes) -> Reading:
        """See :class:`Dialect`."""
        answer = natpmp.parse(data)
        refusal = natpmp.explain(answer.result) if answer.result else ""
        if isinstance(answer, natpmp.Mapped):
            if answer.internal_port != self._port:
                raise DecodeError("a NAT-PMP response about a mapping of somebody else")
            lifetime_s = min(answer.lifetime_s, LEASE_MAX_S)
            port = answer.external_port
            return Reading(answer.protocol, answer.epoch_s, refusal, lifetime_s, port=port)
        address = answer.address if isinstance(answer, natpmp.ExternalAddress) else None
        return Reading(STATUS, answer.epoch_s, refusal, address=None if refusal else address)
