"""Runs every tunnel on its own: one that cannot start is tried again and never stops another.

Each tunnel has one task that starts it, waits until it can carry traffic, watches it, and starts it
again after a failure, later each time. What is logged is the change, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.base.errors import I2PError, Unavailable
from i2ptunnel.config.own_doors import OwnDoors
from i2ptunnel.config.own_files import OwnFiles, key_file_of
from i2ptunnel.config.server_models import ServerSection
from i2ptunnel.config.tunnel_parts import TunnelSection
from i2ptunnel.health import Facts, assess_router
from i2ptunnel.health import State as HealthState
from i2ptunnel.key_watch import KeyWatch
from i2ptunnel.naming.resolver import Resolver
from i2ptunnel.relay.activation import ActivatedSockets
from i2ptunnel.relay.budget import ConnectionBudget
from i2ptunnel.sessions import SessionPool
from i2ptunnel.supervisor import RETRY_FIRST_S, RETRY_MAX_S, Entry, State, Supervisor
from i2ptunnel.tunnels.base import Tunnel, TunnelContext, no_facts

TunnelClasses = Mapping[str, type[Tunnel[Any]]]

_READY_POLL_S = 30.0
_WATCH_S = 0.5
_SETTLE_S = 0.02
_STOP_TIMEOUT_S = 1.2

_log = logging.getLogger("i2ptunnel.manager")


@dataclass(slots=True, kw_only=True)
class _Tunnel(Entry):
    """A tunnel of the configuration. ``keys_expire_s``: Unix seconds, None if they do not."""

    section: TunnelSection
    tunnel: Tunnel[Any] | None = None
    keys_expire_s: float | None = None

    @property
    def current_state(self) -> State:
        """The state, with a tunnel that lost its router tunnels seen as building."""
        is_down = self.state is State.READY and not (self.tunnel and self.tunnel.is_ready)
        return State.BUILDING if is_down else self.state


class Manager(Supervisor[_Tunnel]):
    """Owns all tunnels. Use it as ``async with``; :meth:`apply` gives it the tunnels to run."""

    FAILURE = "tunnel %s failed: %s; it is tried again"

    def __init__(
        self,
        classes: TunnelClasses,
        sessions: SessionPool,
        resolver: Resolver,
        data_dir: Path,
        retry_first_s: float = RETRY_FIRST_S,
        facts: Callable[[], Facts] = no_facts,
        budget: ConnectionBudget | None = None,
        sockets: ActivatedSockets | None = None,
    ) -> None:
        super().__init__(_log, retry_first_s)
        self._classes = classes
        self._sessions = sessions
        self._resolver = resolver
        self._data_dir = data_dir
        self._facts = facts
        self._budget = budget or ConnectionBudget()
        self._sockets = sockets or ActivatedSockets()
        self._own_files = OwnFiles(data_dir)
        self._own_doors = OwnDoors()

    async def __aenter__(self) -> Manager:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_all()

    def protect(self, files: OwnFiles, doors: OwnDoors) -> None:
        """What no tunnel may offer from now on; call it before :meth:`apply`."""
        self._own_files = files
        self._own_doors.doors = doors.doors  # tunnels that run ask the same object

    async def apply(self, sections: Mapping[str, TunnelSection]) -> None:
        """Run exactly these tunnels: unchanged ones go on, others stop, start or start anew.

        Options that can change while a tunnel runs do so, without a new start.
        """
        for name, section in sections.items():
            if name in self._entries:
                self._update(self._entries[name], section)
        gone = [
            entry for name, entry in self._entries.items() if sections.get(name) != entry.section
        ]
        await asyncio.gather(*(self._stop(entry) for entry in gone))
        for entry in gone:
            del self._entries[entry.name]
        for name, section in sections.items():
            if name not in self._entries:
                entry = self._entries[name] = _Tunnel(name=name, section=section)
                if section.enabled:
                    self._start(entry)
        self._entries = {name: self._entries[name] for name in sections}
        self._changed()

    @staticmethod
    def _update(entry: _Tunnel, section: TunnelSection) -> None:
        tunnel, old = entry.tunnel, entry.section
        if tunnel is None or section == old or section.TYPE != old.TYPE:
            return
        if section.enabled == old.enabled and tunnel.update(section):
            entry.section = section

    def can_update(self, name: str, section: TunnelSection) -> bool:
        """Whether a change of a tunnel needs no new start."""
        entry = self._entries.get(name)
        if entry is None or entry.tunnel is None or entry.section.TYPE != section.TYPE:
            return False
        return section.enabled == entry.section.enabled and entry.tunnel.can_update(section)

    async def stop_all(self) -> None:
        """Stop every tunnel; each gets a moment for its connections."""
        await asyncio.gather(*(self._stop(entry) for entry in self._entries.values()))
        await self._sessions.close_unused()

    async def start_one(self, name: str) -> None:
        """Start a stopped tunnel, or try a failed one at once; KeyError if there is none."""
        entry = self._entries[name]
        await self._stop(entry)
        await self._sessions.close_unused()  # begin with new tunnels, and know nothing from before
        self._own_doors.add(name, entry.section)
        self._start(entry)

    async def stop_one(self, name: str) -> None:
        """Stop a tunnel until it is started again; KeyError if there is none."""
        await self._stop(self._entries[name])

    @property
    def is_ready(self) -> bool:
        """Whether every tunnel that should run can carry traffic."""
        ready, running = self.counts
        return ready == running

    @property
    def counts(self) -> tuple[int, int]:
        """(tunnels that are ready, tunnels that should run)."""
        running = [entry for entry in self._entries.values() if entry.task is not None]
        ready = [entry for entry in running if entry.current_state is State.READY]
        return len(ready), len(running)

    async def settle(self, names: Collection[str], timeout_s: float) -> None:
        """Wait until these tunnels have started or failed, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while any(
                    entry.task is not None and entry.state in (State.STOPPED, State.STARTING)
                    for name, entry in self._entries.items()
                    if name in names
                ):
                    await asyncio.sleep(_SETTLE_S)

    def status(self) -> list[dict[str, Any]]:
        """One dictionary for each tunnel, in the order of the configuration."""
        return list(self.statuses())

    def statuses(self) -> Iterator[dict[str, Any]]:
        """The same one by one, for those who share the loop's turns."""
        return map(_status_of, list(self._entries.values()))

    def status_of(self, name: str) -> dict[str, Any]:
        """That of one tunnel; KeyError if there is none."""
        return _status_of(self._entries[name])

    def _pause_s(self, entry: _Tunnel, last_s: float, life_s: float) -> float:
        return super()._pause_s(entry, 0.0 if life_s > RETRY_MAX_S else last_s, life_s)

    async def _run(self, entry: _Tunnel) -> None:
        """One life of a tunnel; raises when it is over."""
        context = TunnelContext(
            name=entry.name,
            data_dir=self._data_dir,
            open_session=self._sessions.open,
            resolver=self._resolver,
            logger=logging.getLogger(f"i2ptunnel.tunnel.{entry.name}"),
            release_session=self._sessions.release,
            facts=self._facts,
            own_files=self._own_files,
            own_doors=self._own_doors,
            budget=self._budget,
            sockets=self._sockets,
        )
        tunnel = self._classes[entry.section.TYPE](entry.section, context)
        entry.tunnel = tunnel
        try:
            # Before the start: keys that are replaced while it goes on are seen as changed.
            key_watches = await self._key_watches(entry, context.logger)
            await tunnel.start()
            self._set(entry, State.BUILDING)
            await self._watch_all(entry, tunnel, key_watches)
        finally:
            entry.tunnel = None
            await self._stop_tunnel(entry, tunnel)

    async def _key_watches(self, entry: _Tunnel, logger: logging.Logger) -> list[KeyWatch]:
        """For keys that have an end; raises FileFault."""
        section = entry.section
        files = [key_file_of(entry.name, section)]
        is_encrypted = isinstance(section, ServerSection) and section.encrypted.enabled
        if isinstance(section, ServerSection) and section.meta is not None:
            files.append(section.meta.keys)
        watches = [
            await asyncio.to_thread(
                KeyWatch, self._data_dir / keys, logger, is_encrypted=is_encrypted
            )
            for keys in files
            if keys is not None
        ]
        ends = {watch: watch.expires_s for watch in watches if watch.expires_s is not None}
        entry.keys_expire_s = min(ends.values(), default=None)
        return list(ends)

    async def _watch_all(
        self, entry: _Tunnel, tunnel: Tunnel[Any], key_watches: list[KeyWatch]
    ) -> None:
        """Follow readiness, and the keys if they have an end; raises what either raises."""
        watches = [asyncio.ensure_future(self._watch(entry, tunnel))]
        watches += [asyncio.ensure_future(watch.keep()) for watch in key_watches]
        try:
            done, _ = await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            for one in watches:
                one.cancel()
            await asyncio.gather(*watches, return_exceptions=True)

    async def _watch(self, entry: _Tunnel, tunnel: Tunnel[Any]) -> None:
        """Follow a started tunnel's readiness; raises Unavailable when its session has ended."""
        while True:
            await self._until_ready(entry, tunnel)
            entry.last_error = None
            self._set(entry, State.READY)
            _log.info("tunnel %s ready (%s)", entry.name, entry.section.TYPE)
            await _until_lost(tunnel)
            if tunnel.fault() is None:
                self._set(entry, State.BUILDING)
                health = assess_router(self._facts())
                is_well = health.state is HealthState.READY
                why = "building new ones" if is_well else health.words
                _log.warning("tunnel %s lost its router tunnels: %s", entry.name, why)

    async def _until_ready(self, entry: _Tunnel, tunnel: Tunnel[Any]) -> None:
        while not tunnel.is_ready:
            fault = tunnel.fault()
            if fault is not None and tunnel.RESTARTS_ON_FAULT:
                raise Unavailable(fault, code="closed")
            if fault is not None:
                self._report(entry, fault)
                self._set(entry, State.FAILED)
                await asyncio.sleep(_WATCH_S)
            else:
                self._set(entry, State.BUILDING)
                await _wait_ready(tunnel)
            _check_alive(tunnel)

    @staticmethod
    async def _stop_tunnel(entry: _Tunnel, tunnel: Tunnel[Any]) -> None:
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await tunnel.stop()
        except TimeoutError:
            _log.warning("tunnel %s took too long to stop", entry.name)
        except (I2PError, OSError) as error:
            _log.warning("tunnel %s did not stop cleanly: %s", entry.name, error)


def _status_of(entry: _Tunnel) -> dict[str, Any]:
    known = entry.tunnel.status() if entry.tunnel is not None else {}
    last_error = entry.last_error or known.get("last_error")
    known.update(
        entry.status(),
        name=entry.name,
        type=entry.section.TYPE,
        state=entry.current_state.value,
        ready=entry.current_state is State.READY,
        last_error=last_error,
    )
    if entry.keys_expire_s is not None:
        known["keys_expire"] = int(entry.keys_expire_s)
    return known


async def _wait_ready(tunnel: Tunnel[Any]) -> None:
    try:
        await tunnel.wait_ready(_READY_POLL_S)
    except Unavailable as error:
        if error.code != "tunnels_not_ready":
            raise
    # A tunnel may need more than its session: look again soon, without spinning.
    await asyncio.sleep(_SETTLE_S)


async def _until_lost(tunnel: Tunnel[Any]) -> None:
    while tunnel.is_ready and not tunnel.failed.is_set():
        await asyncio.sleep(_WATCH_S)
    _check_alive(tunnel)


def _check_alive(tunnel: Tunnel[Any]) -> None:
    if tunnel.failed.is_set():
        raise Unavailable(tunnel.last_error or "the I2P session ended", code="closed")
