"""What a router finds of its earlier runs, and what it does when that is lost or damaged."""

from __future__ import annotations

from pathlib import Path

from core.io.database import Database
from core.io.stored import stored_port, stored_routers
from tests.io.test_large_netdb import signed_infos
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
    assert {one.hash for one in stored_routers(database)} == {good.hash, changed.hash}
    database.is_rescued = True
    assert [one.hash for one in stored_routers(database)] == [good.hash]
    database.close()
