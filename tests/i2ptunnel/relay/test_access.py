"""Access filters and their files while a tunnel runs."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest

from core.data.identity import hash_to_b32
from i2ptunnel.config.tunnel_parts import AccessSection
from i2ptunnel.relay.access import AccessFault, AccessGuard

ONE, TWO = bytes([1]) * 32, bytes([2]) * 32
LOG = logging.getLogger("test")


def guard_of(path: Path, text: str) -> AccessGuard:
    definition = path / "filter.txt"
    definition.write_text(text)
    guard = AccessGuard(AccessSection(filter=definition), LOG)
    asyncio.run(guard.load())
    return guard


def refresh(guard: AccessGuard) -> None:
    asyncio.run(guard.refresh())


def test_lists_are_read_again_and_a_broken_one_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    enemies = tmp_path / "enemies.txt"
    enemies.write_text("")
    guard = guard_of(tmp_path, "deny file enemies.txt")
    assert guard.admit(ONE)
    enemies.write_text(f"{hash_to_b32(ONE)}\n")
    refresh(guard)
    assert not guard.admit(ONE)
    assert guard.admit(TWO)
    for _ in range(2):
        enemies.write_text("not an address at all\n")
        refresh(guard)
        assert not guard.admit(ONE)
    assert len(caplog.records) == 1, "told once"
    assert "line 1" in str(guard.fault)
    enemies.unlink()
    refresh(guard)
    assert not guard.admit(ONE)
    assert "gone" in str(guard.fault)
    enemies.write_text("# nobody\n")
    refresh(guard)
    assert guard.admit(ONE)
    assert guard.fault is None


def test_the_example_of_the_specification(tmp_path: Path) -> None:
    guard = guard_of(
        tmp_path,
        "# no limits by default\nallow default\n30/5 record throttled.txt\n"
        "15/5 file throttled.txt\n",
    )
    assert all(guard.admit(ONE, 0.1 * n) for n in range(40))
    refresh(guard)
    throttled = tmp_path / "throttled.txt"
    assert throttled.read_text() == f"{hash_to_b32(ONE)}\n"
    assert [guard.admit(ONE, 100 + 0.1 * n) for n in range(16)].count(True) == 14
    throttled.write_text(f"# by hand\n{hash_to_b32(TWO)}")
    assert all(guard.admit(ONE, 200 + 0.1 * n) is (n < 14) for n in range(40))
    refresh(guard)
    assert throttled.read_text() == f"# by hand\n{hash_to_b32(TWO)}\n{hash_to_b32(ONE)}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("deny all", "filter.txt: line 1"),
        ("deny file missing.txt", "missing.txt"),
        ("3/5 record nowhere/bad.txt", "nowhere"),
        ("deny file bad.txt", "bad.txt: line 1"),
    ],
)
def test_a_bad_file_is_a_fault(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "bad.txt").write_text("junk\n")
    with pytest.raises(AccessFault) as caught:
        guard_of(tmp_path, text)
    assert words in str(caught.value)


def test_a_file_that_is_too_large_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(AccessFault, match="larger than"):
        guard_of(tmp_path, "# x\n" * (3 * 1024 * 1024))
    definition = tmp_path / "filter.txt"
    definition.write_bytes(b"\xff\xfe")
    with pytest.raises(AccessFault, match="not UTF-8"):
        asyncio.run(AccessGuard(AccessSection(filter=definition), LOG).load())


def test_lists_in_the_options() -> None:
    assert AccessGuard(AccessSection(), LOG).admit(ONE)
    only = AccessGuard(AccessSection(allow=(ONE,)), LOG)
    assert (only.admit(ONE), only.admit(TWO)) == (True, False)
    both = AccessGuard(AccessSection(allow=(ONE,), deny=(ONE,)), LOG)
    assert not both.admit(ONE)
    asyncio.run(both.refresh())
    asyncio.run(both.keep())


def test_a_named_pipe_in_the_way_of_a_list_is_no_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "list.txt")
    with pytest.raises(AccessFault, match=r"access list .*list\.txt: is not a regular file"):
        guard_of(tmp_path, "allow file list.txt\n")
