"""A router of the public network with sessions to other ones, and what it does when told something.

Sessions are only named: what is in them is told and asked as blocks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from core.data.encoding import b64encode
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.data.transport_address import RouterAddress
from core.transport.own_addresses import OwnAddresses
from core.transport.reachability import Reachability
from core.transport.ssu2.blocks import (
    Block,
    PeerTest,
    RelayRequest,
    parse_block,
)
from core.transport.ssu2.framing import SocketAddress, split_blocks
from core.transport.ssu2.introductions import (
    RelayOffer,
    peer_test_prologue,
    relay_request_prologue,
)
from core.transport.ssu2.nat_traversal import NatTraversal
from core.transport.ssu2.traversal import (
    SendBlock,
    SendPacket,
    Surroundings,
)
from core.transport.stats import LinkStats
from tests.support.deterministic import FakeWallClock, SeededEntropy

NOW = 1000.0
ALICE_AT = SocketAddress("9.9.9.9", 9999)


class Peer:
    """Another router, with its keys."""

    def __init__(
        self,
        name: str,
        host: str = "",
        caps: str = "BC4",
        router_caps: str = "LR",
        version: str = "0.9.67",
    ) -> None:
        entropy = SeededEntropy(name)
        self.keys = PrivateKeys.generate_router(entropy)
        self.intro_key = entropy.random_bytes(32)
        self.remote = SocketAddress(host or "9.9.9.9", 9999)
        key = b64encode(self.intro_key)
        options = {"s": b64encode(bytes(31) + b"\1"), "i": key, "v": "2", "caps": caps}
        if host:
            options |= {"host": host, "port": "9999"}
        self.info = RouterInfo.build(
            self.keys,
            1_700_000_000_000,
            [RouterAddress(8, 0, "SSU2", options)],
            {"caps": router_caps, "netId": "2", "router.version": version},
        )
        self.hash = self.keys.hash


@dataclass(eq=False, slots=True)
class FakeSession:
    router_hash: bytes
    router_info: RouterInfo
    remote: SocketAddress
    is_outbound: bool


class Bench:
    """A router of the public network, and what it does when it is told something."""

    def __init__(self) -> None:
        self.wall = FakeWallClock()
        self.now = NOW
        self.me = Peer("me", "8.8.4.4")
        self.sessions: dict[bytes, FakeSession] = {}
        self.known: dict[bytes, RouterInfo] = {}
        self.gives_tags = True
        self.stats = LinkStats()
        self.own = OwnAddresses()
        self.own.listen("ssu2", 9999, lambda *_: None)
        self.own.mapped({("ssu2", False): (("8.8.4.4", 9999), "pcp")})
        self.votes = self.own.votes
        here = Surroundings(
            self.me.hash,
            self.me.keys.sign,
            self.wall,
            SeededEntropy("here"),
            self.stats,
            self,
            Reachability(),
        )
        self.nat = NatTraversal(here, self.own)
        self.nat.handle_timer(NOW)
        self.nat.take_actions()

    def established(self) -> Iterable[FakeSession]:
        return list(self.sessions.values())

    def session_with(self, router_hash: bytes) -> FakeSession | None:
        return self.sessions.get(router_hash)

    def find_router(self, router_hash: bytes) -> RouterInfo | None:
        return self.known.get(router_hash)

    def new_token(self, address: SocketAddress, now: float) -> int:
        return 4711

    def join(self, peer: Peer, *, is_outbound: bool = False) -> FakeSession:
        session = FakeSession(peer.hash, peer.info, peer.remote, is_outbound)
        self.sessions[peer.hash] = session
        return session

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.wall.advance(seconds)
        self.nat.handle_timer(self.now)

    def tell(self, session: FakeSession, block: Block) -> None:
        self.nat.block_received(session, block, self.now)

    def packets(self) -> list[tuple[SendPacket, list[Block]]]:
        return [
            (one, blocks_of(one.payload))
            for one in self.nat.take_actions()
            if isinstance(one, SendPacket)
        ]

    def sent(self) -> list[tuple[FakeSession, Block]]:
        """Blocks in sessions."""
        found = []
        for one in self.nat.take_actions():
            if isinstance(one, SendBlock):
                (block,) = blocks_of(one.block)
                assert isinstance(one.session, FakeSession)
                found.append((one.session, block))
        return found


def blocks_of(payload: bytes) -> list[Block]:
    parts, is_whole = split_blocks(payload)
    assert is_whole
    blocks = [parse_block(kind, data) for kind, data in parts]
    return [block for block in blocks if block is not None]


def request(alice: Peer, bob: bytes, nonce: int = 7, /, **changes: object) -> PeerTest:
    """Message 1 as Alice signs it."""
    block = PeerTest(1, 0, b"", 2, nonce, 1_700_000_000, ALICE_AT)
    block = replace(block, **changes)  # type: ignore[arg-type]
    return replace(block, signature=alice.keys.sign(peer_test_prologue(bob) + block.signed_data))


def offer(alice: Peer, bob: bytes, charlie: bytes, tag: int, /, **changes: object) -> RelayRequest:
    """RelayRequest as Alice signs it."""
    data = replace(RelayOffer(7, tag, 1_700_000_000, 2, ALICE_AT), **changes)  # type: ignore[arg-type]
    return RelayRequest(data, alice.keys.sign(relay_request_prologue(bob, charlie) + data.write()))
