"""Client sessions on real netDbs in virtual time; tunnels are pipes that lead straight across."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from core.client.config import (
    EncryptedLeaseSetOptions,
    LastingKeys,
    MetaOptions,
    SessionConfig,
)
from core.client.events import LeaseSetFound
from core.client.session import ClientEngine
from core.data.blinded_address import BlindedTarget
from core.data.private_keys import PrivateKeys
from core.i2np.message import Message, MessageType
from core.netdb.events import LookupFinished, PublishConfirmed, RepublishDue
from core.streaming.options import StreamingOptions
from core.tunnel.pool import TunnelPool
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.netdb_network import Network, Node

STEP_S = 0.1
TUNNEL_LIFE_S = 600.0


@dataclass(eq=False)
class Inbound:
    """What a lease says of a tunnel."""

    gateway_hash: bytes
    gateway_tunnel_id: int
    expires_ms: int


@dataclass(eq=False)
class Outbound:
    """Hands messages to the owner of the tunnel that a lease names."""

    world: World

    def send(self, deliveries: list[tuple[int, bytes, int, bytes]], now: float) -> None:
        for _, gateway, tunnel_id, message in deliveries:
            self.world.under_way.append((gateway, tunnel_id, message))


class Pool:
    """One tunnel each way; a new inbound one when the test says so."""

    def __init__(self, world: World, party: Party) -> None:
        self._world = world
        self._party = party
        self._outbound = Outbound(world)
        self.inbound: list[Inbound] = []

    def build(self) -> None:
        """Replace the inbound tunnel by a fresh one."""
        for old in self.inbound:
            self._world.tunnels.pop((old.gateway_hash, old.gateway_tunnel_id), None)
        number = self._world.next_tunnel = self._world.next_tunnel + 1
        ends_ms = int((self._party.wall.now() + TUNNEL_LIFE_S) * 1000)
        tunnel = Inbound(b"gateway".ljust(32, b"."), number, ends_ms)
        self.inbound = [tunnel]
        self._world.tunnels[tunnel.gateway_hash, number] = self._party

    def live_inbound(self, now: float) -> list[Inbound]:
        wall_ms = self._party.wall.now() * 1000
        return [tunnel for tunnel in self.inbound if tunnel.expires_ms > wall_ms]

    def live_outbound(self, now: float) -> list[Outbound]:
        return [self._outbound]

    def can_send_through(self, tunnel: object, now: float) -> bool:
        return True

    def pick_outbound(self, now: float, avoid: object = ()) -> Outbound:
        return self._outbound

    def is_ready(self, now: float) -> bool:
        return bool(self.live_inbound(now))


class OffsetClock:
    """Another clock that is wrong by a constant."""

    def __init__(self, wall: FakeWallClock, offset_s: float) -> None:
        self._wall = wall
        self._offset_s = offset_s

    def now(self) -> float:
        return self._wall.now() + self._offset_s


@dataclass(eq=False)
class Party:
    """One client session with its router's netDb."""

    world: World
    node: Node
    wall: OffsetClock
    keys: PrivateKeys
    pool: Pool = field(init=False)
    engine: ClientEngine = field(init=False)
    is_frozen: bool = False
    """Its session gets no turn: nothing is renewed."""
    events: list[Any] = field(default_factory=list)
    seen: int = 0

    def find(self, target: bytes | BlindedTarget, limit_s: float = 40.0) -> LeaseSetFound:
        """Look up and wait for the answer."""
        before = len(self.found())
        self.engine.lookup(target, self.world.network.now)
        self.world.run_until(lambda: len(self.found()) > before, limit_s)
        return self.found()[-1]

    def found(self) -> list[LeaseSetFound]:
        return [event for event in self.events if isinstance(event, LeaseSetFound)]

    def turn(self) -> None:
        now = self.world.network.now
        fresh, self.seen = self.node.events[self.seen :], len(self.node.events)
        for event in fresh:
            match event:
                case LookupFinished(request, _, _, owner, result) if owner == self.engine.owner:
                    self.engine.lookup_finished(request, result, now)
                case PublishConfirmed(_, owner, _) if owner == self.engine.owner:
                    self.engine.publish_confirmed()
                case RepublishDue(_, owner) if owner == self.engine.owner:
                    self.engine.republish(now)
        if self.is_frozen:
            return
        self.engine.run(now)
        while (told := self.engine.next_event()) is not None:
            self.events.append(told)
        self.world.network.drain(self.node)


class World:
    """Floodfills and parties."""

    def __init__(self, wall_start: float, floodfills: int = 5) -> None:
        self.network = Network()
        self.network.wall.time = wall_start
        self.floodfills = [self.network.add(floodfill=True) for _ in range(floodfills)]
        for node in self.floodfills:
            self._introduce(node)
        self.parties: list[Party] = []
        self.tunnels: dict[tuple[bytes, int], Party] = {}
        self.under_way: list[tuple[bytes, int, bytes]] = []
        self.next_tunnel = 0

    def add(
        self,
        name: str,
        *,
        keys: PrivateKeys | None = None,
        publish: bool = False,
        encrypted: EncryptedLeaseSetOptions | None = None,
        lasting: LastingKeys | None = None,
        is_multihomed: bool = False,
        meta: MetaOptions | None = None,
        clock_error_s: float = 0.0,
        streaming: StreamingOptions | None = None,
        encryption_types: tuple[int, ...] = (),
    ) -> Party:
        """A session with tunnels; it has not had a turn yet."""
        node = self.network.add()
        self._introduce(node)
        keys = keys or PrivateKeys.generate_destination(SeededEntropy(name), 11)
        wall = OffsetClock(self.network.wall, clock_error_s)
        party = Party(self, node, wall, keys)
        party.pool = Pool(self, party)
        party.engine = ClientEngine(
            SessionConfig(
                name,
                publish=publish,
                encrypted=encrypted,
                streaming=streaming or StreamingOptions(),
                is_multihomed=is_multihomed,
                meta=meta,
                lasting=lasting,
                encryption_types=encryption_types,
            ),
            keys,
            cast(TunnelPool, party.pool),
            node.netdb,
            wall,
            SeededEntropy(f"{name} engine {len(self.parties)}"),
        )
        self.parties.append(party)
        self.renew_tunnels(party)
        return party

    def stop(self, party: Party) -> None:
        """Its router is gone, and its tunnels with it."""
        self.parties.remove(party)
        for tunnel in party.pool.inbound:
            self.tunnels.pop((tunnel.gateway_hash, tunnel.gateway_tunnel_id), None)
        party.node.is_down = True

    def cut_tunnels(self, party: Party) -> None:
        """The hops of its inbound tunnels are gone; nobody knows it yet."""
        for tunnel in party.pool.inbound:
            self.tunnels.pop((tunnel.gateway_hash, tunnel.gateway_tunnel_id), None)

    def renew_tunnels(self, party: Party) -> None:
        party.pool.build()
        party.engine.leases_changed(self.network.now)

    def run(self, seconds: float) -> None:
        """Let virtual time pass; tunnels are renewed when they have two minutes left."""
        end = self.network.now + seconds
        while self.network.now < end - 1e-6:
            self.network.run(min(STEP_S, end - self.network.now))
            messages, self.under_way = self.under_way, []
            for gateway, tunnel_id, data in messages:
                party = self.tunnels.get((gateway, tunnel_id))
                message = Message.parse_standard(data)
                assert message.type == MessageType.GARLIC
                if party is not None:
                    party.engine.receive_garlic(message.body[4:], self.network.now)
            for party in self.parties:
                soon_ms = (party.wall.now() + 120) * 1000
                if not party.is_frozen and party.pool.inbound[0].expires_ms < soon_ms:
                    self.renew_tunnels(party)
                party.turn()

    def run_until(self, done: Callable[[], bool], limit_s: float = 40.0) -> None:
        end = self.network.now + limit_s
        while not done():
            assert self.network.now < end, "it did not happen"
            self.run(STEP_S)

    def stored(self, key: bytes) -> int:
        """How many floodfills have a lease set under ``key``."""
        return sum(node.netdb._lease_sets.served.get(key) is not None for node in self.floodfills)

    def _introduce(self, node: Node) -> None:
        self.network.introduce(node, *(one for one in self.floodfills if one is not node))
