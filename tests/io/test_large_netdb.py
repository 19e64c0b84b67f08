"""A running router with tens of thousands of router infos: its turns stay short.

Loading, expiring and saving are as in real life, with the garbage collector on and the database's
thread writing. The RouterInfos from the disk are copies of one with other identities: what comes
from our own database is not verified again.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from random import Random

import pytest

from core.api import Router, RouterConfig, share_turn
from core.crypto.signing import SigningKey, SigningType
from core.crypto.x25519 import X25519Key
from core.data.encoding import b64encode
from core.data.identity import KeysAndCert
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.data.transport_address import RouterAddress
from core.io.database import Database
from core.io.loop import RouterLoop
from core.io.router import DATABASE_FILE
from core.io.stored import AT_ONCE
from core.io.turns import TurnFigures, TurnMeter
from core.netdb.ports import NetDbConfig
from core.router import engine
from tests.support.deterministic import SeededEntropy
from tests.support.turns import TURN_CPU_MAX_S
from tests.support.waiting import until

HOUR_MS = 3_600_000


def signed_infos(
    count: int,
    now_ms: int,
    seed: int,
    network_id: int = 2,
    first_octets: range = range(11, 120),
) -> list[RouterInfo]:
    """Router infos of different routers, properly signed by keys that they share.

    ``first_octets``: of their addresses.
    """
    draw, entropy = Random(seed), SeededEntropy(f"many {seed}")
    signer = SigningKey.generate(entropy, SigningType.ED25519)
    key = X25519Key.generate(entropy)
    infos = []
    for _ in range(count):
        identity = KeysAndCert.build(
            4, key.public, SigningType.ED25519, signer.public, draw.randbytes(32)
        )
        others = ".".join(str(draw.randrange(11, 120)) for _ in range(3))
        host = f"{draw.choice(first_octets)}.{others}"
        options = {"s": b64encode(key.public), "i": b64encode(bytes(16)), "v": "2"}
        options |= {"host": host, "port": "4567"}
        ssu2 = {**options, "i": b64encode(draw.randbytes(32)), "caps": "BC4"}
        caps = draw.choice(("XfR", "XR", "LR", "LU", "OR"))
        infos.append(
            RouterInfo.build(
                PrivateKeys(identity, key.private, signer),
                now_ms - draw.randrange(HOUR_MS),
                [RouterAddress(3, 0, "NTCP2", options), RouterAddress(8, 0, "SSU2", ssu2)],
                {"caps": caps, "netId": str(network_id), "router.version": "0.9.67"},
            )
        )
    return infos


def copies(info: RouterInfo, count: int, now_ms: int, seed: int) -> list[tuple[bytes, int, bytes]]:
    """Rows for the database: the same record under other identities and dates."""
    draw, raw = Random(seed), info.raw
    rows = []
    for _ in range(count):
        other = bytearray(raw)
        other[32:64] = draw.randbytes(32)
        published = now_ms - draw.randrange(20 * HOUR_MS)
        at = len(info.identity.raw)
        other[at : at + 8] = published.to_bytes(8, "big")
        parsed = RouterInfo.parse(bytes(other))
        rows.append((parsed.hash, published, parsed.raw))
    return rows


def play(tmp_path: Path, stored: int, imported: int, seconds: float) -> TurnFigures:
    """A router that starts with ``stored`` routers, and is given more and looked at meanwhile."""
    now_ms = int(time.time() * 1000)
    infos = signed_infos(imported, now_ms, 1)
    # Whatever is dialled ends at a closed port of this machine.
    config = RouterConfig(
        data_dir=tmp_path / "data", bind="127.0.0.1", ntcp2_proxy="socks5://127.0.0.1:9"
    )
    config.data_dir.mkdir(mode=0o700)
    database = Database(config.data_dir / DATABASE_FILE)
    database.save_routers(copies(infos[0], stored, now_ms, 2))
    database.close()
    loop = RouterLoop()

    async def main() -> TurnFigures:
        router = Router(config)
        loop._hooked.meter = TurnMeter()
        await asyncio.sleep(0)
        await router.start()
        assert router.status().routers >= min(stored, AT_ONCE)
        await until("all are loaded", lambda: not router._stored.is_loading, 60)
        assert router.status().routers == stored
        ends = loop.time() + seconds
        selector = router._engine.tunnels.selector
        for number, info in enumerate(infos):
            await share_turn()
            assert router.import_routers([info]) == 1
            if number % 20 == 0:
                router.status()
                selector.select(3, loop.time(), is_inbound=False, is_client=True)
        await router.save()
        router._engine.netdb._store.expire(time.time() + 4 * 3600, 1000.0, lambda _: False)
        while loop.time() < ends:
            await asyncio.sleep(0.02)
            selector.select(3, loop.time(), is_inbound=True, is_client=True)
        await router.save()
        figures = loop.turn_figures
        await router.stop()
        return figures

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main())


def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *sizes: int, seconds: float) -> None:
    monkeypatch.setattr(engine, "NetDbConfig", partial(NetDbConfig, routers_max=100_000))
    figures = play(tmp_path, *sizes, seconds)
    print(
        f"longest turn {figures.longest_cpu_s * 1000:.0f} ms CPU, "
        f"{figures.longest_wall_s * 1000:.0f} ms wall, of {figures.turns}"
    )
    assert figures.longest_cpu_s < TURN_CPU_MAX_S


def test_a_few_thousand_routers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(tmp_path, monkeypatch, 4000, 200, seconds=0.3)


@pytest.mark.slow
def test_fifty_thousand_routers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(tmp_path, monkeypatch, 50_000, 5000, seconds=15.0)
