"""The SQLite layer, including processes killed in the middle of writing."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from core.base.errors import LocalError
from core.data.router_info import RouterInfo
from core.io import database as database_module
from core.io.database import Database
from core.io.files import FileFault
from tests.support.netdb_network import Network

ROOT = Path(__file__).parents[2]


def test_routers_and_spaces_survive_reopening(tmp_path: Path) -> None:
    path = tmp_path / "router.db"
    database = Database(path)
    database.save_routers([(b"a" * 32, 5, b"raw"), (b"b" * 32, 6, b"other")])
    database.save_space("peers", {b"x": b"1", b"y": b"2"})
    assert database.flush()
    database.save_routers([(b"a" * 32, 7, b"newer")], removed=[b"b" * 32])
    database.save_space("peers", {b"x": None})
    database.close()
    database.close()
    again = Database(path)
    assert again.load_routers() == [(b"a" * 32, 7, b"newer")]
    assert again.load_space("peers") == {b"y": b"2"}
    assert again.get("peers", b"y") == b"2"
    assert again.get("peers", b"x") is None
    assert again.load_space("none") == {}
    again.close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_routers_of_a_netdb_survive_a_restart(tmp_path: Path) -> None:
    network = Network()
    known = [network.add(floodfill=number % 2 == 0) for number in range(6)]
    node = network.add()
    network.introduce(node, *known)
    changes = node.netdb.take_changes()
    database = Database(tmp_path / "router.db")
    database.save_routers([(i.hash, i.published_ms, i.raw) for i in changes.stored])
    database.save_routers([], removed=[known[0].hash])
    database.close()
    database = Database(tmp_path / "router.db")
    newcomer = network.add()
    rows = database.load_routers()
    assert newcomer.netdb.load_routers(RouterInfo.parse(raw) for _, _, raw in rows) == 5
    assert newcomer.netdb.floodfill_count == 2
    assert newcomer.netdb.take_changes().stored == []
    database.close()


def test_writing_after_close_is_our_fault(tmp_path: Path) -> None:
    database = Database(tmp_path / "router.db")
    database.close()
    with pytest.raises(LocalError):
        database.save_routers([(b"a" * 32, 5, b"raw")])


def test_waiting_writes_become_few_transactions(tmp_path: Path) -> None:
    database = Database(tmp_path / "router.db")
    for number in range(500):
        database.save_space("s", {b"k": str(number).encode()})
    assert database.flush()
    assert database.transactions < 500
    assert database.get("s", b"k") == b"499"
    database.close()


def test_a_full_disk_loses_nothing_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(tmp_path / "router.db", retry_s=0.01)
    is_full = threading.Event()
    tried = threading.Semaphore(0)
    write = database_module._write

    def write_if_there_is_room(connection: sqlite3.Connection, batch: Any) -> None:
        tried.release()
        if is_full.is_set():
            raise sqlite3.OperationalError("database or disk is full")
        write(connection, batch)

    monkeypatch.setattr(database_module, "_write", write_if_there_is_room)
    is_full.set()
    database.save_space("s", {b"a": b"old", b"b": b"kept"})
    assert tried.acquire(timeout=10) and tried.acquire(timeout=10)
    assert database.failure == "database or disk is full" and database.failures
    database.save_space("s", {b"a": b"new"})
    is_full.clear()
    assert database.flush() and database.failure is None
    assert database.get("s", b"a") == b"new" and database.get("s", b"b") == b"kept"
    # What waits for room is bounded.
    monkeypatch.setattr(database_module, "WAITING_MAX", 1)
    is_full.set()
    database.save_space("s", {b"c": b"", b"d": b""})
    assert database.flush() and database.forgotten == 2
    # The end does not wait for room.
    database.save_space("s", {b"e": b""})
    began = time.monotonic()
    database.close()
    assert time.monotonic() - began < 5


def test_who_closes_while_a_write_waits_for_room_has_it_tried_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(tmp_path / "router.db", retry_s=60)
    has_failed = threading.Event()
    write = database_module._write

    def fail_once(connection: sqlite3.Connection, batch: Any) -> None:
        if not has_failed.is_set():
            has_failed.set()
            raise sqlite3.OperationalError("database or disk is full")
        write(connection, batch)

    monkeypatch.setattr(database_module, "_write", fail_once)
    database.save_space("s", {b"a": b"kept"})
    assert has_failed.wait(10)
    while database.failure is None or database._is_writing:
        time.sleep(0)
    database.close()
    database = Database(tmp_path / "router.db")
    assert database.get("s", b"a") == b"kept"
    database.close()


def test_many_threads_may_write(tmp_path: Path) -> None:
    database = Database(tmp_path / "router.db")

    def work(thread: int) -> None:
        for number in range(50):
            database.save_space("s", {bytes([thread, number]): b"v"})

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    database.close()
    again = Database(tmp_path / "router.db")
    assert len(again.load_space("s")) == 200
    again.close()


def test_damaged_file_is_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "router.db"
    path.write_bytes(b"this is no database at all" * 100)
    database = Database(path)
    assert database.load_routers() == []
    database.save_routers([(b"a" * 32, 5, b"raw")])
    database.close()
    assert (tmp_path / "router.db.damaged-1").exists()
    again = Database(path)
    assert len(again.load_routers()) == 1
    again.close()


def test_newer_schema_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "router.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(FileFault, match="newer version"):
        Database(path)
    assert path.exists()
    assert not (tmp_path / "router.db.damaged-1").exists()


def test_directory_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(FileFault):
        Database(tmp_path)


_WRITER = """
import sys, itertools
from pathlib import Path
from core.data.router_info import RouterInfo
from core.io.database import Database
database = Database(Path(sys.argv[1]))
start = len(database.load_routers())
for number in itertools.count(start):
    key = number.to_bytes(32, "big")
    database.save_routers([(key, number, key * 20)])
    database.save_space("twin", {key: b"x" * 500})
    if number % 25 == 0:
        database.flush()
        print(number, flush=True)
"""


def test_kill_9_loses_nothing_that_was_flushed(tmp_path: Path) -> None:
    path = tmp_path / "router.db"
    promised = -1
    for kills in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, cwd=ROOT
        ) as child:
            assert child.stdout is not None
            for _ in range(4 + 3 * kills):
                promised = max(promised, int(child.stdout.readline()))
            child.kill()
        database = Database(path)
        rows = {int.from_bytes(h, "big"): raw for h, _, raw in database.load_routers()}
        database.close()
        assert not (tmp_path / "router.db.damaged-1").exists()
        assert set(range(promised + 1)) <= set(rows)
        assert sorted(rows) == list(range(len(rows)))
        assert all(raw == n.to_bytes(32, "big") * 20 for n, raw in rows.items())


def test_no_damage_is_an_internal_error_and_what_can_be_read_stays(tmp_path: Path) -> None:
    path, count = tmp_path / "state.sqlite", 200
    database = Database(path)
    database.save_routers([(bytes([n]) * 32, n, bytes([n]) * 700) for n in range(count)])
    database.save_space("router", {b"port": b"12345"})
    database.close()
    data = path.read_bytes()
    kept = []
    for at in (*range(0, 100, 19), *range(100, len(data), 39_973)):
        for wrong in (0xFF, 1 << at % 8):
            for old in tmp_path.iterdir():
                old.unlink()
            path.write_bytes(data[:at] + bytes([data[at] ^ wrong]) + data[at + 1 :])
            database = Database(path)
            kept.append(len(database.load_routers()))
            assert database.get("router", b"port") in (b"12345", None)
            database.save_space("s", {b"k": b"v"})
            database.close()
    assert sum(one >= count - 10 for one in kept) > len(kept) * 0.8, kept
