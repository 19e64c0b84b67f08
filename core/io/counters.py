"""What the process counts: writes to the database, and collections of garbage."""

from __future__ import annotations

from collections.abc import Iterator

from core.base.counters import Counter
from core.io.database import Database
from core.io.garbage import GarbageCollection
from core.router import counters as router_counters

DATABASE_COUNTERS: tuple[Counter[Database], ...] = (
    Counter("process", "database_transactions", "Transactions written to the database",
            lambda d: d.transactions),
    Counter("process", "database_failures", "Transactions that could not be written",
            lambda d: d.failures),
)  # fmt: skip

GARBAGE_COUNTERS: tuple[Counter[GarbageCollection], ...] = (
    Counter("process", "garbage_frozen", "Times that long-lived objects were put aside",
            lambda g: g.frozen),
    Counter("process", "garbage_thawed", "Full collections of garbage", lambda g: g.thawed),
)  # fmt: skip


def counter_descriptions() -> Iterator[tuple[str, str, str, str]]:
    """(room, name, label, help) of everything in ``Router.counters``; label: "" if there is none.

    ``label`` says what tells the figures of one counter apart, such as ``reason``.
    """
    yield from router_counters.described()
    for counters in (DATABASE_COUNTERS, GARBAGE_COUNTERS):
        for one in counters:
            yield one.room, one.name, one.label, one.help
