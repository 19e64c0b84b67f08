"""A whole router engine in virtual time, with honest neighbours and a flood from strangers.

Messages come as if links had brought them; what the router sends is kept by receiver. Each flood
returns the part of the honest requests that were served, and the CPU time of a virtual second.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from core.base.rates import STRANGERS_SHARE
from core.client.config import SessionConfig
from core.crypto.x25519 import X25519Key
from core.data.lease_set import LeaseSet2
from core.data.private_keys import PrivateKeys
from core.garlic.router import seal_to_router
from core.garlic.sessions import RatchetSessions
from core.i2np.database import LOOKUP_LEASE_SET, DatabaseLookup, DatabaseStore
from core.i2np.message import make_short, make_standard
from core.router.config import RouterConfig
from core.router.engine import RouterEngine
from core.router.identity import RouterKeys
from core.router.ports import local_clove
from core.transport.events import MessagesReceived
from core.tunnel.records import SHORT, BuildRequest
from tests.support.deterministic import FakeWallClock
from tests.support.netdb_network import build_lease_set, build_router_info

TICK_S = 0.05
START_S = 1_700_000_000.0


class QuickEntropy:
    """A reproducible stream that costs little."""

    def __init__(self, seed: object) -> None:
        self._random = random.Random(str(seed))

    def random_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def randbelow(self, bound: int) -> int:
        return self._random.randrange(bound)


class _Engine(RouterEngine):
    """Keeps what it would send."""

    sent: dict[bytes, list[bytes]]

    def _send(self, router_hash: bytes, messages: list[bytes], *_: Any, **__: Any) -> None:
        self.sent.setdefault(router_hash, []).extend(messages)


@dataclass
class Outcome:
    """``served`` of ``asked`` honest requests; ``cpu`` seconds in one virtual second."""

    asked: int
    served: int
    cpu: float

    @property
    def part(self) -> float:
        return self.served / self.asked

    def __str__(self) -> str:
        return f"{self.served:4} of {self.asked:4} ({self.part:4.0%}), {self.cpu:5.0%} of a core"


class FloodedRouter:
    """See the module. ``share``: the part of a core that strangers may use."""

    def __init__(
        self, seed: object = 0, floodfills: int = 0, share: float = STRANGERS_SHARE
    ) -> None:
        self.entropy = QuickEntropy(seed)
        self.wall = FakeWallClock(START_S)
        self.now = 1.0
        config = RouterConfig(
            Path("."),
            network_id=77,
            host="127.0.0.1",
            floodfill=True,
            allow_private_addresses=True,
            inbound_bytes_s=1_000_000_000,
            outbound_bytes_s=1_000_000_000,
        )
        keys = RouterKeys.generate(self.entropy)
        self.engine = _Engine(config, keys, 4567, self.wall, self.entropy, self.now)
        self.engine.sent = {}
        self.engine._shares._rate = share
        self.engine.start(self.now)
        self.engine.netdb.import_routers(
            build_router_info(
                PrivateKeys.generate_router(self.entropy), int(START_S * 1000), floodfill=True
            )
            for _ in range(floodfills)
        )
        self.engine.run(self.now)
        self._ids = count(1)

    # Messages

    def short(self, kind: int, body: bytes) -> bytes:
        expires_ms = int((self.wall.now() + 15) * 1000)
        return make_short(kind, next(self._ids), expires_ms, body)

    def sealed(self, kind: int, body: bytes) -> bytes:
        """Garlic for the router around one message."""
        clove = local_clove(kind, next(self._ids), int(self.wall.now()) + 15, body)
        data = seal_to_router(self.engine.keys.crypto.public, [clove], self.entropy, self.wall)
        return self.short(11, len(data).to_bytes(4, "big") + data)

    def lease_set(self) -> LeaseSet2:
        return build_lease_set(PrivateKeys.generate_destination(self.entropy), self.wall.now())

    def build_request(self, **changes: Any) -> bytes:
        fields: dict[str, Any] = {
            "receive_tunnel_id": 1 + self.entropy.randbelow(2**31),
            "next_tunnel_id": 5,
            "next_hash": self.entropy.random_bytes(32),
            "is_gateway": False,
            "is_endpoint": True,
            "request_minutes": int(self.wall.now()) // 60,
            "send_message_id": 6,
            **changes,
        }
        keys = self.engine.keys
        record, _ = SHORT.seal_request(
            keys.hash, keys.crypto.public, BuildRequest(**fields), self.entropy
        )
        return self._build_body(record)

    def junk_build(self) -> bytes:
        """Addressed to us, but not sealed for us."""
        junk = self.entropy.random_bytes(31) + b"\1" + self.entropy.random_bytes(170)
        return self._build_body(self.engine.keys.hash[:16] + junk)

    def _build_body(self, record: bytes) -> bytes:
        others = self.entropy.random_bytes(3 * SHORT.record_bytes)
        return self.short(25, b"\4" + record + others)

    # Time

    def receive(self, link: bytes, messages: list[bytes]) -> None:
        if messages:
            self.engine.links._events.append(MessagesReceived(link, messages))

    def through_own_tunnel(self, owner: object, messages: list[bytes], tunnel_id: int = 1) -> None:
        delivered = self.engine.tunnels.dispatcher.delivered
        for data in messages:
            body = len(data).to_bytes(4, "big") + data
            expires_ms = int((self.wall.now() + 15) * 1000)
            message = make_standard(11, next(self._ids), expires_ms, body)
            delivered.append((owner, tunnel_id, message))

    def tick(self) -> float:
        """One turn; the CPU time it took."""
        self.now += TICK_S
        self.wall.advance(TICK_S)
        started = time.thread_time()
        self.engine.run(self.now)
        return time.thread_time() - started

    def flood(
        self,
        seconds: float,
        per_second: float,
        junk: Callable[[int], None],
        honest: Callable[[int], None],
        honest_per_second: float = 20.0,
    ) -> float:
        """Both at a steady rate, mixed within a turn; the CPU time of one virtual second."""
        spent = junk_due = honest_due = 0.0
        junk_sent = honest_sent = 0
        for _ in range(round(seconds / TICK_S)):
            junk_due += per_second * TICK_S
            honest_due += honest_per_second * TICK_S
            todo = [junk] * int(junk_due - junk_sent) + [honest] * int(honest_due - honest_sent)
            random.Random(len(todo) + junk_sent).shuffle(todo)
            for send in todo:
                if send is junk:
                    junk(junk_sent)
                    junk_sent += 1
                else:
                    honest(honest_sent)
                    honest_sent += 1
            spent += self.tick()
        return spent / seconds


def link(number: int) -> bytes:
    return b"link" + number.to_bytes(28, "big")


HONEST = 1000


def flood_stores(
    per_second: float,
    seconds: float,
    *,
    links: int = 1,
    valid: bool = False,
    shared: bool = False,
    share: float = STRANGERS_SHARE,
) -> Outcome:
    """Stores in garlic; the honest ones are lease sets. ``shared``: all over the same links."""
    router = FloodedRouter("stores", floodfills=8, share=share)
    good = router.lease_set()
    forged = LeaseSet2.parse(good.raw[:-1] + bytes((good.raw[-1] ^ 1,)))
    honest: list[LeaseSet2] = []

    def junk(number: int) -> None:
        stored = router.lease_set() if valid else forged
        store = DatabaseStore.of_lease_set(stored, 5, 7, router.entropy.random_bytes(32))
        router.receive(link(number % links), [router.sealed(1, store.write())])

    def publish(number: int) -> None:
        honest.append(router.lease_set())
        store = DatabaseStore.of_lease_set(honest[-1], 5, 7, link(HONEST))
        source = number % links if shared else HONEST + number % 5
        router.receive(link(source), [router.sealed(1, store.write())])

    cpu = router.flood(seconds, per_second, junk, publish)
    served = router.engine.netdb._lease_sets.served
    return Outcome(len(honest), sum(served.get(one.hash) == one for one in honest), cpu)


def flood_lookups(
    per_second: float,
    seconds: float,
    *,
    links: int = 1,
    garlic: bool = False,
    shared: bool = False,
    share: float = STRANGERS_SHARE,
) -> Outcome:
    """Lookups of keys nobody has; the honest ones are answered to honest gateways."""
    router = FloodedRouter("lookups", floodfills=200, share=share)
    known = router.lease_set()
    store = DatabaseStore.of_lease_set(known, 0, 0, bytes(32))
    router.receive(link(HONEST), [router.short(1, store.write())])
    router.tick()
    asked = 0

    def junk(number: int) -> None:
        source = link(number % links)
        if garlic:
            gateway = router.entropy.random_bytes(32)
            lookup = DatabaseLookup(
                router.entropy.random_bytes(32), gateway, LOOKUP_LEASE_SET, 1 + number
            )
            router.receive(source, [router.sealed(2, lookup.write())])
        else:
            lookup = DatabaseLookup(router.entropy.random_bytes(32), source, LOOKUP_LEASE_SET)
            router.receive(source, [router.short(2, lookup.write())])

    def ask(number: int) -> None:
        nonlocal asked
        asked += 1
        gateway = b"gateway" + number.to_bytes(25, "big")
        lookup = DatabaseLookup(known.hash, gateway, LOOKUP_LEASE_SET, 9)
        source = number % links if shared else HONEST + number % 5
        router.receive(link(source), [router.sealed(2, lookup.write())])

    # Known gateways: what is measured is the answer, not the search for its way.
    router.engine.pending_sends = _Reaches()  # type: ignore[assignment]
    cpu = router.flood(seconds, per_second, junk, ask)
    served = sum(hash_.startswith(b"gateway") for hash_ in router.engine.sent)
    return Outcome(asked, served, cpu)


class _Reaches:
    def can_reach(self, router_hash: bytes, *_: object) -> bool:
        return True

    def looked_up(self, *_: object) -> None:
        return None


def flood_builds(
    per_second: float,
    seconds: float,
    *,
    links: int = 1,
    sound: bool = False,
    shared: bool = False,
    share: float = STRANGERS_SHARE,
) -> Outcome:
    """Build requests; ``sound``: the flood's can be opened, too."""
    router = FloodedRouter("builds", share=share)
    asked: dict[int, int] = {}

    def junk(number: int) -> None:
        message = router.build_request() if sound else router.junk_build()
        router.receive(link(number % links), [message])

    def build(number: int) -> None:
        tunnel_id = asked[number] = 1 + router.entropy.randbelow(2**31)
        source = number % links if shared else HONEST + number % 5
        request = router.build_request(receive_tunnel_id=tunnel_id, next_hash=link(HONEST + 9))
        router.receive(link(source), [request])

    cpu = router.flood(seconds, per_second, junk, build)
    dispatcher = router.engine.tunnels.dispatcher
    return Outcome(len(asked), sum(map(dispatcher.is_taken, asked.values())), cpu)


def flood_sessions(
    per_second: float, seconds: float, *, tunnels: int = 1, share: float = STRANGERS_SHARE
) -> Outcome:
    """Garlic for a destination; a visitor tries three times, half a second apart."""
    router = FloodedRouter("sessions", share=share)
    owner = PrivateKeys.generate_destination(router.entropy)
    client = router.engine.open_client(SessionConfig("site"), owner, router.now)
    router.engine.run(router.now)
    public = client.ratchet.keys[4].public
    visits: list[tuple[float, RatchetSessions]] = []
    tries: Iterator[int] = count()

    def say(visitor: RatchetSessions) -> None:
        message = visitor.seal(public, [], router.now)
        router.through_own_tunnel(owner.hash, [message], 1 + next(tries) % tunnels)

    def junk(number: int) -> None:
        data = router.entropy.random_bytes(200)
        router.through_own_tunnel(owner.hash, [data], 1 + number % tunnels)

    def visit(number: int) -> None:
        static = X25519Key.generate(router.entropy)
        visitor = RatchetSessions({4: static}, router.wall, router.entropy)
        visits.append((router.now, visitor))
        say(visitor)
        for began, other in visits:
            if other is not visitor and not is_served(other) and _is_due(router.now - began):
                say(other)

    def is_served(visitor: RatchetSessions) -> bool:
        return visitor.keys[4].public in client.ratchet._remotes

    cpu = router.flood(seconds, per_second, junk, visit)
    served = sum(is_served(visitor) for _, visitor in visits)
    return Outcome(len(visits), served, cpu)


def _is_due(age_s: float) -> bool:
    return any(abs(age_s - at) < TICK_S / 2 for at in (0.5, 1.0))
