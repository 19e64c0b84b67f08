"""Atomic files, key files and the data directory lock."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from core.io.files import (
    AlreadyRunning,
    DataDirectoryLock,
    FileFault,
    check_private,
    create_key_file,
    make_directory,
    read_key_file,
    read_limited,
    read_router_files,
    write_atomic,
)


def test_write_atomic_replaces_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_atomic(path, b"one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["state"]


def test_write_atomic_leaves_nothing_behind_when_it_fails(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    with pytest.raises(FileFault, match="cannot write"):
        write_atomic(tmp_path / "state", b"data")
    assert os.listdir(tmp_path) == ["state"]


def test_key_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "router.keys"
    create_key_file(path, b"a" * 400)
    with pytest.raises(FileFault, match="never overwritten"):
        create_key_file(path, b"b" * 400)
    assert read_key_file(path, 391, 2000) == b"a" * 400
    assert os.listdir(tmp_path) == ["router.keys"]


def test_missing_key_file_is_none_but_a_bad_one_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "router.keys"
    assert read_key_file(path, 391, 2000) is None
    path.write_bytes(b"")
    with pytest.raises(FileFault, match="truncated"):
        read_key_file(path, 391, 2000)
    path.write_bytes(bytes(3000))
    with pytest.raises(FileFault, match="too long"):
        read_key_file(path, 391, 2000)
    path.unlink()
    path.mkdir()
    with pytest.raises(FileFault):
        read_key_file(path, 391, 2000)


def test_unreadable_key_file(tmp_path: Path) -> None:
    path = tmp_path / "router.keys"
    path.symlink_to(path)
    with pytest.raises(FileFault, match="cannot read"):
        read_key_file(path, 391, 2000)


def test_others_may_not_read_keys_but_an_acl_may_open_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c").mkdir()
    for path in (tmp_path / "a.dat", tmp_path / "c" / "a.dat"):
        path.touch(0o600)
        check_private(path)
        path.chmod(0o440)  # what stat shows of a file with an ACL for the service
        with pytest.raises(FileFault, match="others can read this key file"):
            check_private(path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "c"))
    check_private(tmp_path / "c" / "a.dat")
    with pytest.raises(FileFault, match="others can read this key file"):
        check_private(tmp_path / "a.dat")


def test_a_pipe_is_not_a_file(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(FileFault, match="not a regular file"):
        read_limited(path, 100)


def test_router_files_are_found_in_subdirectories_and_limited(tmp_path: Path) -> None:
    (tmp_path / "rA").mkdir()
    (tmp_path / "rA" / "routerInfo-A.dat").write_bytes(b"x")
    (tmp_path / "routerInfo-B.dat").write_bytes(b"y")
    (tmp_path / "routerInfo-big.dat").write_bytes(bytes(5000))
    (tmp_path / "other.txt").write_bytes(b"z")
    assert read_router_files(tmp_path) == [
        ("routerInfo-A.dat", b"x"),
        ("routerInfo-B.dat", b"y"),
    ]
    with pytest.raises(FileFault):
        read_router_files(tmp_path / "absent")


def test_directory_is_private(tmp_path: Path) -> None:
    make_directory(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    (tmp_path / "file").touch()
    with pytest.raises(FileFault):
        make_directory(tmp_path / "file")


def test_lock_keeps_a_second_instance_out(tmp_path: Path) -> None:
    with DataDirectoryLock(tmp_path), pytest.raises(AlreadyRunning) as caught:
        DataDirectoryLock(tmp_path).acquire()
    assert caught.value.pid == os.getpid()
    with DataDirectoryLock(tmp_path):
        pass


def test_lock_is_free_after_a_killed_process(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from core.io.files import DataDirectoryLock;"
        "DataDirectoryLock(Path(sys.argv[1])).acquire(); print('held', flush=True);"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning) as caught:
            DataDirectoryLock(tmp_path).acquire()
        assert caught.value.pid == child.pid
        child.kill()
        child.wait()
    DataDirectoryLock(tmp_path).acquire()
