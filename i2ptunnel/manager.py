"""Runs every tunnel on its own: one that cannot start is tried again and never stops another.

Each tunnel has one task that starts it, waits until it can carry traffic, watches it, and starts it
again after a failure, later each time. What is logged is the change, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from core.base.errors import I2PError, Unavailable
from i2ptunnel.config.own_doors import OwnDoors
from i2ptunnel.config.own_files import OwnFiles, key_file_of
from i2ptunnel.config.server_models import ServerSection
from i2ptunnel.config.tunnel_parts import TunnelSection
from i2ptunnel.health import Facts
from i2ptunnel.key_watch import KeyWatch
from i2ptunnel.naming.resolver import Resolver
from i2ptunnel.relay.budget import ConnectionBudget
from i2ptunnel.sessions import SessionPool
from i2ptunnel.tunnels.base import Tunnel, TunnelContext, no_facts

TunnelClasses = Mapping[str, type[Tunnel[Any]]]

_RETRY_FIRST_S = 1.0
_RETRY_MAX_S = 60.0
_READY_POLL_S = 30.0
_WATCH_S = 0.5
_SETTLE_S = 0.02
_STOP_TIMEOUT_S = 1.2

_log = logging.getLogger("i2ptunnel.manager")


class TunnelState(Enum):
    """What a tunnel is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"


@dataclass(slots=True)
class _Entry:
    """A tunnel of the configuration and its task."""

    name: str
    section: TunnelSection
    state: TunnelState = TunnelState.STOPPED
    tunnel: Tunnel[Any] | None = None
    task: asyncio.Task[None] | None = None
    last_error: str | None = None
    retries: int = 0
    retry_at: float | None = None
    keys_expire_s: float | None = None
    since: float = field(default_factory=time.monotonic)

    @property
    def current_state(self) -> TunnelState:
        """The state, with a tunnel that lost its router tunnels seen as building."""
        is_down = self.state is TunnelState.READY and not (self.tunnel and self.tunnel.is_ready)
        return TunnelState.BUILDING if is_down else self.state


class Manager:
    """Owns all tunnels. Use it as ``async with``; :meth:`apply` gives it the tunnels to run."""

    def __init__(
        self,
        classes: TunnelClasses,
        sessions: SessionPool,
        resolver: Resolver,
        data_dir: Path,
        retry_first_s: float = _RETRY_FIRST_S,
        facts: Callable[[], Facts] = no_facts,
        budget: ConnectionBudget | None = None,
    ) -> None:
        self._classes = classes
        self._sessions = sessions
        self._resolver = resolver
        self._data_dir = data_dir
        self._retry_first_s = retry_first_s
        self._facts = facts
        self._budget = budget or ConnectionBudget()
        self._own_files = OwnFiles(data_dir)
        self._own_doors = OwnDoors()
        self._entries: dict[str, _Entry] = {}
        self._observers: list[Callable[[], None]] = []

    async def __aenter__(self) -> Manager:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_all()

    def on_change(self, observer: Callable[[], None]) -> None:
        """Call ``observer`` after each change of a tunnel's state."""
        self._observers.append(observer)

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
                entry = self._entries[name] = _Entry(name, section)
                if section.enabled:
                    self._start(entry)
        self._entries = {name: self._entries[name] for name in sections}
        self._changed()

    @staticmethod
    def _update(entry: _Entry, section: TunnelSection) -> None:
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
        ready = [entry for entry in running if entry.current_state is TunnelState.READY]
        return len(ready), len(running)

    async def settle(self, names: Collection[str], timeout_s: float) -> None:
        """Wait until these tunnels have started or failed, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while any(
                    entry.task is not None
                    and entry.state in (TunnelState.STOPPED, TunnelState.STARTING)
                    for name, entry in self._entries.items()
                    if name in names
                ):
                    await asyncio.sleep(_SETTLE_S)

    @property
    def failed(self) -> dict[str, str]:
        """Tunnels that should run and cannot, with the reason."""
        return {
            entry.name: entry.last_error or "unknown"
            for entry in self._entries.values()
            if entry.task is not None and entry.state is TunnelState.FAILED
        }

    def status(self) -> list[dict[str, Any]]:
        """One dictionary for each tunnel, in the order of the configuration."""
        now = time.monotonic()
        result = []
        for entry in self._entries.values():
            known = entry.tunnel.status() if entry.tunnel is not None else {}
            known.update(
                name=entry.name,
                type=entry.section.TYPE,
                state=entry.current_state.value,
                ready=entry.current_state is TunnelState.READY,
                since_s=round(now - entry.since, 1),
                retries=entry.retries,
                retry_in_s=round(max(0.0, entry.retry_at - now), 1) if entry.retry_at else None,
            )
            if entry.keys_expire_s is not None:
                known["keys_expire"] = int(entry.keys_expire_s)
            known["last_error"] = entry.last_error or known.get("last_error")
            result.append(known)
        return result

    def _changed(self) -> None:
        for observer in self._observers:
            observer()

    def _set(self, entry: _Entry, state: TunnelState) -> None:
        if entry.state is not state:
            entry.state = state
            entry.since = time.monotonic()
            self._changed()

    def _start(self, entry: _Entry) -> None:
        entry.task = asyncio.create_task(self._supervise(entry), name=f"tunnel {entry.name}")

    async def _stop(self, entry: _Entry) -> None:
        task, entry.task = entry.task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])
        self._set(entry, TunnelState.STOPPED)

    async def _supervise(self, entry: _Entry) -> None:
        delay_s = self._retry_first_s
        while True:
            began = time.monotonic()
            self._set(entry, TunnelState.STARTING)
            error: Exception
            try:
                await self._run(entry)
            except (I2PError, OSError) as fault:
                error = fault
            except Exception as fault:
                _log.exception("tunnel %s ended with an error of ours", entry.name)
                error = fault
            self._report(entry, str(error) or type(error).__name__)
            if time.monotonic() - began > _RETRY_MAX_S:
                delay_s = self._retry_first_s
            entry.retry_at = time.monotonic() + delay_s
            entry.retries += 1
            self._set(entry, TunnelState.FAILED)
            await asyncio.sleep(delay_s)
            entry.retry_at = None
            delay_s = min(delay_s * 2, _RETRY_MAX_S)

    def _report(self, entry: _Entry, text: str) -> None:
        if text != entry.last_error:
            _log.error("tunnel %s failed: %s; it is tried again", entry.name, text)
        entry.last_error = text

    async def _run(self, entry: _Entry) -> None:
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
        )
        tunnel = self._classes[entry.section.TYPE](entry.section, context)
        entry.tunnel = tunnel
        try:
            # Before the start: keys that are replaced while it goes on are seen as changed.
            key_watch = await self._key_watch(entry, context.logger)
            await tunnel.start()
            self._set(entry, TunnelState.BUILDING)
            await self._watch_all(entry, tunnel, key_watch)
        finally:
            entry.tunnel = None
            await self._stop_tunnel(entry, tunnel)

    async def _key_watch(self, entry: _Entry, logger: logging.Logger) -> KeyWatch | None:
        """For keys that have an end; raises FileFault."""
        keys = key_file_of(entry.name, entry.section)
        if keys is None:
            entry.keys_expire_s = None
            return None
        section = entry.section
        is_encrypted = isinstance(section, ServerSection) and section.encrypted.enabled
        path = self._data_dir / keys
        watch = await asyncio.to_thread(KeyWatch, path, logger, is_encrypted=is_encrypted)
        entry.keys_expire_s = watch.expires_s
        return None if watch.expires_s is None else watch

    async def _watch_all(
        self, entry: _Entry, tunnel: Tunnel[Any], key_watch: KeyWatch | None
    ) -> None:
        """Follow readiness, and the keys if they have an end; raises what either raises."""
        watches = [asyncio.ensure_future(self._watch(entry, tunnel))]
        if key_watch is not None:
            watches.append(asyncio.ensure_future(key_watch.keep()))
        try:
            done, _ = await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            for one in watches:
                one.cancel()
            await asyncio.gather(*watches, return_exceptions=True)

    async def _watch(self, entry: _Entry, tunnel: Tunnel[Any]) -> None:
        """Follow a started tunnel's readiness; raises Unavailable when its session has ended."""
        while True:
            await self._until_ready(entry, tunnel)
            entry.last_error = None
            self._set(entry, TunnelState.READY)
            _log.info("tunnel %s ready (%s)", entry.name, entry.section.TYPE)
            await _until_lost(tunnel)
            if tunnel.fault() is None:
                self._set(entry, TunnelState.BUILDING)
                _log.warning("tunnel %s lost its router tunnels; building new ones", entry.name)

    async def _until_ready(self, entry: _Entry, tunnel: Tunnel[Any]) -> None:
        while not tunnel.is_ready:
            fault = tunnel.fault()
            if fault is not None and tunnel.RESTARTS_ON_FAULT:
                raise Unavailable(fault, code="closed")
            if fault is not None:
                self._report(entry, fault)
                self._set(entry, TunnelState.FAILED)
                await asyncio.sleep(_WATCH_S)
            else:
                self._set(entry, TunnelState.BUILDING)
                await _wait_ready(tunnel)
            _check_alive(tunnel)

    @staticmethod
    async def _stop_tunnel(entry: _Entry, tunnel: Tunnel[Any]) -> None:
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await tunnel.stop()
        except TimeoutError:
            _log.warning("tunnel %s took too long to stop", entry.name)
        except (I2PError, OSError) as error:
            _log.warning("tunnel %s did not stop cleanly: %s", entry.name, error)


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
