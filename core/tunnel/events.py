"""What the tunnel room tells its owner; drained with ``TunnelManager.next_event``."""

from __future__ import annotations

from dataclasses import dataclass

from core.tunnel.tunnels import InboundTunnel, OutboundTunnel


@dataclass(frozen=True, slots=True, repr=False)
class RegisterReplyKey:
    """A garlic message under ``tag`` (8 bytes) and ``key`` (32 bytes) will reach ``owner``, once.

    What is inside goes back to the manager: a build reply or a DeliveryStatus.
    """

    owner: object
    tag: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class TunnelReady:
    """A tunnel was built and is in use from now on."""

    owner: object
    tunnel: InboundTunnel | OutboundTunnel
    is_inbound: bool


@dataclass(frozen=True, slots=True)
class TunnelLost:
    """A tunnel must not be used any more. ``reason``: expired, test or closed."""

    owner: object
    tunnel: InboundTunnel | OutboundTunnel
    is_inbound: bool
    reason: str


@dataclass(frozen=True, slots=True)
class LeasesChanged:
    """``TunnelPool.live_inbound`` gives another answer than before: publish it."""

    owner: object


@dataclass(frozen=True, slots=True)
class BuildFinished:
    """What the hops of one build did, for the peer records.

    ``hops``: router hashes in path order. ``codes``: their answers (0 accepts), or None if nobody
    answered in time; then ``hops`` are all that may be to blame. ``neighbour``: the hop next to us,
    None if the build was lost before it was given to anybody, or may have been lost in the tunnel
    that carried the request or was to carry the answer.
    """

    owner: object
    is_inbound: bool
    hops: tuple[bytes, ...]
    codes: tuple[int, ...] | None
    elapsed_s: float
    neighbour: bytes | None = None


@dataclass(frozen=True, slots=True)
class TunnelTested:
    """A test passed through both tunnels' hops, or was lost in one of them (``rtt_s`` None)."""

    owner: object
    hops: tuple[bytes, ...]
    rtt_s: float | None


@dataclass(frozen=True, slots=True)
class TunnelCarried:
    """A tunnel has carried so many bytes per second of late."""

    owner: object
    hops: tuple[bytes, ...]
    bytes_s: float


@dataclass(frozen=True, slots=True)
class RoutersWanted:
    """The owner wants no others as hops, and their router infos are missing: look them up."""

    owner: object
    router_hashes: tuple[bytes, ...]


TunnelEvent = (
    RoutersWanted
    | RegisterReplyKey
    | TunnelReady
    | TunnelLost
    | LeasesChanged
    | BuildFinished
    | TunnelTested
    | TunnelCarried
)
