"""Watches key files whose signing key is transient ("offline keys"): it has an end and successors.

With an encrypted lease set the daily keys beside the file have an end, too; the first one counts.

Warns from 30 days before the end, ends the tunnel 11 minutes before it (the lease sets it made live
for up to 10 minutes), and starts it anew with the keys that somebody has put in the file's place.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from core.api import FileFault
from core.base.errors import Unavailable
from core.data.daily_keys import covered_until_s, write_daily_keys
from core.data.lease_set_layers import DailyKey
from core.data.private_keys import PrivateKeys
from i2ptunnel.keyfiles import daily_path, read_daily_keys, read_keys
from i2ptunnel.printable import counted

WARN_BEFORE_S = 30 * 86400.0
STOP_BEFORE_S = 11 * 60.0
START_BEFORE_S = 10 * 60.0
CHECK_EVERY_S = 30.0
_WARN_EVERY_S = 86400.0


def check_not_ending(
    path: Path, keys: PrivateKeys, wall_s: float, daily: Sequence[DailyKey] = ()
) -> None:
    """Raise FileFault if the keys are transient and end within 10 minutes."""
    if keys.offline is not None and keys.offline.expires_s - wall_s <= START_BEFORE_S:
        raise FileFault(
            path,
            f"the transient signing key ends {_when(keys.offline.expires_s - wall_s)}; "
            "make a new one with the offline key and put it in this file's place",
        )
    if daily and covered_until_s(daily, wall_s) - wall_s <= START_BEFORE_S:
        raise FileFault(
            daily_path(path),
            "holds no keys for today and what follows; make new ones with the offline key and put "
            "them in this file's place",
        )


class KeyWatch:
    """Follows one key file, with its daily keys if ``is_encrypted``; raises FileFault.

    :meth:`check` says nothing while all is well.
    """

    def __init__(
        self,
        path: Path,
        logger: logging.Logger,
        wall: Callable[[], float] = time.time,
        *,
        is_encrypted: bool = False,
    ) -> None:
        self._path = path
        self._is_encrypted = is_encrypted
        self._logger = logger
        self._wall = wall
        self._warned_at = float("-inf")
        self._data, ends_s = self._read()
        #: unix seconds; None: these keys do not end
        self.expires_s = ends_s

    def _read(self) -> tuple[bytes, int | None]:
        """What is in the files, and when it ends; raises FileFault."""
        keys = read_keys(self._path)
        if keys is None or keys.offline is None:
            return b"" if keys is None else keys.write(), None
        if not self._is_encrypted:
            return keys.write(), keys.offline.expires_s
        daily = read_daily_keys(daily_path(self._path))
        ends_s = min(keys.offline.expires_s, covered_until_s(daily, self._wall()))
        return keys.write() + write_daily_keys(daily), ends_s

    def check(self) -> None:
        """Raise Unavailable when the tunnel has to end, or to start anew with other keys."""
        if self.expires_s is None:
            return
        wall_s = self._wall()
        left_s = self.expires_s - wall_s
        try:
            data, _ = self._read()
        except FileFault:
            data = b""  # somebody is just writing it
        if data and data != self._data:
            raise Unavailable("the key file has changed; starting with its new keys", "closed")
        if left_s <= STOP_BEFORE_S:
            raise Unavailable(
                f"the transient signing key ends {_when(left_s)}; make a new one", "keys_expired"
            )
        if left_s < WARN_BEFORE_S and abs(wall_s - self._warned_at) >= _WARN_EVERY_S:
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
        return f"in {counted(round(left_s / 60), 'minute')}"
    return (
        f"in {left_s / 3600:.0f} hours" if left_s < 3 * 86400 else f"in {left_s / 86400:.0f} days"
    )
