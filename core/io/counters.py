"""What the process counts: writes to the database, collections of garbage, time servers."""

from __future__ import annotations

from collections.abc import Iterator

from core.base.counters import Counter
from core.base.sntp_client import SntpClient
from core.io.database import Database
from core.io.garbage import GarbageCollection
from core.router import counters as router_counters

DATABASE_COUNTERS: tuple[Counter[Database], ...] = (
    Counter("process", "database_transactions", "Transactions written to the database",
            lambda d: d.transactions),
    Counter("process", "database_failures", "Transactions that could not be written",
            lambda d: d.failures),
    Counter("process", "database_forgotten", "Changes forgotten since the disk was full too long",
            lambda d: d.forgotten),
)  # fmt: skip

GARBAGE_COUNTERS: tuple[Counter[GarbageCollection], ...] = (
    Counter("process", "garbage_frozen", "Times that long-lived objects were put aside",
            lambda g: g.frozen),
    Counter("process", "garbage_thawed", "Full collections of garbage", lambda g: g.thawed),
)  # fmt: skip

TIME_COUNTERS: tuple[Counter[SntpClient], ...] = (
    Counter("process", "time_rounds", "Times that all time servers were asked",
            lambda c: c.rounds),
    Counter("process", "time_agreements", "Rounds in which enough time servers agreed",
            lambda c: c.agreements),
    Counter("process", "time_answers", "Answers of time servers by what became of them",
            lambda c: {"taken": c.answers, "ignored": c.ignored, "refused": c.refusals}, "result"),
)  # fmt: skip


def counter_descriptions() -> Iterator[tuple[str, str, str, str]]:
    """(room, name, label, help) of everything in ``Router.counters``; label: "" if there is none.

    ``label`` says what tells the figures of one counter apart, such as ``reason``.
    """
    yield from router_counters.described()
    for counters in (DATABASE_COUNTERS, GARBAGE_COUNTERS, TIME_COUNTERS):
        for one in counters:
            yield one.room, one.name, one.label, one.help
