"""Routers that test and introduce each other over simulated datagrams.

Packets outside sessions are real. Sessions are a stand-in: a hello and its answer, which prove the
address, and then blocks in the clear. They are not what is under test.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.base.errors import DecodeError
from core.crypto.x25519 import X25519Key
from core.data.encoding import b64encode
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.data.transport_address import RouterAddress
from core.transport.own_addresses import OwnAddresses
from core.transport.reachability import Reachability
from core.transport.reachability_votes import ReachabilityState
from core.transport.ssu2.blocks import RouterInfoBlock, parse_block
from core.transport.ssu2.framing import (
    SocketAddress,
    read_socket_address,
    split_blocks,
    write_padding,
    write_socket_address,
)
from core.transport.ssu2.header import LongHeader
from core.transport.ssu2.introducers import introducer_options
from core.transport.ssu2.nat_traversal import NatTraversal
from core.transport.ssu2.outside import IntroKey, open_packet, seal
from core.transport.ssu2.traversal import (
    Action,
    HostChanged,
    Introduced,
    IntroducersChanged,
    IntroductionFailed,
    KeepAlive,
    ReachabilityChanged,
    SendBlock,
    SendPacket,
    Surroundings,
)
from core.transport.stats import LinkStats
from tests.support.world import World
from tests.support.world.nat import NatBox, NatKind
from tests.support.world.schedule import Dice
from tests.support.world.udp import Address

NETWORK_ID = 77
PORT = 9111
HELLO, WELCOME, DATA, OUTSIDE, ALIVE = b"H", b"W", b"D", b"P", b"K"


@dataclass(eq=False, slots=True)
class StandInSession:
    """A :class:`core.transport.ssu2.traversal.PeerSession`."""

    router_hash: bytes
    router_info: RouterInfo
    remote: SocketAddress
    is_outbound: bool
    keep_alive_s: float = 0.0


class NatRouter:
    """``box``: the translator it is behind; ``caps``: of its SSU2 address when it is public."""

    def __init__(
        self,
        world: World,
        name: str,
        host: str,
        box: NatBox | None = None,
        *,
        caps: str = "BC4",
        router_caps: str = "LR",
        version: str = "0.9.67",
    ) -> None:
        self.world = world
        self.name = name
        self.entropy = Dice(world.seed, name)
        self.keys = PrivateKeys.generate_router(self.entropy)
        self.intro_key = self.entropy.random_bytes(32)
        self.static = X25519Key.generate(self.entropy)
        self.router_caps = router_caps
        self.version = version
        self.caps = caps
        self.is_public = box is None
        self.known: dict[bytes, RouterInfo] = {}
        self.sessions: dict[bytes, StandInSession] = {}
        self.actions: list[Action] = []
        self.changed_at: list[float] = []
        self.tokens: dict[int, SocketAddress] = {}
        self.deaf_to: set[int] = set()
        self.gives_tags = self.is_public and "f" not in router_caps
        reachability = Reachability(private=True)
        self.own = OwnAddresses(reachability, {False: host} if self.is_public else None)
        self.address: Address | None = (host, PORT) if self.is_public else None
        self.own.listen("ssu2", PORT, self._on_publish)
        self.votes = self.own.votes
        self.stats = LinkStats()
        here = Surroundings(
            self.keys.hash,
            self.keys.sign,
            self,
            self.entropy,
            self.stats,
            self,
            reachability,
        )
        self.nat = NatTraversal(here, self.own)
        self._wake = 0
        self.socket = (world.udp.host(host) if box is None else box).bind(*self._bound(box, host))
        self.socket.on_datagram = self._receive
        self._publish()
        self._run()

    @staticmethod
    def _bound(box: NatBox | None, host: str) -> tuple[object, ...]:
        return (PORT,) if box is None else (host, PORT)

    # Surroundings

    def now(self) -> float:
        """The wall clock."""
        return self.world.true_time

    def established(self) -> Iterable[StandInSession]:
        return list(self.sessions.values())

    def session_with(self, router_hash: bytes) -> StandInSession | None:
        return self.sessions.get(router_hash)

    def find_router(self, router_hash: bytes) -> RouterInfo | None:
        return self.known.get(router_hash)

    def new_token(self, address: SocketAddress, now: float) -> int:
        token = int.from_bytes(self.entropy.random_bytes(8), "big")
        self.tokens[token] = address
        return token

    # What the test asks

    @property
    def hash(self) -> bytes:
        return self.keys.hash

    @property
    def state(self) -> ReachabilityState:
        return self.votes.verdict("ssu2", False, self.world.now).state

    @property
    def why(self) -> str:
        return self.votes.verdict("ssu2", False, self.world.now).why

    def _on_publish(self, is_ipv6: bool, address: Address | None, now: float) -> None:
        self.address = address

    def connect(self, other: NatRouter, address: Address | None = None) -> None:
        """Begin a session with ``other``, who is at ``address`` or where it publishes."""
        self.known.setdefault(other.hash, other.info)
        self._send(HELLO + self.info.raw, address or other.socket.address)

    def end_session(self, other: NatRouter) -> None:
        """Both forget it."""
        del self.sessions[other.hash], other.sessions[self.hash]

    def reach(self, other: NatRouter) -> None:
        """Have us introduced."""
        self.known[other.hash] = other.info
        assert self.nat.introduce(other.info, (), self.world.now)
        self._run()

    # Datagrams

    def _publish(self) -> None:
        options = {"s": b64encode(self.static.public), "i": b64encode(self.intro_key), "v": "2"}
        if self.is_public:
            options |= {
                "host": self.socket.address[0],
                "port": str(PORT),
                "caps": self.caps,
            }
        else:
            options |= {"caps": "4"} | introducer_options(self.nat.introducers(False))
        self.info = RouterInfo.build(
            self.keys,
            int(self.now() * 1000),
            [RouterAddress(8, 0, "SSU2", options)],
            {"caps": self.router_caps, "netId": "77", "router.version": self.version},
        )

    def _send(self, data: bytes, address: Address) -> None:
        self.nat.contacted(address[0], self.world.now)
        self.socket.send(data, address)

    def _receive(self, data: bytes, source: Address) -> None:
        kind, data = data[:1], data[1:]
        at = SocketAddress(*source)
        now = self.world.now
        if kind == HELLO:
            info = RouterInfo.parse(data)
            self.known[info.hash] = info
            self._begin(info, at, is_outbound=False)
            self._send(WELCOME + self.hash + write_socket_address(at), at)
        elif kind == WELCOME:
            info = self.known[data[:32]]
            session = self._begin(info, at, is_outbound=True)
            self.nat.seen_as(session, read_socket_address(data[32:]), now)
        elif kind == DATA:
            self._on_data(data[:32], data[32:], now)
        elif kind == OUTSIDE:
            self._on_outside(data, at, now)
        self._run()

    def _begin(self, info: RouterInfo, at: SocketAddress, *, is_outbound: bool) -> StandInSession:
        known = self.sessions.get(info.hash)
        if known is not None:
            return known
        session = self.sessions[info.hash] = StandInSession(info.hash, info, at, is_outbound)
        self.nat.session_began(session, self.world.now)
        return session

    def _on_data(self, sender: bytes, payload: bytes, now: float) -> None:
        session = self.sessions.get(sender)
        if session is None:
            return
        for kind, data in split_blocks(payload)[0]:
            block = parse_block(kind, data)
            if isinstance(block, RouterInfoBlock):
                info = RouterInfo.parse(block.router_info())
                self.known[info.hash] = info
            elif block is not None:
                self.nat.block_received(session, block, now)

    def _on_outside(self, packet: bytes, source: SocketAddress, now: float) -> None:
        try:
            header, payload = open_packet(packet, IntroKey(self.intro_key))
            parsed = (parse_block(kind, data) for kind, data in split_blocks(payload)[0])
            blocks = [block for block in parsed if block is not None]
            if not any(getattr(block, "message", 0) in self.deaf_to for block in blocks):
                self.nat.packet_received(header, blocks, source, now)
        except DecodeError:
            self.stats.blocks_malformed += 1

    # Turns

    def _run(self) -> None:
        self.nat.handle_timer(self.world.now)
        while actions := self.nat.take_actions():
            self.actions += actions
            for action in actions:
                self._do(action)
        self._wake += 1
        wake = self._wake

        def due() -> None:
            if wake == self._wake:
                self._run()

        self.world.schedule.at(max(self.nat.next_timer(), self.world.now + 0.001), due)

    def _do(self, action: Action) -> None:
        if isinstance(action, SendBlock):
            payload = action.block
            if action.router_info is not None:
                payload = RouterInfoBlock(action.router_info.raw).write() + payload
            self._send(DATA + self.hash + payload, action.session.remote)
        elif isinstance(action, SendPacket):
            number = self.entropy.randbelow(1 << 32)
            header = LongHeader(
                action.destination_id, number, action.packet_type, action.source_id, 1, NETWORK_ID
            )
            packet = seal(header, action.payload + write_padding(3), IntroKey(action.intro_key))
            self._send(OUTSIDE + packet, action.address)
        elif isinstance(action, Introduced):
            for seconds in (0, 1, 2):
                self.world.schedule.after(
                    seconds, lambda: self._dial_introduced(action.router_hash, action.address)
                )
        elif isinstance(action, KeepAlive):
            self._keep_alive(action)
        elif isinstance(action, IntroducersChanged | ReachabilityChanged | HostChanged):
            self.own.refresh(self.world.now)
            self._publish()
            self.changed_at.append(self.world.now)
        else:
            assert isinstance(action, IntroductionFailed)

    def _dial_introduced(self, router_hash: bytes, address: Address) -> None:
        if router_hash not in self.sessions:
            self._send(HELLO + self.info.raw, address)

    def _keep_alive(self, action: KeepAlive) -> None:
        session = self.sessions.get(action.session.router_hash or b"")
        if session is not action.session:
            return
        session.keep_alive_s = action.interval_s

        def beat() -> None:
            still = self.sessions.get(session.router_hash)
            if still is session and session.keep_alive_s == action.interval_s > 0:
                self._send(ALIVE, session.remote)
                self.world.schedule.after(action.interval_s, beat)

        beat()


class NatScene:
    """A network of public routers that know each other, for those behind translators."""

    def __init__(self, public: int = 8, seed: object = 1, **options: object) -> None:
        self.world = World(seed)
        self._joined = 0
        self.public = [
            NatRouter(self.world, f"public {number}", f"{11 + number}.0.0.1", **options)  # type: ignore[arg-type]
            for number in range(public)
        ]
        for number, one in enumerate(self.public):
            for other in self.public[number + 1 :]:
                one.connect(other)
        self.world.run(1)

    def behind(self, kind: NatKind | None, name: str = "alice") -> NatRouter:
        """A router behind a box of this kind, or in the open; with sessions to a few others."""
        self._joined += 1
        host = f"100.0.{self._joined}.1"
        if kind is None:
            router = NatRouter(self.world, name, host)
        else:
            box = NatBox(self.world.udp, kind, host)
            router = NatRouter(self.world, name, "192.168.0.2", box, router_caps="LU")
        for other in self.public[:4]:
            router.connect(other)
        return router
