"""Everything of ours that listens, besides tunnels and the router's transports.

A service is made from its part of the configuration. What is unchanged goes on over a reload, what
changed is started anew, what is gone is stopped. One that cannot start is tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from i2ptunnel.supervisor import RETRY_FIRST_S, Entry, State, Supervisor

#: how often a service is asked whether it still listens
CHECK_S = 60.0

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


@dataclass(slots=True, kw_only=True)
class _Service(Entry):
    """A service of the configuration. ``tried``: the first start is over, well or not."""

    wanted: Wanted
    service: Service | None = None
    tried: asyncio.Event = field(default_factory=asyncio.Event)


class Services(Supervisor[_Service]):
    """Owns all services: :meth:`apply` gives it those to run."""

    FAILURE = "%s: %s; it is tried again"

    def __init__(self, retry_first_s: float = RETRY_FIRST_S, check_s: float = CHECK_S) -> None:
        super().__init__(_log, retry_first_s)
        self._check_s = check_s

    async def apply(self, wanted: Mapping[str, Wanted]) -> None:
        """Run exactly these. Returns when each has started, or has failed for the first time."""
        gone = [
            entry
            for name, entry in self._entries.items()
            if name not in wanted or wanted[name].settings != entry.wanted.settings
        ]
        await self._drop(gone)
        for name, one in wanted.items():
            if name not in self._entries:
                entry = self._entries[name] = _Service(name=name, wanted=one)
                self._start(entry)
        self._entries = {name: self._entries[name] for name in wanted}
        await asyncio.gather(*(entry.tried.wait() for entry in self._entries.values()))

    def check(self) -> None:
        """Look at once whether each still listens, and try failed ones now."""
        for entry in self._entries.values():
            entry.wake.set()

    async def stop(self) -> None:
        """Stop all of them. Safe to call twice."""
        await self._drop(self._entries.values())

    def running(self, name: str) -> Service | None:
        """A service that listens now, None if it does not."""
        entry = self._entries.get(name)
        is_listening = entry is not None and entry.state is State.LISTENING
        return entry.service if entry is not None and is_listening else None

    def status(self) -> dict[str, dict[str, Any]]:
        """Name -> state and figures, in the order of :meth:`apply`."""
        return {
            entry.name: {
                **(entry.service.status() if entry.service is not None else {}),
                **entry.status(),
            }
            for entry in self._entries.values()
        }

    async def _drop(self, entries: Iterable[_Service]) -> None:
        gone = list(entries)
        for entry in gone:
            del self._entries[entry.name]
        await asyncio.gather(*(self._stop(entry) for entry in gone))

    def _pause_s(self, entry: _Service, last_s: float, life_s: float) -> float:
        if entry.state is State.LISTENING:
            return 0.0  # what was lost, and not refused, can be had again as a rule
        return super()._pause_s(entry, last_s, life_s)

    def _has_failed(self, entry: _Service) -> None:
        entry.tried.set()

    async def _run(self, entry: _Service) -> None:
        """One life of a service; raises when it is over."""
        service = entry.wanted.make()
        entry.service = service
        try:
            await service.start()
            if entry.last_error is not None:
                _log.warning("%s: listening again", entry.name)
            entry.last_error = None
            entry.retries = 0
            self._set(entry, State.LISTENING)
            entry.tried.set()
            while True:
                await entry.sleep(self._check_s)
                await service.check()
        finally:
            entry.service = None
            await service.stop()
