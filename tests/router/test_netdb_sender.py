"""Which tunnels stores and questions take."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, cast

from core.crypto.x25519 import X25519Key
from core.i2np.message import MessageType
from core.netdb.events import SendThroughTunnel
from core.router.netdb_sender import NetDbSender
from core.tunnel.manager import TunnelManager
from tests.support.deterministic import FakeWallClock, SeededEntropy

ENTROPY = SeededEntropy("netdb sender")


@dataclass(eq=False)
class Tunnel:
    sent: int = 0

    def send(self, deliveries: list[Any], now: float) -> None:
        self.sent += len(deliveries)


@dataclass
class Pool:
    """Takes the first tunnel unless it is to be avoided and there is another one."""

    tunnels: list[Tunnel] = field(default_factory=lambda: [Tunnel(), Tunnel()])

    def pick_outbound(self, now: float, avoid: Collection[Tunnel] = ()) -> Tunnel:
        return next((one for one in self.tunnels if one not in avoid), self.tunnels[0])


@dataclass
class Tunnels:
    pools: dict[object, Pool]

    def pool(self, name: object) -> Pool | None:
        return self.pools.get(name)


def sender(*owners: str) -> tuple[NetDbSender, dict[object, Pool]]:
    pools: dict[object, Pool] = {owner: Pool() for owner in owners}
    return NetDbSender(cast(TunnelManager, Tunnels(pools)), FakeWallClock(), ENTROPY), pools


def send(to: NetDbSender, owner: str, kind: int) -> None:
    key = X25519Key.generate(ENTROPY).public
    to.through_tunnel(SendThroughTunnel(owner, b"f" * 32, key, kind, b"body", True), 1.0)


def test_a_store_is_verified_through_another_tunnel() -> None:
    netdb, pools = sender("site", "other")
    send(netdb, "site", MessageType.DATABASE_STORE)
    send(netdb, "site", MessageType.DATABASE_LOOKUP)
    send(netdb, "other", MessageType.DATABASE_LOOKUP)
    assert [tunnel.sent for tunnel in pools["site"].tunnels] == [1, 1]
    assert [tunnel.sent for tunnel in pools["other"].tunnels] == [1, 0]
    send(netdb, "site", MessageType.DATABASE_STORE)
    assert [tunnel.sent for tunnel in pools["site"].tunnels] == [2, 1]


def test_with_one_tunnel_it_takes_all() -> None:
    netdb, pools = sender("site")
    pools["site"].tunnels.pop()
    for kind in (MessageType.DATABASE_STORE, MessageType.DATABASE_LOOKUP):
        send(netdb, "site", kind)
    assert pools["site"].tunnels[0].sent == 2
    send(netdb, "nobody", MessageType.DATABASE_LOOKUP)
    assert netdb.lost == 1
