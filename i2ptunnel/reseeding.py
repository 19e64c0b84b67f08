"""Reseeding of one running appliance: when it is due, what it brings, and what is told of it.

It is due at the start with fewer known routers than ``threshold``; later when the router runs dry:
nobody has been connected for a minute with so few, for five minutes with more. With a clock that is
wrong no connection would work, so nobody is asked then. A round that brings one bundle only is
followed by others for the second one, a few times at most.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import Any, Protocol

from core.api import Bundle, FileFault, RouterStatus, open_bundle, share_turn
from core.base.errors import Unavailable
from core.data.ip_family import Family, by_family
from core.data.router_info import RouterInfo
from i2ptunnel.config.router_model import RouterSection
from i2ptunnel.health import CLOCK_SKEW_MAX_S, ReseedFacts, Sentence
from i2ptunnel.netdb_files import read_infos
from i2ptunnel.printable import counted, moment_text
from i2ptunnel.reseed.attempts import FILE_NAME, Attempts
from i2ptunnel.reseed.faults import worst
from i2ptunnel.reseed.fetch import Way, fetch_bundle
from i2ptunnel.reseed.round import WANTED, Progress, Round
from i2ptunnel.reseed.servers import Server, public_servers
from i2ptunnel.reseed.trust import Trust, load_trust
from i2ptunnel.tunnels.base import end_task

PUBLIC_NETWORK = 2
CHECK_S = 5.0
DRY_FEW_S = 60.0
DRY_S = 300.0
_SECOND_TRIES_MAX = 3
_FAILURES_TOLD_MAX = 5

_log = logging.getLogger("i2ptunnel.reseed")


class ReseededRouter(Protocol):
    """A ``Router``, as far as it is needed here."""

    def import_routers(self, infos: Iterable[RouterInfo]) -> int:
        """Take RouterInfos; returns how many were new."""


@dataclass(slots=True)
class Outcome:
    """The last round: when it ended (unix seconds), what it brought, what failed and what helps."""

    at: float
    bundles: int
    taken: int
    error: str | None
    remedy: str | None


class Reseeding:
    """Start it when the router runs, stop it before the router stops.

    ``status`` tells whether it is due; without it, only :meth:`now` is of use. ``wall``: unix
    seconds; ``clock``: monotonic seconds; ``show``: gets a line for the terminal.
    """

    def __init__(
        self,
        section: RouterSection,
        data_dir: Path,
        router: ReseededRouter,
        *,
        status: Callable[[], RouterStatus] | None = None,
        show: Callable[[str], None] = lambda _: None,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        reseed = section.reseed
        self._section, self._reseed = section, reseed
        self._router, self._show, self._router_status = router, show, status
        self._wall, self._clock = wall, clock
        self.servers: Sequence[Server] = tuple(Server.of(url) for url in reseed.urls)
        if not self.servers and section.network_id == PUBLIC_NETWORK:
            self.servers = public_servers()
        self._attempts = Attempts(data_dir / FILE_NAME, wall)
        self._trust: Trust | None = None
        self._progress: Progress | None = None
        self._outcome: Outcome | None = None
        #: from the start until the first decision whether to ask
        self._is_deciding = False
        #: it is due, and no server may be asked
        self._is_resting = False
        self._is_joined = False
        self._second_tries = 0
        self._dry_since: float | None = None
        self._running = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    # Life

    async def import_files(self) -> None:
        """Take the routers in ``reseed.files``, if too few are known."""
        status = self._router_status
        if status is None or status().routers >= self._reseed.threshold:
            return
        for path in self._reseed.files:
            try:
                infos, _ = await asyncio.to_thread(read_infos, path, await self._trusted())
                _log.info(
                    "%s imported from reseed.files", counted(await self._take(infos), "router")
                )
            except FileFault as fault:
                _log.error("reseed.files: %s", fault)

    def start(self) -> None:
        """Look from now on whether reseeding is due."""
        if self._task is None and self.is_on:
            self._is_deciding = True
            self._task = asyncio.create_task(self._run(), name="reseeding")

    async def stop(self) -> None:
        """End a round that goes on. May be called in any state."""
        task, self._task = self._task, None
        await end_task(task)
        self._show("")

    @property
    def is_on(self) -> bool:
        """Whether there is anybody who may be asked."""
        return self._reseed.enabled and bool(self.servers)

    async def _run(self) -> None:
        while True:
            try:
                is_due = self._is_due()
                self._is_resting = is_due and not self._attempts.allowed(self.servers)
                if is_due and not self._is_resting:
                    await self._round()
            except FileFault as fault:
                self._outcome = Outcome(self._wall(), 0, 0, str(fault), None)
                _log.error("reseeding: %s", fault)
                return
            except Exception as error:
                _log.error("internal error in reseeding: %s", type(error).__name__)
                _log.debug("internal error", exc_info=True)
            finally:
                self._is_deciding = False
            await asyncio.sleep(CHECK_S)

    # When

    def _is_due(self) -> bool:
        if self._router_status is None:
            return False
        router, now = self._router_status(), self._clock()
        if abs(router.clock_skew_s) > CLOCK_SKEW_MAX_S:
            return False
        if self._second_tries:
            return True
        has_few = router.routers < self._reseed.threshold
        if has_few and not self._is_joined:
            return True
        if router.links.total:
            self._dry_since = None
            self._is_joined = True
            return False
        if self._dry_since is None:
            self._dry_since = now
        return now - self._dry_since >= (DRY_FEW_S if has_few else DRY_S)

    def next_at(self) -> float:
        """When a server may be asked next, in unix seconds."""
        return min((self._attempts.allowed_at(server) for server in self.servers), default=0.0)

    # One round

    async def now(self) -> dict[str, Any]:
        """Ask servers now; what came of it. Unavailable: there is nobody who may be asked."""
        if not self.servers:
            why = "no reseed server is known for this network: set router.reseed.urls"
            raise Unavailable(why, "no_reseed_servers")
        if not self._running.locked() and not self._attempts.allowed(self.servers):
            raise Unavailable(
                "all reseed servers were asked lately, and they limit how often; the next may be "
                f"asked at {moment_text(self.next_at())}",
                "reseed_later",
            )
        await self._round()
        return self.status()

    async def _round(self) -> None:
        """Ask the servers that may be asked; who comes meanwhile waits for the end of it."""
        if self._running.locked():
            async with self._running:
                return
        async with self._running:
            trust = await self._trusted()
            servers = self._attempts.allowed(self.servers)
            SystemRandom().shuffle(servers)
            bound = [str(one) for one in self._section.bind if not one.is_unspecified]
            source = by_family(bound).get(Family.IPV4) or by_family(bound).get(Family.IPV6)
            way = Way(trust, self._reseed.proxy or self._section.ntcp2.proxy, source)
            wanted = 1 if self._second_tries else WANTED
            made = Round(
                partial(self._obtain, way), self._join, self._note, self._on_progress, wanted=wanted
            )
            self._progress = made.progress
            try:
                self._conclude(await made.run(servers))
            finally:
                self._progress = None
                self._show("")

    async def _trusted(self) -> Trust:
        if self._trust is None:
            self._trust = await asyncio.to_thread(load_trust, self._reseed.certificates)
            if self._reseed.certificates is None and (why := self._trust.runs_short(self._wall())):
                _log.warning("%s; install a newer i2ptunnel", why)
        return self._trust

    async def _obtain(self, way: Way, server: Server, on_progress: Callable[[int], None]) -> Bundle:
        async def on_request() -> None:
            self._attempts.note_request(server)
            await self._attempts.save()

        data = await fetch_bundle(server, way, on_request=on_request, on_progress=on_progress)
        return await asyncio.to_thread(
            open_bundle, data, way.trust.signers, self._wall(), self._section.network_id
        )

    async def _join(self, bundle: Bundle) -> int:
        return await self._take(bundle.routers)

    async def _take(self, infos: Iterable[RouterInfo]) -> int:
        """Over as many turns of the loop as it takes."""
        taken = 0
        for info in infos:
            await share_turn()
            taken += self._router.import_routers([info])
        return taken

    async def _note(self, server: Server, outcome: str, is_good: bool) -> None:
        self._attempts.note_outcome(server, outcome, is_good=is_good)
        await self._attempts.save()

    def _on_progress(self, progress: Progress) -> None:
        self._show(str(progress))

    def _conclude(self, progress: Progress) -> None:
        """Say what came of a round, and whether it must be followed by another."""
        trouble = worst(progress.troubles)
        remedy = None if trouble is None else trouble.remedy
        if progress.bundles:
            what = counted(progress.bundles, "reseed server")
            _log.info("reseeding: %s taken from %s", counted(progress.taken, "router"), what)
            self._follow(progress)
            self._outcome = Outcome(self._wall(), progress.bundles, progress.taken, None, None)
        elif self._second_tries:
            self._second_tries -= 1
            _log.info("no reseed server has brought a second bundle")
        else:
            self._fail(progress, remedy)

    def _fail(self, progress: Progress, remedy: str | None) -> None:
        told = [f"{name}: {why}" for name, why in progress.failures.items()]
        more = len(told) - _FAILURES_TOLD_MAX
        shown = "; ".join(told[:_FAILURES_TOLD_MAX]) + (f"; and {more} more" if more > 0 else "")
        error = f"none of {counted(len(told), 'reseed server')} has brought routers ({shown})"
        is_new = self._outcome is None or self._outcome.remedy != remedy
        _log.log(
            logging.WARNING if is_new else logging.INFO,
            "reseeding failed: %s. %s",
            error,
            Sentence(remedy or ""),
        )
        self._outcome = Outcome(self._wall(), 0, 0, error, remedy)

    def _follow(self, progress: Progress) -> None:
        if self._second_tries:
            self._second_tries = 0
        elif progress.bundles < min(WANTED, len(self.servers)):
            self._second_tries = _SECOND_TRIES_MAX
            _log.info("only one reseed server has answered; a second bundle is fetched later")
        self._is_joined = True
        self._dry_since = None

    # State

    def facts(self) -> ReseedFacts:
        """For the state of the appliance."""
        progress, outcome = self._progress, self._outcome
        remedy = None if outcome is None else outcome.remedy
        if progress is None:
            return ReseedFacts(self._is_deciding, 0, WANTED, remedy, self._rests_s())
        return ReseedFacts(True, progress.bundles, progress.wanted, remedy)

    def _rests_s(self) -> float | None:
        return max(0.0, self.next_at() - self._wall()) if self._is_resting else None

    def status(self) -> dict[str, Any]:
        """For ``status --json``."""
        outcome, now = self._outcome, self._wall()
        state = "off"
        if self._progress is not None:
            state = "fetching"
        elif self.is_on:
            state = "resting" if self._is_resting else "waiting"
        return {
            "state": state,
            "bundles": 0 if outcome is None else outcome.bundles,
            "routers": 0 if outcome is None else outcome.taken,
            "last_at": None if outcome is None else round(outcome.at),
            "last_error": None if outcome is None else outcome.error,
            "remedy": None if outcome is None else outcome.remedy,
            "next_in_s": max(0, round(self.next_at() - now)) if self.is_on else None,
            "signers": None if self._trust is None else self._trust.signers_left(now),
            "servers": {
                server.authority: self._attempts.of(server).outcome or None
                for server in self.servers
            },
        }
