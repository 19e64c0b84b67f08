"""What a router finds of its earlier runs, and what it does when that is lost or damaged."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.data.router_info import RouterInfo
from core.io.database import Database
from core.io.stored import AT_ONCE, PROVEN_SPACE, StoredRouters, stored_port
from tests.io.test_large_netdb import copies, signed_infos
from tests.support.deterministic import SeededEntropy


def test_the_port_is_drawn_once(tmp_path: Path) -> None:
    database, info = Database(tmp_path / "state"), tmp_path / "router.info"
    first = stored_port(database, info, bytes(32), SeededEntropy("one"))
    assert 9000 <= first < 31000
    database.flush()
    assert stored_port(database, info, bytes(32), SeededEntropy("two")) == first
    database.close()
    database = Database(tmp_path / "state")
    assert stored_port(database, info, bytes(32), SeededEntropy("three")) == first
    database.close()


def test_without_a_database_it_is_the_published_one_of_this_router(tmp_path: Path) -> None:
    (mine,) = signed_infos(1, 1_790_000_000_000, 1)
    (tmp_path / "router.info").write_bytes(mine.raw)
    for number, (own_hash, is_found) in enumerate(((mine.hash, True), (bytes(32), False))):
        database = Database(tmp_path / f"state {number}")
        port = stored_port(database, tmp_path / "router.info", own_hash, SeededEntropy("x"))
        assert (port == 4567) is is_found
        database.close()


def test_a_damaged_router_info_is_left_out(tmp_path: Path) -> None:
    database = Database(tmp_path / "state")
    good, other, changed = signed_infos(3, 1_790_000_000_000, 2)
    bent = bytearray(changed.raw)
    bent[-1] ^= 1
    rows = [(good.hash, 1, good.raw), (bytes(32), 1, other.raw), (changed.hash, 1, bytes(bent))]
    database.save_routers([*rows, (bytes([1]) * 32, 1, b"broken")], [])
    database.flush()
    assert {one.hash for one in StoredRouters(database).first()} == {good.hash, changed.hash}
    database.is_rescued = True
    assert [one.hash for one in StoredRouters(database).first()] == [good.hash]
    database.close()


@pytest.mark.parametrize("proven", [0, 3, AT_ONCE + 50])
def test_the_proven_are_there_first_and_all_in_the_end(tmp_path: Path, proven: int) -> None:
    database = Database(tmp_path / "state")
    (info,) = signed_infos(1, 1_790_000_000_000, 2)
    rows = copies(info, AT_ONCE + 100, 1_790_000_000_000, 3)
    database.save_routers(rows)
    database.save_space(PROVEN_SPACE, {row[0]: b"1" for row in rows[-proven:] if proven})
    database.flush()
    stored = StoredRouters(database)
    first = {one.hash for one in stored.first()}
    assert len(stored.proven) == proven
    assert len(first & stored.proven) == min(proven, AT_ONCE)
    assert AT_ONCE <= len(first) <= AT_ONCE + min(proven, AT_ONCE)
    rest: list[list[RouterInfo]] = []

    async def load_rest() -> None:
        stored.load_rest(rest.append)
        assert stored.is_loading
        async with asyncio.timeout(20):
            while stored.is_loading:
                await asyncio.sleep(0)

    asyncio.run(load_rest())
    others = [one.hash for piece in rest for one in piece]
    assert max(map(len, rest)) <= 16
    assert len(others) == len(set(others))
    assert first | set(others) == {row[0] for row in rows}
    stored.stop()
    database.close()
