"""What peer tests and introductions share (specs/ssu2, "Peer Test Process", "Relay Process").

Their machines have no packets and no sessions of their own: they are told of blocks and ask with an
:data:`Action` for what is to be done. A packet outside a session is asked for as its blocks and the
introduction key to seal it with.

Nothing is ever sent to an address on one stranger's word. Bob vouches only for the host that
Alice's session with him has proven; Charlie limits what a host may get, and answers only the host
that he was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from core.base.bounded import BoundedMap
from core.base.ports import Entropy, WallClock
from core.base.rates import TokenBucket, WindowCounter
from core.data.router_info import RouterInfo
from core.data.transport_address import Ssu2Address
from core.transport.addresses import source_key
from core.transport.reachability import Reachability
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.header import PacketType
from core.transport.stats import LinkStats

SSU2_VERSION = 2
#: Java, i2pd: what a router needs for a peer test.
VERSION_MIN = (0, 9, 62)
#: i2pd: a peer test and its signatures hold so long; Java takes twice as much.
VALID_S = 60
#: spec: privileged ports are refused.
PORT_MIN = 1024
#: Java: 12 tests of a host in ten minutes.
PER_HOST_MAX = 12
PER_HOST_PERIOD_S = 600.0
#: of all together; a verification and a signature cost 0.2 ms
RATE_MAX = 2.0
BURST_MAX = 20.0
#: A translator lets answers in for minutes after something went out; i2pd: 160 s, Java: 10 minutes.
CONTACT_S = 600.0
CONTACTS_MAX = 8192
#: A RouterInfo may be overtaken by the block that needs it.
ROUTER_INFO_WAIT_S = 2.0
ROUTER_INFO_POLL_S = 0.25
AWAITED_MAX = 32
NONCES_MAX = 4096
#: What Bob and Charlie answer (specs/ssu2, "Peer Test" and "Relay Response"); below 64 it is Bob.
CODE_UNSPECIFIED = 1
CODE_LIMIT = 3
CODE_SIGNATURE = 4
CODE_CHARLIE_UNSPECIFIED = 64
CODE_CHARLIE_ADDRESS = 65
CODE_CHARLIE_LIMIT = 66
CODE_CHARLIE_SIGNATURE = 67
CODE_CHARLIE_CONNECTED = 68
CODE_CHARLIE_UNKNOWN = 70
_ID_MASK = (1 << 64) - 1


class PeerSession(Protocol):
    """An established session; hashable by identity."""

    @property
    def router_hash(self) -> bytes | None:
        """Who it is with."""
        ...

    @property
    def router_info(self) -> RouterInfo | None:
        """What the peer published of itself, as far as it is known."""
        ...

    @property
    def remote(self) -> SocketAddress:
        """Where the peer is; it has proven that packets reach it there."""
        ...

    @property
    def is_outbound(self) -> bool:
        """Whether we began it."""
        ...


class TraversalHost(Protocol):
    """What the endpoint answers."""

    def established(self) -> Iterable[PeerSession]:
        """All sessions in the data phase."""
        ...

    def session_with(self, router_hash: bytes) -> PeerSession | None:
        """The established session with a router."""
        ...

    def find_router(self, router_hash: bytes) -> RouterInfo | None:
        """From the network database."""
        ...

    def new_token(self, address: SocketAddress, now: float) -> int:
        """A token for a SessionRequest from there."""
        ...

    @property
    def gives_tags(self) -> bool:
        """Whether we introduce others: we are reachable, have room, and are no floodfill."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every machine here needs. ``sign``: with the key of our RouterIdentity."""

    router_hash: bytes
    sign: Callable[[bytes], bytes]
    wall: WallClock
    entropy: Entropy
    stats: LinkStats
    host: TraversalHost
    reachability: Reachability

    def is_timely(self, time_s: int) -> bool:
        """Whether a signature of this time (unix seconds) still holds."""
        return abs(time_s - self.wall.now()) <= VALID_S

    def random_u32(self) -> int:
        """A nonce or a tag: never 0."""
        return int.from_bytes(self.entropy.random_bytes(4), "big") or 1

    def may_send_to(self, address: SocketAddress) -> bool:
        """Whether a router of our network can be there, in a family of ours."""
        return PORT_MIN <= address.port <= 0xFFFF and self.reachability.can_dial(address.host)


@dataclass(frozen=True, slots=True)
class SendBlock:
    """A block in this session, resent until acknowledged; before it a RouterInfo, if there is one.

    The RouterInfo goes as a block if it fits into the same packet, or as a DatabaseStore.
    """

    session: PeerSession
    block: bytes
    router_info: RouterInfo | None = None


@dataclass(frozen=True, slots=True)
class SendPacket:
    """A packet outside a session, once. ``payload``: its blocks; padding is the sender's to add."""

    packet_type: PacketType
    destination_id: int
    source_id: int
    payload: bytes
    intro_key: bytes
    address: SocketAddress


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """Send something in this session at least every ``interval_s``; 0.0: as any other session."""

    session: PeerSession
    interval_s: float


@dataclass(frozen=True, slots=True)
class Introduced:
    """Charlie waits for a SessionRequest from us, with this token and these connection IDs.

    It may come a second time with another ``address``: then the first one does not answer.
    """

    router_hash: bytes
    address: SocketAddress
    token: int
    destination_id: int
    source_id: int


@dataclass(frozen=True, slots=True)
class IntroductionFailed:
    """Nobody introduces us to this router; ``reason`` in plain words."""

    router_hash: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class IntroducersChanged:
    """Our RouterInfo says something else of introducers now."""

    is_ipv6: bool


@dataclass(frozen=True, slots=True)
class ReachabilityChanged:
    """Our state is another one now, or the address at which we are seen or reached."""

    is_ipv6: bool


@dataclass(frozen=True, slots=True)
class HostChanged:
    """Others see us at another host: tokens that we were given for the old one are void."""

    is_ipv6: bool


Action: TypeAlias = (
    SendBlock
    | SendPacket
    | KeepAlive
    | Introduced
    | IntroductionFailed
    | IntroducersChanged
    | ReachabilityChanged
    | HostChanged
)


def connection_ids(nonce: int) -> tuple[int, int]:
    """Destination and source ID of what Charlie sends to Alice; the other way they are swapped."""
    doubled = nonce << 32 | nonce
    return doubled, ~doubled & _ID_MASK


def replay_key(router_hash: bytes, nonce: int) -> int:
    """One number for a nonce of one router: two routers may draw the same."""
    return int.from_bytes(router_hash[:8], "big") << 32 | nonce


def is_same_host(one: SocketAddress, other: SocketAddress) -> bool:
    """spec: IPv4 addresses are equal, IPv6 addresses in their first 8 bytes."""
    return source_key(one.host) == source_key(other.host)


def published_address(router_info: RouterInfo, is_ipv6: bool, caps: str = "") -> Ssu2Address | None:
    """Its SSU2 address of a family with a host and all of ``caps``."""
    for address in router_info.ssu2_addresses():
        if address.is_published and address.is_ipv6 == is_ipv6 and set(caps) <= set(address.caps):
            return address
    return None


def intro_key_of(router_info: RouterInfo, is_ipv6: bool) -> bytes | None:
    """The introduction key of its SSU2 address of a family, published with a host or not."""
    family = "6" if is_ipv6 else "4"
    for address in router_info.ssu2_addresses():
        if address.is_published:
            if address.is_ipv6 == is_ipv6:
                return address.intro_key
        elif family in address.caps or (not is_ipv6 and not address.caps):
            return address.intro_key
    return None


class Contacts:
    """Hosts to which we have sent something lately: what they send proves nothing of a firewall."""

    __slots__ = ("_sent_at",)

    def __init__(self) -> None:
        self._sent_at: BoundedMap[str, float] = BoundedMap(CONTACTS_MAX)

    def note(self, host: str, now: float) -> None:
        """Something was sent there."""
        self._sent_at.put(source_key(host), now)

    def is_recent(self, host: str, now: float) -> bool:
        """Whether a translator of ours may let it in for that."""
        sent_at = self._sent_at.get(source_key(host))
        return sent_at is not None and now - sent_at < CONTACT_S


class IntroductionLimits:
    """How often others may make us work and send: by peer, by target host, and in all."""

    __slots__ = ("_all", "_by_host", "_by_peer")

    def __init__(self) -> None:
        self._all = TokenBucket(RATE_MAX, BURST_MAX)
        self._by_peer = WindowCounter(PER_HOST_PERIOD_S)
        self._by_host = WindowCounter(PER_HOST_PERIOD_S)

    def take(self, peer: bytes, peer_max: int, target: str, now: float) -> bool:
        """Count one for a peer (``peer_max`` in ten minutes) and a host; whether it may be."""
        host = source_key(target)
        if self._by_peer.is_full(peer) or self._by_host.is_full(host):
            return False
        if self._by_peer.counted(peer, now) >= peer_max:
            return False
        if self._by_host.counted(host, now) >= PER_HOST_MAX or not self._all.take(now):
            return False
        self._by_peer.count(peer, now)
        self._by_host.count(host, now)
        return True


class AwaitedRouters:
    """What waits for a RouterInfo that is on its way, a few seconds at most."""

    __slots__ = ("_find", "_waiting", "poll_at")

    def __init__(self, find: Callable[[bytes], RouterInfo | None]) -> None:
        self._find = find
        self.poll_at = 0.0
        self._waiting: BoundedMap[
            tuple[bytes, int], tuple[float, Callable[[RouterInfo | None, float], None]]
        ] = BoundedMap(AWAITED_MAX)

    def __len__(self) -> int:
        return len(self._waiting)

    def find(
        self,
        router_hash: bytes,
        nonce: int,
        resume: Callable[[RouterInfo | None, float], None],
        now: float,
    ) -> None:
        """Call ``resume`` with the RouterInfo: at once, later, or with None when time is up."""
        info = self._find(router_hash)
        if info is not None:
            resume(info, now)
        elif (router_hash, nonce) not in self._waiting:
            self._waiting.put((router_hash, nonce), (now + ROUTER_INFO_WAIT_S, resume))
            self.poll_at = now + ROUTER_INFO_POLL_S

    def poll(self, now: float) -> None:
        """Look again; next at ``poll_at``, while anything waits."""
        self.poll_at = now + ROUTER_INFO_POLL_S
        for key, (deadline, resume) in list(self._waiting.items()):
            info = self._find(key[0])
            if info is not None or now >= deadline:
                self._waiting.pop(key)
                resume(info, now)
