"""When a router last ran with a data directory, by the files that it writes while it runs."""

from __future__ import annotations

from pathlib import Path


def off_for_s(data_dir: Path, database: str, now_s: float) -> float:
    """Seconds since then, 0 if it never did or if the clock was set back; ``now_s`` as in
    ``stat``. Ask before the database is opened."""
    written = []
    for path in data_dir.glob(f"{database}*"):
        try:
            written.append(path.stat().st_mtime)
        except OSError:
            continue
    return max(0.0, now_s - max(written)) if written else 0.0
