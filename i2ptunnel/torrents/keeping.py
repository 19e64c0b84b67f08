"""What is kept of torrents in the state directory, so that it survives restarts and crashes.

``ID.resume`` is libtorrent's own format. ``ID.whole`` says that all of a torrent's content was on
the disk once. ``running`` is there while a worker runs: one that finds it knows that the last one
ended without writing everything, so that what is not whole has to be checked anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import libtorrent as lt

RESUME, WHOLE, UNREADABLE = ".resume", ".whole", ".unreadable"
_RUNNING = "running"


class StateFiles:
    """Those of one worker."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        running = directory / _RUNNING
        self.is_after_crash = running.exists()
        running.touch()

    def load(self, count_max: int) -> list[tuple[str, Any]]:
        """ID and ``add_torrent_params`` of each torrent; what cannot be read is put aside.

        Those that were held back come last: the names of their files are another's.
        """
        found = []
        for path in sorted(self._directory.glob(f"*{RESUME}"))[:count_max]:
            try:
                found.append((path.stem, lt.read_resume_data(path.read_bytes())))
            except (OSError, RuntimeError):
                self.put_aside(path.stem)
        return sorted(found, key=lambda one: _is_held_back(one[1]))

    def put_aside(self, name: str) -> None:
        """Nobody can use it, and nobody else is to lose it."""
        path = self._path(name, RESUME)
        path.replace(path.with_suffix(UNREADABLE))

    def write(self, name: str, parameters: Any) -> None:
        """Whole or not at all; raises OSError."""
        path = self._path(name, RESUME)
        temporary = path.with_suffix(".new")
        with temporary.open("wb") as file:
            file.write(lt.write_resume_data_buf(parameters))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)

    def forget(self, name: str) -> None:
        """A torrent was removed."""
        for suffix in (RESUME, WHOLE):
            self._path(name, suffix).unlink(missing_ok=True)

    def is_whole(self, name: str) -> bool:
        """Whether all of it was on the disk once."""
        return self._path(name, WHOLE).exists()

    def mark_whole(self, name: str) -> None:
        """All of it is on the disk."""
        self._path(name, WHOLE).touch()

    def finish(self) -> None:
        """Everything is written: the next worker has nothing to check."""
        (self._directory / _RUNNING).unlink(missing_ok=True)

    def _path(self, name: str, suffix: str) -> Path:
        return self._directory / f"{name}{suffix}"


def _is_held_back(parameters: Any) -> bool:
    """Whether none of a torrent's files was wanted when it was saved."""
    priorities = parameters.file_priorities
    return bool(priorities) and not any(priorities)
