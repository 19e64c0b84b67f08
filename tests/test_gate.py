"""``make test`` runs its parts side by side, tells what they say, and fails with any of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.gate import PHASES, Gate

ROOT = Path(__file__).parents[1]
#: a part is a script; `meet` waits for the other track
MEETS = "touch $1; until [ -e $2 ]; do sleep 0.01; done"


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    for name, script in {
        "fails": "echo it broke; exit 3",
        "passes": "echo it works",
        "meets-a": MEETS.replace("$1", "a").replace("$2", "b"),
        "meets-b": MEETS.replace("$1", "b").replace("$2", "a"),
        "again": "test -e passed && exit 1; touch passed",
    }.items():
        (tmp_path / name).write_text(f"cd {tmp_path}\n{script}\n")
    return Gate(tmp_path, ["sh", "-c", f'exec sh "{tmp_path}/$0"'])


def test_tracks_run_side_by_side(gate: Gate, capfd: pytest.CaptureFixture[str]) -> None:
    assert gate.run([(("passes",),), (("meets-a",), ("meets-b", "again"))])
    assert re.search(r"passes \d+ s, passed\nit works\n", capfd.readouterr().out)
    assert re.fullmatch(r"make test: (\S+ \d+ s, ){4}\d+ s in all", gate.summary())


def test_no_part_is_started_after_a_failed_one(
    gate: Gate, capfd: pytest.CaptureFixture[str]
) -> None:
    assert not gate.run([(("fails", "again"),), (("passes",),)])
    told = capfd.readouterr().out
    assert re.search(r"fails \d+ s, failed with status 3\nit broke\n", told)
    assert "it works" not in told
    assert gate.summary().endswith("\nmake test: FAILED fails")


def test_every_part_is_a_target() -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert {part for phase in PHASES for track in phase for part in track} <= set(targets)
