"""How long a router was off, by its files."""

from __future__ import annotations

import os
from pathlib import Path

from core.io.last_run import off_for_s


def test_the_newest_of_the_database_files_counts(tmp_path: Path) -> None:
    assert off_for_s(tmp_path, "state.sqlite", 1000.0) == 0.0, "it never ran"
    for name, at in (("state.sqlite", 100.0), ("state.sqlite-wal", 400.0), ("router.keys", 990.0)):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (at, at))
    assert off_for_s(tmp_path, "state.sqlite", 1000.0) == 600.0
    assert off_for_s(tmp_path, "state.sqlite", 300.0) == 0.0, "the clock was set back"
