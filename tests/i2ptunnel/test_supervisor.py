"""What tunnels and services have in common: lives, pauses between them, and what is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from core.base.errors import Unavailable
from i2ptunnel.supervisor import RETRY_MAX_S, Entry, State, Supervisor

_log = logging.getLogger("test")


class Lives(Supervisor[Entry]):
    """Each life ends with the next of ``ends``; one goes on for good when there are no more."""

    FAILURE = "%s: %s"

    def __init__(self, *ends: Exception) -> None:
        super().__init__(_log)
        self.ends = list(ends)
        self.pauses: list[float] = []
        self.entry = self._entries["one"] = Entry(name="one")

    async def _run(self, entry: Entry) -> None:
        if self.ends:
            raise self.ends.pop(0)
        self._set(entry, State.READY)
        await asyncio.Event().wait()

    def _pause_s(self, entry: Entry, last_s: float, life_s: float) -> float:
        self.pauses.append(super()._pause_s(entry, last_s, life_s))
        entry.wake.set()  # as if somebody had it tried at once
        return self.pauses[-1]

    async def until(self, what: Callable[[], bool]) -> None:
        self._start(self.entry)
        async with asyncio.timeout(5):
            while not what():
                await asyncio.sleep(0)

    async def stop(self) -> None:
        await self._stop(self.entry)


def test_pauses_grow_up_to_a_minute_and_an_order_ends_them() -> None:
    async def main() -> None:
        lives = Lives(*(OSError(f"try {n}") for n in range(9)))
        await lives.until(lambda: lives.entry.state is State.READY)
        assert lives.pauses == [1, 2, 4, 8, 16, 32, *[RETRY_MAX_S] * 3]
        assert lives.entry.retries == 9 and lives.entry.last_error == "try 8"
        assert not lives.failed
        await lives.stop()
        assert lives.entry.status()["state"] == "stopped"
        await lives.stop()

    asyncio.run(main())


def test_a_failure_is_told_once_and_where_it_was_only_to_who_looks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)

    async def main() -> None:
        same = Unavailable("cannot listen", code="cannot_listen")
        lives = Lives(same, same, ZeroDivisionError())
        await lives.until(lambda: lives.entry.state is State.READY)
        await lives.stop()

    asyncio.run(main())
    told = [
        (record.levelname, record.getMessage(), record.exc_info is not None)
        for record in caplog.records
        if record.name == "test"
    ]
    assert told == [
        ("ERROR", "one: cannot listen", False),
        ("ERROR", "one: internal error (ZeroDivisionError), please report it", False),
        ("DEBUG", "one: internal error", True),
    ]


def test_what_waits_to_be_tried_again_is_failed_until_it_is_stopped() -> None:
    class Patient(Lives):
        def _pause_s(self, entry: Entry, last_s: float, life_s: float) -> float:
            return 1000.0

    async def main() -> None:
        lives = Patient(OSError("no room"))
        changes: list[State] = []
        lives.on_change(lambda: changes.append(lives.entry.state))
        await lives.until(lambda: lives.entry.state is State.FAILED)
        assert lives.failed == {"one": "no room"}
        assert 999 < lives.entry.status()["retry_in_s"] <= 1000
        await lives.stop()
        assert lives.failed == {}
        assert lives.entry.status()["retry_in_s"] is None
        assert changes == [State.STARTING, State.FAILED, State.STOPPED]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            IsADirectoryError(21, "Is a directory", "/x/control.sock"),
            "/x/control.sock: is a directory",
        ),
        (OSError(98, "Address already in use"), "address already in use"),
        (OSError("all is lost"), "all is lost"),
        (OSError(), "OSError"),
    ],
)
def test_a_failure_of_the_system_is_told_in_words(fault: OSError, words: str) -> None:
    async def main() -> None:
        lives = Lives(fault)
        await lives.until(lambda: lives.entry.state is State.READY)
        assert lives.entry.last_error == words
        await lives.stop()

    asyncio.run(main())
