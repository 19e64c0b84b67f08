"""``backup`` and ``restore``: everything, or nothing, and never over something else."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import stat
from functools import partial
from pathlib import Path

import pytest

from core.api import DataDirectoryLock, FileFault, seal_stream
from core.base.errors import DecodeError
from i2ptunnel.backup import archive
from i2ptunnel.backup.archive import make_backup
from i2ptunnel.backup.restoring import _PIECE_BYTES, Place, opened, put_into_place
from i2ptunnel.cli.main import main
from i2ptunnel.config.loader import load, read_source
from i2ptunnel.keyfiles import generate_keys, write_new_keys
from i2ptunnel.naming.books import FILE_NAME, AddressBooks
from i2ptunnel.naming.store import Book

_WORD = "correct horse battery"


def make_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passphrases cost little; what they really cost is in tests/crypto and the console's tests."""
    monkeypatch.setattr(archive, "seal_stream", partial(seal_stream, cost_bits=8))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program's files: YAML, a password elsewhere, and a data directory in use."""
    make_cheap(monkeypatch)
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    write_new_keys(data / "site.dat", generate_keys())
    (data / "router.keys").write_bytes(b"router")
    (data / "control.sock").write_bytes(b"")
    (data / ".site.dat.0123.tmp").write_bytes(b"half")
    (tmp_path / "word").write_text("password\n")
    (tmp_path / "i2ptunnel.yaml").write_text(
        "router: {data_dir: data}\n"
        "tunnels:\n"
        "  site: {type: httpserver, target: '127.0.0.1:8080', keys: site.dat}\n"
        "  proxy: {type: httpclient, listen: '127.0.0.1:4444', "
        "auth: {username: me, password_file: word}}\n"
    )
    (tmp_path / "passphrase").write_text(_WORD + "\n")
    return tmp_path


def run(home: Path, *words: str, phrase: str = "passphrase") -> int:
    return main([*words, "--passphrase-file", str(home / phrase)])


def backup(home: Path) -> Path:
    path = home / "my.backup"
    assert run(home, "backup", str(path), "-c", str(home / "i2ptunnel.yaml")) == 0
    return path


def restore(home: Path, path: Path, target: Path, *words: str) -> int:
    place = ["--data-dir", str(target / "data"), "-c", str(target / "i2ptunnel.yaml")]
    return run(home, "restore", str(path), *place, *words)


def test_there_and_back(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = backup(home)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    keys = (home / "data" / "site.dat").read_bytes()
    assert keys[:32] not in path.read_bytes()
    address = capsys.readouterr().out.split()[1]
    assert address.endswith(".b32.i2p")
    target = home / "other"
    (home / "word").unlink()
    assert restore(home, path, target) == 0
    assert address in capsys.readouterr().out
    assert (target / "data" / "site.dat").read_bytes() == keys
    assert (target / "data" / "site.dat.sum").exists()
    assert (target / "i2ptunnel.yaml").read_bytes() == (home / "i2ptunnel.yaml").read_bytes()
    assert (home / "word").read_text() == "password\n"
    names = {one.name for one in (target / "data").iterdir()}
    assert not names & {"control.sock", ".site.dat.0123.tmp"}
    assert stat.S_IMODE((target / "data" / "site.dat").stat().st_mode) == 0o600
    # Once more changes nothing: what is there is the same.
    assert restore(home, path, target) == 0


def test_books_are_consistent_while_somebody_writes(home: Path) -> None:
    books = AddressBooks(home / "data" / FILE_NAME, lambda: 0.0)
    books.add(Book.LOCAL, "one.i2p", generate_keys().destination.b64)
    path = backup(home)
    books.add(Book.LOCAL, "two.i2p", generate_keys().destination.b64)
    books.close()
    assert restore(home, path, home / "other") == 0
    again = AddressBooks(home / "other" / "data" / FILE_NAME, lambda: 0.0)
    assert [entry.name for entry in again.store.entries((Book.LOCAL,))] == ["one.i2p"]
    again.close()


def test_nothing_is_overwritten_unless_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, target = backup(home), home / "other"
    (target / "data").mkdir(parents=True)
    (target / "data" / "site.dat").write_bytes(b"another key")
    assert restore(home, path, target) == 1
    assert "site.dat is there already" in capsys.readouterr().err
    assert [one.name for one in target.rglob("*") if one.is_file()] == ["site.dat"]
    assert restore(home, path, target, "--force") == 0
    (aside,) = (target / "data").glob("site.dat.before-*")
    assert aside.read_bytes() == b"another key"
    assert path.exists() and run(home, "backup", str(path), "--data-dir", str(home / "data")) == 1
    assert "already" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["cut", "changed", "other", "empty", "passphrase"])
def test_what_is_not_whole_changes_nothing(
    home: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, target = backup(home), home / "other"
    data = bytearray(path.read_bytes())
    if damage == "cut":
        del data[-20:]
    elif damage == "changed":
        data[len(data) // 2] ^= 1
    elif damage == "other":
        data[:] = b"PK\3\4" * 100
    elif damage == "empty":
        data.clear()
    path.write_bytes(data)
    (home / "wrong").write_text("wrong\n")
    phrase = "wrong" if damage == "passphrase" else "passphrase"
    place = ["--data-dir", str(target / "data")]
    assert run(home, "restore", str(path), *place, phrase=phrase) == 1
    assert run(home, "backup", "--verify", str(path), phrase=phrase) == 1
    told = capsys.readouterr().err
    assert "Traceback" not in told and str(path) in told
    assert not target.exists()


def test_verify_and_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = backup(home)
    capsys.readouterr()
    assert run(home, "backup", "--verify", str(path), "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["valid"] and set(report["addresses"]) == {"site.dat"}
    assert "router.keys" in report["files"]
    place = home.parent / "elsewhere"
    assert run(home, "restore", str(path), "--data-dir", str(place), "--json") == 0
    assert json.loads(capsys.readouterr().out)["data_dir"] == str(place)


def test_passphrase_from_standard_input(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = backup(home)
    for words in (["--passphrase-file", "-"], []):
        monkeypatch.setattr("sys.stdin", io.StringIO(_WORD + "\n"))
        assert main(["backup", "--verify", str(path), *words]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["backup", "--verify", str(path)]) == 1
    assert "empty" in capsys.readouterr().err


def test_a_damaged_database_is_found(home: Path) -> None:
    database = home / "data" / "state.sqlite"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE x (y)")
        connection.executemany("INSERT INTO x VALUES (?)", [("z" * 500,)] * 500)
    connection.close()
    raw = bytearray(database.read_bytes())
    raw[8192:12288] = bytes(4096)
    database.write_bytes(raw)
    loaded = load([read_source(home / "i2ptunnel.yaml")])
    path = home / "x.backup"
    path.write_bytes(b"".join(make_backup(loaded, _WORD)))
    with (
        pytest.raises(DecodeError, match=r"state\.sqlite"),
        opened(path, _WORD, lambda _: None, home),
    ):
        pass
    assert not list(home.glob(".restore-*"))


def test_nothing_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "passphrase").write_text("x\n")
    assert run(tmp_path, "backup", "--data-dir", str(tmp_path / "none")) == 1
    assert run(tmp_path, "restore", str(tmp_path / "none.backup")) == 1
    told = capsys.readouterr().err
    assert "no such data directory" in told and "none.backup" in told


def test_downloads_are_no_part_of_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What torrents have brought may be large and many; their state is taken along."""
    for name in ("downloads/film/part", "torrents/00.resume"):
        path = home / "data" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
    target = home / "target"
    assert restore(home, backup(home), target) == 0
    assert (target / "data/torrents/00.resume").exists()
    assert not (target / "data/downloads").exists()
    assert "left out: downloads/ (what torrents have brought)" in capsys.readouterr().err


def test_no_link_takes_what_is_restored_elsewhere(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The user of a service may make links in its directory, and root may restore."""
    for name in ("large", "torrents/00.resume"):
        path = home / "data" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * (_PIECE_BYTES + 1))
    packed, target, elsewhere = backup(home), home / "other", home / "elsewhere"
    data = target / "data"
    data.mkdir(parents=True)
    elsewhere.mkdir()
    (elsewhere / "file").write_text("as it was")
    (data / "torrents").symlink_to(elsewhere)
    assert restore(home, packed, target) == 1
    assert "a link leads elsewhere there; remove it" in capsys.readouterr().err
    assert {path.name for path in data.iterdir()} == {"router.lock", "torrents"}
    (data / "torrents").unlink()
    (data / ".large.restore.tmp").symlink_to(elsewhere / "file")
    assert restore(home, packed, target) == 0
    assert stat.S_IMODE((data / "large").lstat().st_mode) == 0o600
    assert [path.name for path in elsewhere.iterdir()] == ["file"]
    assert (elsewhere / "file").read_text() == "as it was"


def test_a_directory_that_is_exchanged_meanwhile_leads_nowhere(home: Path) -> None:
    """Whoever owns the data directory may do that while root restores."""
    (home / "data/torrents").mkdir()
    for name in ("one.resume", "two.resume"):
        (home / "data/torrents" / name).write_bytes(b"resume")
    packed, target, elsewhere = backup(home), home / "other", home / "elsewhere"
    elsewhere.mkdir()
    exchanged: list[str] = []

    def exchange(name: str) -> None:
        if name == "torrents/one.resume" and target.is_dir():
            (target / "data/torrents").rename(target / "data/theirs")
            (target / "data/torrents").symlink_to(elsewhere)
            exchanged.append(name)

    place = Place(target / "data", target / "i2ptunnel.yaml")
    with (
        opened(packed, _WORD, exchange, home) as staged,
        pytest.raises(FileFault, match="torrents: a link leads elsewhere there; remove it"),
    ):
        put_into_place(staged, place, exchange)
    # What was opened before went where it should, and what came later went nowhere.
    assert exchanged and [one.name for one in (target / "data/theirs").iterdir()] == ["one.resume"]
    assert list(elsewhere.iterdir()) == []


def test_nothing_is_restored_below_a_program_that_starts_meanwhile(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    packed, data = backup(home), home / "other" / "data"
    data.mkdir(parents=True)
    monkeypatch.setattr("i2ptunnel.cli.backup.is_running", lambda _: False)
    with DataDirectoryLock(data):
        assert restore(home, packed, home / "other") == 1
    assert "in use by process" in capsys.readouterr().err
    assert [path.name for path in data.iterdir()] == ["router.lock"]
    assert restore(home, packed, home / "other") == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_restores_belongs_to_the_service(home: Path) -> None:
    (home / "data" / "large").write_bytes(b"x" * (_PIECE_BYTES + 1))
    packed, target = backup(home), home / "other"
    (target / "data").mkdir(parents=True)
    os.chown(target / "data", 65534, 65534)
    assert restore(home, packed, target) == 0
    for name in ("large", "site.dat"):
        assert (target / "data" / name).stat().st_uid == 65534
