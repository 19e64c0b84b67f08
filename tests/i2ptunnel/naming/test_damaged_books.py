"""A damaged address book: never an internal error, and the user's own names come back."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.api import FileFault
from core.data.encoding import b64encode
from core.data.private_keys import PrivateKeys
from i2ptunnel.cli.main import main
from i2ptunnel.naming.books import FILE_NAME, AddressBooks
from i2ptunnel.naming.store import Book
from tests.support.deterministic import SeededEntropy

ENTROPY = SeededEntropy("books")
NAMES = {
    f"name{number}.i2p": PrivateKeys.generate_destination(ENTROPY).destination
    for number in range(40)
}
SECRET = b"k" * 32


def fill(path: Path, names: int = 40) -> None:
    books = AddressBooks(path, lambda: 1_700_000_000)
    for number, (name, destination) in enumerate(list(NAMES.items())[:names]):
        books.add(Book(number % 3), name, destination.b64)
    books.subscribe("http://feed.i2p/hosts.txt")
    with books.store.transaction() as transaction:
        transaction.write_credentials("x.b32.i2p", "word", SECRET)
    books.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("books")
    fill(directory / FILE_NAME)
    assert sorted(os.listdir(directory)) == [FILE_NAME, f"{FILE_NAME}.good"]
    return directory


def damages(data: bytes) -> Iterator[bytes]:
    """One byte changed here and there, the header and pages gone, ends cut off."""
    for at in (*range(0, 4096, 389), *range(4096, len(data), 1201)):
        yield data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        yield data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
    for at in range(0, 100, 3):
        yield data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]
    every = bytearray(data)
    for at in range(0, len(data), 97):
        every[at] ^= 0xA5
    yield bytes(every)
    yield bytes(100) + data[100:]
    for page in range(0, len(data), 4096):
        yield data[:page] + bytes(4096) + data[page + 4096 :]
    for size in (0, 1, 99, 100, 4095, 4096, 4097, 8192, len(data) // 2, len(data) - 1):
        yield data[:size]
    yield b"\xff" * len(data)
    yield b"not a database"


@pytest.fixture
def fast() -> Iterator[Path]:
    """A directory where flushing to the disk costs nothing, if there is one."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name) / "d"


def some(whole: Path) -> list[bytes]:
    """A third of the damages, and all that are not single bytes."""
    every = list(damages((whole / FILE_NAME).read_bytes()))
    return [*every[:-25:3], *every[-25:]]


def names_in(path: Path) -> set[str]:
    books = AddressBooks(path, lambda: 1_700_000_100)
    try:
        found = {
            name
            for name, destination in NAMES.items()
            if [entry.hash for entry in books.lookup(name)] == [destination.hash]
        }
        wrong = {
            entry.name: entry
            for entry in books.store.entries(tuple(Book))
            if entry.hash != {**NAMES, "new.i2p": NAMES["name0.i2p"]}[entry.name].hash
        }
        assert wrong == {}, "no name leads elsewhere"
        books.add(Book.LOCAL, "new.i2p", NAMES["name0.i2p"].b64, is_replacing=True)
        assert books.store.credentials("x.b32.i2p") in (("word", SECRET), ("", None))
        return found
    finally:
        books.close()


def test_own_names_survive_every_damage_while_there_is_a_copy(whole: Path, fast: Path) -> None:
    path, count = fast / FILE_NAME, 0
    for damaged in some(whole):
        shutil.rmtree(fast, ignore_errors=True)
        fast.mkdir()
        path.write_bytes(damaged)
        shutil.copyfile(whole / f"{FILE_NAME}.good", f"{path}.good")
        assert names_in(path) == set(NAMES), f"damage {count}"
        assert path.stat().st_mode & 0o777 == 0o600
        count += 1
    assert count > 50


def test_what_can_be_read_survives_without_a_copy(whole: Path, fast: Path) -> None:
    path, kept = fast / FILE_NAME, []
    for damaged in some(whole):
        shutil.rmtree(fast, ignore_errors=True)
        fast.mkdir()
        path.write_bytes(damaged)
        kept.append(len(names_in(path)))
    assert sum(count >= 38 for count in kept) > len(kept) * 2 // 3, kept


def test_a_zeroed_header_or_schema_loses_nothing_even_without_a_copy(
    whole: Path, tmp_path: Path
) -> None:
    data, path = (whole / FILE_NAME).read_bytes(), tmp_path / FILE_NAME
    for damaged in (bytes(100) + data[100:], bytes(4096) + data[4096:]):
        path.unlink(missing_ok=True)
        path.write_bytes(damaged)
        assert names_in(path) == set(NAMES)


def test_newer_names_come_from_the_damaged_file(
    whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / FILE_NAME
    fill(path, 20)
    shutil.copyfile(f"{path}.good", tmp_path / "older")
    fill(path)
    os.replace(tmp_path / "older", f"{path}.good")
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    with caplog.at_level(logging.ERROR):
        assert names_in(path) == set(NAMES)
    (message,) = [record.getMessage() for record in caplog.records]
    assert f"{path} is damaged" in message and "it is kept as addresses.sqlite.damaged-1" in message
    assert "the copy of 20" in message and "20 more addresses could be read" in message
    assert "40 now, 27 of them your own" in message
    assert names_in(path) == set(NAMES)


def test_a_lost_file_comes_back(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "d")
    path = tmp_path / "d" / FILE_NAME
    path.unlink()
    assert names_in(path) == set(NAMES)


def test_no_copy_is_made_of_a_damaged_file(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "d")
    path = tmp_path / "d" / FILE_NAME
    books = AddressBooks(path, lambda: 1_700_000_000)
    good = Path(f"{path}.good").read_bytes()
    with sqlite3.connect(path) as other:
        other.execute("UPDATE entries SET hash = ? WHERE name = 'name3.i2p'", (b"x" * 32,))
    other.close()
    books.close()
    assert Path(f"{path}.good").read_bytes() == good
    assert names_in(path) == set(NAMES)


def test_links_are_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / FILE_NAME).symlink_to(target)
    with pytest.raises(FileFault, match="is a link"):
        AddressBooks(tmp_path / FILE_NAME, lambda: 0)
    assert not target.exists()


def test_commands_say_what_happened(
    whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(whole, tmp_path / "d")
    path = tmp_path / "d" / FILE_NAME
    data = bytearray(path.read_bytes())
    at = data.index(b"CREATE TABLE entries")
    data[at : at + 12] = b"\xff" * 12
    path.write_bytes(data)
    assert main(["address", "lookup", "name1.i2p", "--data-dir", str(path.parent)]) == 0
    out, err = capfd.readouterr()
    assert b64encode(NAMES["name1.i2p"].raw) in out
    assert "internal error" not in err


def test_a_command_replaces_nothing_that_a_running_program_uses(
    whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole, tmp_path / "d")
    path = tmp_path / "d" / FILE_NAME
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    code = (
        "import sys; from pathlib import Path; from core.io.files import DataDirectoryLock;"
        "DataDirectoryLock(Path(sys.argv[1])).acquire(); print('held', flush=True);"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path.parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with pytest.raises(FileFault, match=f"process {other.pid} uses it"):
            names_in(path)
        other.kill()
    assert names_in(path) == set(NAMES)
