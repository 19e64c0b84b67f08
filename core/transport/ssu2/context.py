"""What all SSU2 sessions of a router share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from core.base.filters import DuplicateFilter
from core.base.ports import Entropy, WallClock
from core.crypto.hkdf import hmac_sha256
from core.crypto.x25519 import X25519Key
from core.data.router_info import RouterInfo
from core.transport.context import CLOCK_SKEW_MAX_S, TransportContext
from core.transport.publishing import Published
from core.transport.ssu2.outside import IntroKey
from core.transport.ssu2.tokens import ReceivedTokens, TokenMint
from core.transport.ssu2.variants import PLAIN, Variant
from core.transport.stats import LinkStats

REPLAYS_MAX = 65536


@dataclass(frozen=True, slots=True)
class LocalRouter:
    """Our identity as the SSU2 transport sees it.

    ``static_key``: the Noise key published as ``s``; ``intro``: the key published as ``i``;
    ``router_info``: returns the current signed RouterInfo, uncompressed.
    """

    hash: bytes
    static_key: X25519Key
    intro: IntroKey
    router_info: Callable[[], bytes]


@dataclass(slots=True)
class Context:
    """See the module. ``hybrid``: the variant that we take and dial with; None: none."""

    local: LocalRouter
    network_id: int
    wall: WallClock
    entropy: Entropy
    find_router: Callable[[bytes], RouterInfo | None]
    stats: LinkStats
    mint: TokenMint
    published: Published
    hybrid: Variant | None = None
    tokens: ReceivedTokens = field(default_factory=ReceivedTokens)
    #: Ephemeral keys seen in SessionRequest: at least twice the tolerated skew.
    replays: DuplicateFilter = field(
        default_factory=lambda: DuplicateFilter(2.0 * CLOCK_SKEW_MAX_S + 1, REPLAYS_MAX)
    )

    @classmethod
    def of(
        cls,
        context: TransportContext,
        static_key: X25519Key,
        intro: IntroKey,
        published: Published,
        hybrid: Variant | None = None,
    ) -> Context:
        """From what the transports of the router share, and the keys of this one."""
        secret = hmac_sha256(static_key.private, b"SSU2 tokens")
        return cls(
            LocalRouter(context.router_hash, static_key, intro, context.router_info),
            context.network_id,
            context.wall,
            context.entropy,
            context.find_router,
            context.stats,
            TokenMint(context.entropy, context.wall, secret),
            published,
            hybrid,
        )

    @property
    def versions(self) -> tuple[int, ...]:
        """Those of sessions that others may begin."""
        return (PLAIN.version,) if self.hybrid is None else (PLAIN.version, self.hybrid.version)

    @property
    def gives_tokens(self) -> bool:
        """Others can dial us, so a token for that is of use."""
        return self.published.is_reachable
