"""Watches key files whose signing key is transient ("offline keys"): it has an end and successors.

Warns from 30 days before the end, ends the tunnel 11 minutes before it (the lease sets it made live
for up to 10 minutes), and starts it anew with the keys that somebody has put in the file's place.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from core.api import FileFault
from core.base.errors import Unavailable
from core.data.private_keys import PrivateKeys
from i2ptunnel.keyfiles import read_keys

WARN_BEFORE_S = 30 * 86400.0
STOP_BEFORE_S = 11 * 60.0
START_BEFORE_S = 10 * 60.0
CHECK_EVERY_S = 30.0
_WARN_EVERY_S = 86400.0


def check_not_ending(path: Path, keys: PrivateKeys, wall_s: float) -> None:
    """Raise FileFault if the keys are transient and end within 10 minutes."""
    if keys.offline is not None and keys.offline.expires_s - wall_s <= START_BEFORE_S:
        raise FileFault(
            path,
            f"the transient signing key ends {_when(keys.offline.expires_s - wall_s)}; "
            "make a new one with the offline key and put it in this file's place",
        )


class KeyWatch:
    """Follows one key file; :meth:`check` says nothing while all is well."""

    def __init__(
        self, path: Path, logger: logging.Logger, wall: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._logger = logger
        self._wall = wall
        self._warned_at = float("-inf")
        keys = read_keys(path)
        self._data = b"" if keys is None else keys.write()
        #: unix seconds; None: these keys do not end
        self.expires_s = keys.offline.expires_s if keys is not None and keys.offline else None

    def check(self) -> None:
        """Raise Unavailable when the tunnel has to end, or to start anew with other keys."""
        if self.expires_s is None:
            return
        wall_s = self._wall()
        left_s = self.expires_s - wall_s
        try:
            keys = read_keys(self._path)
        except FileFault:
            keys = None  # somebody is just writing it
        if keys is not None and keys.write() != self._data:
            raise Unavailable("the key file has changed; starting with its new keys", "closed")
        if left_s <= STOP_BEFORE_S:
            raise Unavailable(
                f"the transient signing key ends {_when(left_s)}; make a new one", "keys_expired"
            )
        if left_s < WARN_BEFORE_S and wall_s - self._warned_at >= _WARN_EVERY_S:
            self._warned_at = wall_s
            self._logger.warning(
                "the transient signing key ends %s; make a new one with the offline key",
                _when(left_s),
            )

    async def keep(self) -> None:
        """Check again and again; raises what :meth:`check` raises."""
        while True:
            await asyncio.to_thread(self.check)
            await asyncio.sleep(CHECK_EVERY_S)


def _when(left_s: float) -> str:
    if left_s <= 0:
        return "now (it is over)"
    if left_s < 2 * 3600:
        return f"in {left_s / 60:.0f} minutes"
    return (
        f"in {left_s / 3600:.0f} hours" if left_s < 3 * 86400 else f"in {left_s / 86400:.0f} days"
    )
