"""One supervisor for everything of ours that listens, besides tunnels and the router's transports.

A service is made from its part of the configuration. What is unchanged goes on over a reload, what
changed is started anew, what is gone is stopped. One that cannot start keeps nothing else from
running: it is tried again, later each time, and what is logged is the change, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from core.base.errors import I2PError

#: how often a service is asked whether it still listens
CHECK_S = 60.0
_RETRY_FIRST_S = 1.0
_RETRY_MAX_S = 60.0

_log = logging.getLogger("i2ptunnel.services")


class Service(Protocol):
    """Something that listens. An object of it lives from one start to one stop."""

    async def start(self) -> None:
        """Listen; raises I2PError or OSError, and nothing is left open then."""

    async def stop(self) -> None:
        """End all connections and give everything back; may be called in any state."""

    async def check(self) -> None:
        """Raise Unavailable if nobody can reach it any more."""

    def status(self) -> dict[str, Any]:
        """What ``status --json`` shows of it: ``listen``, and figures of its own."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A service of the configuration. It goes on over a reload while ``settings`` are equal."""

    make: Callable[[], Service]
    settings: object = None


class ServiceState(StrEnum):
    """What a service is doing."""

    STARTING = "starting"
    LISTENING = "listening"
    FAILED = "failed"


@dataclass(slots=True)
class _Entry:
    """A service and its task. ``tried``: the first start is over, well or not."""

    name: str
    wanted: Wanted
    state: ServiceState = ServiceState.STARTING
    service: Service | None = None
    task: asyncio.Task[None] | None = None
    last_error: str | None = None
    retries: int = 0
    retry_at: float | None = None
    since: float = field(default_factory=time.monotonic)
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    check: asyncio.Event = field(default_factory=asyncio.Event)


class Services:
    """Owns all services: :meth:`apply` gives it those to run."""

    def __init__(self, retry_first_s: float = _RETRY_FIRST_S, check_s: float = CHECK_S) -> None:
        self._retry_first_s = retry_first_s
        self._check_s = check_s
        self._entries: dict[str, _Entry] = {}

    async def apply(self, wanted: Mapping[str, Wanted]) -> None:
        """Run exactly these. Returns when each has started, or has failed for the first time."""
        gone = [
            entry
            for name, entry in self._entries.items()
            if name not in wanted or wanted[name].settings != entry.wanted.settings
        ]
        await asyncio.gather(*(self._stop(entry) for entry in gone))
        for name, one in wanted.items():
            if name not in self._entries:
                entry = self._entries[name] = _Entry(name, one)
                entry.task = asyncio.create_task(self._supervise(entry), name=f"service {name}")
        self._entries = {name: self._entries[name] for name in wanted}
        await asyncio.gather(*(entry.tried.wait() for entry in self._entries.values()))

    def check(self) -> None:
        """Look at once whether each still listens, and try failed ones now."""
        for entry in self._entries.values():
            entry.check.set()

    async def stop(self) -> None:
        """Stop all of them. Safe to call twice."""
        await asyncio.gather(*(self._stop(entry) for entry in list(self._entries.values())))

    @property
    def failed(self) -> dict[str, str]:
        """Services that cannot run, with the reason."""
        return {
            entry.name: entry.last_error or "unknown"
            for entry in self._entries.values()
            if entry.state is ServiceState.FAILED
        }

    def status(self) -> dict[str, dict[str, Any]]:
        """Name -> state and figures, in the order of :meth:`apply`."""
        now = time.monotonic()
        return {
            entry.name: {
                **(entry.service.status() if entry.service is not None else {}),
                "state": entry.state.value,
                "since_s": round(now - entry.since, 1),
                "retries": entry.retries,
                "retry_in_s": round(max(0.0, entry.retry_at - now), 1) if entry.retry_at else None,
                "last_error": entry.last_error,
            }
            for entry in self._entries.values()
        }

    async def _stop(self, entry: _Entry) -> None:
        self._entries.pop(entry.name, None)
        if entry.task is not None:
            entry.task.cancel()
            await asyncio.wait([entry.task])

    @staticmethod
    def _set(entry: _Entry, state: ServiceState) -> None:
        if entry.state is not state:
            entry.state = state
            entry.since = time.monotonic()

    async def _supervise(self, entry: _Entry) -> None:
        delay_s = self._retry_first_s
        while True:
            self._set(entry, ServiceState.STARTING)
            error: Exception
            try:
                await self._run(entry)
            except (I2PError, OSError) as fault:
                error = fault
            except Exception as fault:
                _log.exception("%s ended with an error of ours", entry.name)
                error = fault
            was_listening = entry.state is ServiceState.LISTENING
            self._report(entry, str(error) or type(error).__name__)
            self._set(entry, ServiceState.FAILED)
            entry.retries += 1
            entry.tried.set()
            if was_listening:
                # What was lost, and not refused, can be had again as a rule.
                delay_s = self._retry_first_s
                continue
            entry.retry_at = time.monotonic() + delay_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay_s):
                    await entry.check.wait()
            entry.check.clear()
            entry.retry_at = None
            delay_s = min(delay_s * 2, _RETRY_MAX_S)

    @staticmethod
    def _report(entry: _Entry, text: str) -> None:
        if text != entry.last_error:
            _log.error("%s: %s; it is tried again", entry.name, text)
        entry.last_error = text

    async def _run(self, entry: _Entry) -> None:
        """One life of a service; raises when it is over."""
        service = entry.wanted.make()
        entry.service = service
        try:
            await service.start()
            if entry.last_error is not None:
                _log.warning("%s: listening again", entry.name)
            entry.last_error = None
            entry.retries = 0
            self._set(entry, ServiceState.LISTENING)
            entry.tried.set()
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._check_s):
                        await entry.check.wait()
                entry.check.clear()
                await service.check()
        finally:
            entry.service = None
            await service.stop()
