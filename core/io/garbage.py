"""The garbage collector of a process that must not pause.

A full collection looks at every container there is: with 10,000 connections and 50,000 routers it
takes a quarter of a second, in the middle of a turn of the loop. So collections are made small:

* the young ones come often enough to be short;
* what survives a full one that took long is set aside (``gc.freeze``): it is in use, and later full
  collections do not look at it. It is still freed like everything when nobody refers to it; only
  cycles among it stay;
* when the process has grown much nevertheless, everything is looked at once (a long pause), and all
  of that at most once an hour.

One for a process is enough; a second one does no harm.
"""

from __future__ import annotations

import gc
import os
import time
from typing import Any

#: containers made until the youngest are looked at; how many such collections until the middle
#: ones are, and so on: 5,000, 25,000 and 75,000 objects at most, at 0.4 us each
THRESHOLDS = (5_000, 4, 2)
#: a full collection that takes longer sets what survives aside
FREEZE_S = 0.01
THAW_EVERY_S = 3600.0
#: by how much the process must have grown
THAW_FACTOR, THAW_BYTES = 1.25, 64 << 20


def _resident_bytes() -> int:
    """Memory of this process; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


class GarbageCollection:
    """Sets the collector up as the module says, between ``start`` and ``stop``."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._thawed_at = 0.0
        self._thawed_bytes = 0
        self._is_thawing = False
        self.frozen = 0
        self.thawed = 0

    def start(self) -> None:
        """Call it when everything that stays has been loaded."""
        gc.collect(1)  # what modules leave behind is young, and all of it would take long
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)
        self._note_size()
        if self._on_collection not in gc.callbacks:
            gc.callbacks.append(self._on_collection)

    def stop(self) -> None:
        """May be called in any state."""
        if self._on_collection in gc.callbacks:
            gc.callbacks.remove(self._on_collection)

    def _note_size(self) -> None:
        self._thawed_at, self._thawed_bytes = time.monotonic(), _resident_bytes()

    def _on_collection(self, phase: str, info: dict[str, Any]) -> None:
        if info["generation"] != 2 or self._is_thawing:
            return
        if phase == "start":
            self._began = time.thread_time()
        elif self._began is not None:
            took = time.thread_time() - self._began
            self._began = None
            if took > FREEZE_S:
                self.frozen += 1
                gc.freeze()
            if self._has_grown():
                self._thaw()

    def _has_grown(self) -> bool:
        if time.monotonic() - self._thawed_at < THAW_EVERY_S:
            return False
        now = _resident_bytes()
        return now > max(self._thawed_bytes * THAW_FACTOR, self._thawed_bytes + THAW_BYTES)

    def _thaw(self) -> None:
        self.thawed += 1
        self._is_thawing = True
        try:
            gc.unfreeze()
            gc.collect()
            gc.freeze()
        finally:
            self._is_thawing = False
        self._note_size()
