"""One round of reseeding: servers in turn, two at a time, until two have brought bundles.

Two servers, since one alone could show a newcomer nothing but routers of its own. After a minute
with one bundle the router joins with that; the round goes on, and the second comes later. Each
server is asked once in a round, those that failed are told, and the next one follows.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from core.api import Bundle, BundleFault, BundleRefused
from i2ptunnel.reseed.faults import ReseedFault, Trouble
from i2ptunnel.reseed.servers import Server

WANTED = 2
JOIN_AFTER_S = 60.0

_log = logging.getLogger("i2ptunnel.reseed")

_TROUBLES = {
    BundleFault.UNKNOWN_SIGNER: Trouble.SIGNER,
    BundleFault.EXPIRED: Trouble.SIGNER,
    BundleFault.NOT_YET_VALID: Trouble.CLOCK,
    BundleFault.TOO_OLD: Trouble.CLOCK,
}

#: fetches and opens the bundle of one server; raises ReseedFault or BundleRefused
Obtain = Callable[[Server, Callable[[int], None]], Awaitable[Bundle]]
#: takes routers into the database; returns how many were new
Join = Callable[[Bundle], Awaitable[int]]


@dataclass(slots=True)
class Progress:
    """Where a round is. ``asking``: server -> bytes so far; ``failures``: server -> why."""

    wanted: int
    bundles: int = 0
    taken: int = 0
    asking: dict[str, int] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)

    def __str__(self) -> str:
        """For a terminal."""
        parts = [f"reseeding: {self.bundles} of {self.wanted} bundles"]
        parts += [
            f"{name} {size // 1024} KiB" if size else f"asking {name}"
            for name, size in self.asking.items()
        ]
        if self.failures:
            parts.append(f"{len(self.failures)} failed")
        return ", ".join(parts)


class Round:
    """See the module. ``note`` is told of every outcome: server, text, whether it is good."""

    def __init__(
        self,
        obtain: Obtain,
        join: Join,
        note: Callable[[Server, str, bool], Awaitable[None]],
        on_progress: Callable[[Progress], None],
        *,
        wanted: int = WANTED,
        join_after_s: float = JOIN_AFTER_S,
    ) -> None:
        self._obtain, self._join, self._note = obtain, join, note
        self._on_progress = on_progress
        self._join_after_s = join_after_s
        self.progress = Progress(wanted)
        self._waiting: deque[Server] = deque()
        self._unjoined: list[Bundle] = []
        self._joining = asyncio.Lock()
        self._is_joined = False

    async def run(self, servers: Sequence[Server]) -> Progress:
        """Ask these, in this order; returns when enough have answered or all have failed."""
        self._waiting.extend(servers)
        wanted = min(self.progress.wanted, len(servers))
        self.progress.wanted = wanted
        timer = asyncio.create_task(self._join_in_time())
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(wanted):
                    group.create_task(self._until_one_answers())
        finally:
            timer.cancel()
            self._on_progress(self.progress)
        await self._join_all()
        return self.progress

    async def _until_one_answers(self) -> None:
        while self._waiting:
            server = self._waiting.popleft()
            if await self._ask(server):
                return

    async def _ask(self, server: Server) -> bool:
        name, progress = server.authority, self.progress
        progress.asking[name] = 0
        self._on_progress(progress)
        try:
            bundle = await self._obtain(server, partial(self._on_bytes, name))
        except ReseedFault as fault:
            return await self._failed(server, str(fault), fault.trouble)
        except BundleRefused as refused:
            trouble = _TROUBLES.get(refused.fault, Trouble.SERVER)
            return await self._failed(server, str(refused), trouble)
        finally:
            progress.asking.pop(name, None)
        progress.bundles += 1
        self._on_progress(progress)
        await self._note(server, f"brought {len(bundle.routers)} routers", True)
        _log.info("reseed server %s brought %d routers", name, len(bundle.routers))
        self._unjoined.append(bundle)
        if self._is_joined or progress.bundles >= progress.wanted:
            await self._join_all()
        return True

    async def _failed(self, server: Server, why: str, trouble: Trouble) -> bool:
        self.progress.failures[server.authority] = why
        self.progress.troubles.append(trouble)
        self._on_progress(self.progress)
        _log.info("reseed server %s: %s", server.authority, why)
        await self._note(server, why, False)
        return False

    def _on_bytes(self, name: str, size: int) -> None:
        self.progress.asking[name] = size
        self._on_progress(self.progress)

    async def _join_in_time(self) -> None:
        await asyncio.sleep(self._join_after_s)
        self._is_joined = True
        if self._unjoined:
            _log.warning(
                "only one reseed server has answered so far: the router joins with its routers, "
                "and fetches a second bundle later"
            )
            await self._join_all()

    async def _join_all(self) -> None:
        async with self._joining:
            while self._unjoined:
                # Taken away afterwards: whoever is cancelled in between leaves it to the next.
                self.progress.taken += await self._join(self._unjoined[0])
                del self._unjoined[0]
