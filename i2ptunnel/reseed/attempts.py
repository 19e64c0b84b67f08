"""Which reseed servers were asked, and when each may be asked again; kept over restarts.

Servers give four bundles an hour to an address, in no burst, and count every request
(reseed-tools). So a server that was asked rests for an hour, whatever it answered. One that was
never reached, and so has counted nothing, is tried again soon, later each time.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from core.api import FileFault, read_limited, write_atomic
from i2ptunnel.reseed.servers import Server

FILE_NAME = "reseed.json"
REST_S = 3600.0
RETRY_FIRST_S = 30.0
RETRY_MAX_S = 300.0
_FILE_BYTES_MAX = 65536
_SERVERS_MAX = 100
_OUTCOME_CHARACTERS_MAX = 300

_log = logging.getLogger("i2ptunnel.reseed")


@dataclass(slots=True)
class Attempt:
    """The last one at a server. ``at``: unix seconds; ``failures``: in a row."""

    at: float = 0.0
    is_asked: bool = False
    failures: int = 0
    outcome: str = ""

    def may_follow_at(self) -> float:
        """When the server may be tried again, in unix seconds."""
        if self.is_asked:
            return self.at + REST_S
        wait_s = min(RETRY_FIRST_S * 2.0 ** min(self.failures - 1, 16), RETRY_MAX_S)
        return self.at + (wait_s if self.failures else 0.0)


class Attempts:
    """All of them, by server. ``wall`` gives unix seconds."""

    def __init__(self, path: Path, wall: Callable[[], float]) -> None:
        self._path, self._wall = path, wall
        self._attempts = _read(path)
        self._open: set[str] = set()
        self._saving = asyncio.Lock()

    def of(self, server: Server) -> Attempt:
        """The last attempt at a server; an empty one if there was none."""
        return self._attempts.get(server.authority, Attempt())

    def allowed_at(self, server: Server) -> float:
        """When a server may be tried, in unix seconds; in the past: now."""
        attempt, now = self.of(server), self._wall()
        if attempt.at > now:
            return 0.0  # the clock was set back since: nobody waits for that
        return attempt.may_follow_at()

    def allowed(self, servers: Iterable[Server]) -> list[Server]:
        """Those that may be tried now."""
        now = self._wall()
        return [server for server in servers if self.allowed_at(server) <= now]

    def note_request(self, server: Server) -> None:
        """A server is being asked; to be saved before the request goes out."""
        self._open.add(server.authority)
        self._put(server, Attempt(self._wall(), True, self.of(server).failures, "asked"))

    def note_outcome(self, server: Server, outcome: str, *, is_good: bool) -> None:
        """What came of it. A server that was not asked is noted too."""
        before, is_asked = self.of(server), server.authority in self._open
        self._open.discard(server.authority)
        at = before.at if is_asked else self._wall()
        failures = 0 if is_good else before.failures + 1
        self._put(server, Attempt(at, is_asked, failures, outcome[:_OUTCOME_CHARACTERS_MAX]))

    async def save(self) -> None:
        """Write them; what cannot be written is told in the log."""
        async with self._saving:
            servers = {name: asdict(one) for name, one in self._attempts.items()}
            data = json.dumps({"servers": servers}, indent=1).encode() + b"\n"
            try:
                await asyncio.to_thread(write_atomic, self._path, data)
            except FileFault as fault:
                _log.warning("%s", fault)

    def _put(self, server: Server, attempt: Attempt) -> None:
        self._attempts.pop(server.authority, None)
        while len(self._attempts) >= _SERVERS_MAX:
            self._attempts.pop(next(iter(self._attempts)))
        self._attempts[server.authority] = attempt


def _read(path: Path) -> dict[str, Attempt]:
    """What an earlier process kept; a file that is damaged says nothing."""
    if not path.exists():
        return {}
    try:
        servers = json.loads(read_limited(path, _FILE_BYTES_MAX))["servers"]
        return {str(name): _attempt(one) for name, one in list(servers.items())[-_SERVERS_MAX:]}
    except (FileFault, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        _log.warning("%s is damaged; which reseed servers were asked is not known", path)
        return {}


def _attempt(stored: object) -> Attempt:
    if not isinstance(stored, dict):
        raise ValueError
    at, failures = float(stored["at"]), int(stored["failures"])
    outcome = str(stored["outcome"])[:_OUTCOME_CHARACTERS_MAX]
    if not 0 <= at < 1e12:
        raise ValueError
    return Attempt(at, bool(stored["is_asked"]), max(0, failures), outcome)
