"""Two routers for tests of SSU2 handshakes: contexts, RouterInfos and both machines."""

from __future__ import annotations

from core.crypto.x25519 import X25519Key
from core.data.encoding import b64encode
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.data.transport_address import RouterAddress
from core.transport.publishing import Published
from core.transport.reachability import Reachability
from core.transport.reasons import TerminationReason
from core.transport.ssu2 import handshake, outside
from core.transport.ssu2.context import Context, LocalRouter
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.handshake import ConnectionIds
from core.transport.ssu2.header import LongHeader, mask
from core.transport.ssu2.initiator import Initiator, Target
from core.transport.ssu2.outside import IntroKey
from core.transport.ssu2.responder import Responder
from core.transport.ssu2.tokens import TokenMint
from core.transport.ssu2.variants import PLAIN, Variant
from core.transport.stats import LinkStats
from tests.support.deterministic import FakeWallClock, SeededEntropy

NETWORK_ID = 77
ALICE_AT = SocketAddress("192.0.2.1", 1111)
BOB_AT = SocketAddress("192.0.2.2", 2222)
ROOM = 1280 - 28


class Party:
    """One router: its keys, its RouterInfo, its SSU2 context."""

    def __init__(
        self,
        name: str,
        wall: FakeWallClock,
        *,
        filler: int = 0,
        v: str = "2",
        hybrid: Variant | None = None,
    ) -> None:
        self.entropy = SeededEntropy(name)
        self.wall = wall
        self.keys = PrivateKeys.generate_router(self.entropy)
        self.static_key = X25519Key.generate(self.entropy)
        self.intro = IntroKey(self.entropy.random_bytes(32))
        self.filler = filler
        self.room = ROOM
        self.v = v
        self.published_key = self.static_key.public
        self.known: dict[bytes, RouterInfo] = {}
        local = LocalRouter(
            self.keys.hash, self.static_key, self.intro, lambda: self.router_info().raw
        )
        self.stats = LinkStats()
        self.context = Context(
            local,
            NETWORK_ID,
            wall,
            self.entropy,
            self.known.get,
            self.stats,
            TokenMint(self.entropy, wall, bytes(32)),
            Published(Reachability()),
            hybrid,
        )

    def router_info(self, age_s: float = 0.0, network_id: int = NETWORK_ID) -> RouterInfo:
        """Signed now. ``filler``: bytes that do not compress."""
        options = {"netId": str(network_id), "router.version": "0.9.67", "caps": "LR"}
        for index in range(0, self.filler, 180):
            options[f"filler{index}"] = b64encode(SeededEntropy(index).random_bytes(135))
        address = RouterAddress(
            8,
            0,
            "SSU2",
            {
                "s": b64encode(self.published_key),
                "i": b64encode(self.intro.raw),
                "v": self.v,
                "caps": "4",
            },
        )
        published_ms = int((self.wall.now() - age_s) * 1000)
        return RouterInfo.build(self.keys, published_ms, [address], options)

    def dial(
        self,
        bob: Party,
        now: float,
        ids: ConnectionIds | None = None,
        variant: Variant = PLAIN,
    ) -> Initiator:
        """An initiator towards ``bob``."""
        target = Target(BOB_AT, bob.static_key.public, bob.intro, bob.keys.hash, self.room, variant)
        return Initiator(self.context, target, ids or ConnectionIds(101, 202), self.room, now)

    def answer(self, packet: bytes, now: float) -> Responder:
        """A responder to a SessionRequest, whose token is not judged."""
        context = self.context
        request = handshake.Request(packet, context.local, context.network_id, context.versions)
        return Responder(context, request, ALICE_AT, packet, now)


def retry_of(bob: Party, packet: bytes, now: float, refusal: int | None = None) -> bytes:
    """Bob's Retry to a TokenRequest or SessionRequest."""
    header = LongHeader.parse(mask(packet, bob.intro.header, bob.intro.header, 16))
    token = bob.context.mint.retry_token(ALICE_AT, now)
    reason = None if refusal is None else TerminationReason(refusal)
    return outside.write_retry(header, ALICE_AT, bob.intro, token, bob.wall, bob.entropy, reason)
