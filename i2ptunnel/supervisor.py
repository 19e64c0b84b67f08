"""Runs things that may fail, each on its own task: after a failure again, later each time.

What cannot run keeps nothing else from running. What is logged is the change, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from core.base.errors import I2PError

RETRY_FIRST_S = 1.0
RETRY_MAX_S = 60.0


class State(StrEnum):
    """What a supervised entry is doing: tunnels build and are ready, services listen."""

    STOPPED = "stopped"
    STARTING = "starting"
    BUILDING = "building"
    READY = "ready"
    LISTENING = "listening"
    FAILED = "failed"


@dataclass(slots=True, kw_only=True)
class Entry:
    """One of what a supervisor runs. ``since`` and ``retry_at`` are monotonic seconds.

    ``last_error`` is for the user, None once all is well. ``wake`` ends a pause, and whatever a
    life of the entry waits for.
    """

    name: str
    state: State = State.STOPPED
    task: asyncio.Task[None] | None = None
    last_error: str | None = None
    retries: int = 0
    retry_at: float | None = None
    since: float = field(default_factory=time.monotonic)
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_failed(self) -> bool:
        """Whether it should run and cannot."""
        return self.task is not None and self.state is State.FAILED

    def status(self) -> dict[str, Any]:
        """State, failures and times in seconds, for ``status --json``."""
        now = time.monotonic()
        return {
            "state": self.state.value,
            "since_s": round(now - self.since, 1),
            "retries": self.retries,
            "retry_in_s": round(max(0.0, self.retry_at - now), 1) if self.retry_at else None,
            "last_error": self.last_error,
        }

    async def sleep(self, seconds: float) -> None:
        """Until ``wake`` is set, which is cleared then, or so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.wake.wait()
        self.wake.clear()


def _words(fault: Exception) -> str:
    """What went wrong, for people: they know no numbers of errors."""
    if isinstance(fault, OSError) and fault.strerror:
        where = f"{fault.filename}: " if fault.filename else ""
        return f"{where}{fault.strerror.lower()}"
    return str(fault) or type(fault).__name__


EntryT = TypeVar("EntryT", bound=Entry)


class Supervisor(ABC, Generic[EntryT]):
    """Owns entries by name, in the order in which users see them."""

    #: a log line: (name, reason) of a failure
    FAILURE: ClassVar[str]

    def __init__(self, log: logging.Logger, retry_first_s: float = RETRY_FIRST_S) -> None:
        self._log = log
        self._retry_first_s = retry_first_s
        self._entries: dict[str, EntryT] = {}
        self._observers: list[Callable[[], None]] = []

    def on_change(self, observer: Callable[[], None]) -> None:
        """Call ``observer`` after each change of an entry's state."""
        self._observers.append(observer)

    @property
    def failed(self) -> dict[str, str]:
        """Entries that should run and cannot, with the reason."""
        failed = [entry for entry in self._entries.values() if entry.is_failed]
        return {entry.name: entry.last_error or "unknown" for entry in failed}

    @abstractmethod
    async def _run(self, entry: EntryT) -> None:
        """One life of an entry, which never ends but by an exception."""

    def _pause_s(self, entry: EntryT, last_s: float, life_s: float) -> float:
        """How long to wait after a life of ``life_s``; ``last_s``: the pause before, 0 at first."""
        return min(max(2 * last_s, self._retry_first_s), RETRY_MAX_S)

    def _has_failed(self, entry: EntryT) -> None:
        """A life is over; the pause comes next."""

    def _changed(self) -> None:
        for observer in self._observers:
            observer()

    def _set(self, entry: EntryT, state: State) -> None:
        if entry.state is not state:
            entry.state = state
            entry.since = time.monotonic()
            self._changed()

    def _report(self, entry: EntryT, text: str) -> None:
        if text != entry.last_error:
            self._log.error(self.FAILURE, entry.name, text)
        entry.last_error = text

    def _start(self, entry: EntryT) -> None:
        entry.task = asyncio.create_task(self._supervise(entry), name=f"supervise {entry.name}")

    async def _stop(self, entry: EntryT) -> None:
        """End its task; harmless if it has none."""
        task, entry.task = entry.task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])
        entry.retry_at = None
        self._set(entry, State.STOPPED)

    async def _supervise(self, entry: EntryT) -> None:
        pause_s = 0.0
        while True:
            began = time.monotonic()
            self._set(entry, State.STARTING)
            try:
                await self._run(entry)
            except (I2PError, OSError) as fault:
                self._report(entry, _words(fault))
            except Exception as error:
                # A bug of ours: users can only report it, and where it is interests who mends it.
                self._report(entry, f"internal error ({type(error).__name__}), please report it")
                self._log.debug("%s: internal error", entry.name, exc_info=True)
            pause_s = self._pause_s(entry, pause_s, time.monotonic() - began)
            entry.retry_at = time.monotonic() + pause_s if pause_s else None
            entry.retries += 1
            self._set(entry, State.FAILED)
            self._has_failed(entry)
            if pause_s:
                await entry.sleep(pause_s)
            entry.retry_at = None
