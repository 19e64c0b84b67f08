"""A session whose hops are named: who is looked up, and what is said while they are missing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.base.errors import Unavailable
from core.client.config import SessionConfig
from core.client.session import ClientEngine
from core.data.private_keys import PrivateKeys
from core.io.session import ClientSession
from core.router.config import RouterConfig
from core.router.engine import RouterEngine
from core.router.identity import RouterKeys
from core.tunnel.shape import TunnelShape
from tests.support.deterministic import FakeWallClock, SeededEntropy

KEYS = PrivateKeys.generate_destination(SeededEntropy("site"), 7)
PEERS = (b"a" * 32, b"b" * 32)
NO_HOPS = TunnelShape(0, 1)


class Host:
    """The loop's side of a router that has no time to pass."""

    def now(self) -> float:
        return 1.0

    def touch(self, engine: ClientEngine) -> None:
        pass

    def reshape_session(
        self, engine: ClientEngine, inbound: TunnelShape, outbound: TunnelShape
    ) -> None:
        raise NotImplementedError

    def close_session(self, session: ClientSession, engine: ClientEngine) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("peers", [PEERS, ()])
def test_what_is_missing_is_looked_up_and_named(
    peers: tuple[bytes, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall, entropy = FakeWallClock(), SeededEntropy("router")
    config = RouterConfig(
        data_dir=tmp_path,
        network_id=77,
        exploratory_inbound=NO_HOPS,
        exploratory_outbound=NO_HOPS,
    )
    router = RouterEngine(config, RouterKeys.generate(entropy), 0, wall, entropy, 0.0)
    asked: list[tuple[bytes, bool]] = []
    look_up = router.netdb.lookup_router

    def noted(router_hash: bytes, now: float, *, is_direct: bool = True) -> int:
        asked.append((router_hash, is_direct))
        return look_up(router_hash, now, is_direct=is_direct)

    monkeypatch.setattr(router.netdb, "lookup_router", noted)
    router.start(0.0)
    shape = TunnelShape(2, 1, explicit_peers=peers)
    client = router.open_client(SessionConfig("site", KEYS, shape, shape), KEYS, 0.0)
    for step in range(20):
        router.run(step * 0.1)
    assert set(asked) == {(peer, False) for peer in peers}

    async def main() -> None:
        session = ClientSession(Host(), client)
        words = "explicit_peers" if peers else "still building"
        with pytest.raises(Unavailable, match=words) as caught:
            await session.wait_ready(0.0)
        assert caught.value.code == "tunnels_not_ready"

    asyncio.run(main())
