"""What our RouterInfo says of us, and what messages of ours show: nothing that others do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.data.payload import PROTOCOL_RAW
from core.i2np.message import Message
from core.router.config import RouterConfig
from core.router.engine import RouterEngine
from core.router.identity import RouterKeys, build_router_info
from tests.client.parties import World
from tests.support.deterministic import FakeWallClock, SeededEntropy

KEYS = RouterKeys.generate(SeededEntropy("router"))
NOW_MS = 1_700_000_000_000


@pytest.mark.parametrize("floodfill", [True, False])
def test_floodfills_publish_how_much_they_know(floodfill: bool) -> None:
    config = RouterConfig(data_dir=Path(), host="127.0.0.1", floodfill=floodfill)
    engine = RouterEngine(config, KEYS, 4567, FakeWallClock(), SeededEntropy(1), 1.0)
    options = build_router_info(KEYS, config, engine.endpoints, NOW_MS, (1234, 56)).options
    wanted = ("1234", "56") if floodfill else (None, None)
    assert (options.get("netdb.knownRouters"), options.get("netdb.knownLeaseSets")) == wanted


@pytest.mark.doubles
def test_messages_expire_as_irregularly_as_those_of_others() -> None:
    world = World(NOW_MS / 1000)
    site = world.add("site", publish=True)
    world.run_until(lambda: site.engine.is_ready)
    client = world.add("client")
    client.find(site.keys.hash)
    lives = []
    for _ in range(40):
        client.engine.datagrams.send(
            site.keys.hash, b"!", protocol=PROTOCOL_RAW, from_port=1, to_port=2
        )
        client.engine.run(world.network.now)
        now_ms = int(client.wall.now() * 1000)
        lives += [Message.parse_standard(m).expiration_ms - now_ms for _, _, m in world.under_way]
        world.run(0.3)
    assert 8_000 <= min(lives) < 12_000 and 24_000 < max(lives) < 30_000
    assert len({life % 1000 for life in lives}) > 20
