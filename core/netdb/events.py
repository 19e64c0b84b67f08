"""What the network database asks its owner to do, and what it tells it.

Message bodies are I2NP bodies without a header; the owner gives them an id and an expiration.
An *owner* of tunnels is any hashable name that the tunnel rooms know; ``None`` is the router
itself, that is its exploratory tunnels.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from core.base.rates import Source
from core.data.lease_set_variants import AnyLeaseSet
from core.data.router_info import RouterInfo

Owner: TypeAlias = Hashable | None


class LookupKind(Enum):
    """What a lookup is for; the ``VERIFY`` kinds check that our own entry can be found."""

    ROUTER = "router"
    LEASE_SET = "lease set"
    VERIFY_ROUTER = "verify router"
    VERIFY_LEASE_SET = "verify lease set"


@dataclass(frozen=True, slots=True)
class SendDirect:
    """Send over a link to ``router``, dialling if there is none.

    ``source``: the stranger who wants it sent; None: it is our own wish.
    """

    router: bytes
    message_type: int
    body: bytes
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class SendThroughTunnel:
    """Send through an outbound tunnel of ``owner``, ROUTER delivery to ``router``.

    The message must be garlic-wrapped (Noise N) for ``router_key`` (X25519, 32 bytes), so that the
    endpoint of the tunnel does not see what is asked or stored.
    """

    owner: Owner
    router: bytes
    router_key: bytes
    message_type: int
    body: bytes
    expects_reply: bool


@dataclass(frozen=True, slots=True)
class SendToGateway:
    """Answer a stranger: to the inbound gateway of a tunnel, as TunnelGateway for ``tunnel_id``.

    With ``reply_key`` (32 bytes) and ``reply_tag`` (8 bytes) the message is first sealed with them
    (one-shot garlic). ``gateway`` may be this router.
    """

    gateway: bytes
    tunnel_id: int
    message_type: int
    body: bytes
    reply_key: bytes | None = None
    reply_tag: bytes | None = None
    source: Source = (None, 0)


@dataclass(frozen=True, slots=True)
class RegisterReplyKey:
    """An answer sealed with this key and tag will come through an inbound tunnel of ``owner``."""

    owner: Owner
    tag: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class LookupFinished:
    """A lookup that was asked for has ended; ``result`` is None if nothing was found.

    ``request`` is what ``lookup_router`` or ``lookup_lease_set`` returned.
    """

    request: int
    kind: LookupKind
    key: bytes
    owner: Owner
    result: RouterInfo | AnyLeaseSet | None


@dataclass(frozen=True, slots=True)
class RouterInfoStored:
    """A RouterInfo is new or newer than the one that was known."""

    router_info: RouterInfo
    is_new: bool


@dataclass(frozen=True, slots=True)
class LeaseSetStored:
    """A lease set is new or newer; ``owner`` is None for what a floodfill keeps for others."""

    owner: Owner
    lease_set: AnyLeaseSet


@dataclass(frozen=True, slots=True)
class AnswerForged:
    """``floodfill`` answered us with an entry whose signature is wrong; nobody else can have."""

    floodfill: bytes


@dataclass(frozen=True, slots=True)
class PublishConfirmed:
    """``floodfill`` acknowledged our entry ``key``."""

    key: bytes
    owner: Owner
    floodfill: bytes


@dataclass(frozen=True, slots=True)
class PublishVerified:
    """Another floodfill returned our entry ``key``."""

    key: bytes
    owner: Owner


@dataclass(frozen=True, slots=True)
class PublishFailed:
    """``attempts`` floodfills did not acknowledge entry ``key``; it is tried again by itself."""

    key: bytes
    owner: Owner
    attempts: int


@dataclass(frozen=True, slots=True)
class RepublishDue:
    """The published entry ``key`` gets old: sign a new one and publish it."""

    key: bytes
    owner: Owner


Event: TypeAlias = (
    SendDirect
    | SendThroughTunnel
    | SendToGateway
    | RegisterReplyKey
    | LookupFinished
    | RouterInfoStored
    | LeaseSetStored
    | AnswerForged
    | PublishConfirmed
    | PublishVerified
    | PublishFailed
    | RepublishDue
)
