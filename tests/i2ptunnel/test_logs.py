"""The log keeps to its budget, says repeated lines once, and never breaks a line."""

from __future__ import annotations

import io
import json
import logging

from i2ptunnel.logs import BudgetHandler, JsonFormatter, TextFormatter


def record(message: str, at: float = 0.0, level: int = logging.INFO) -> logging.LogRecord:
    entry = logging.LogRecord("i2ptunnel.x", level, "", 0, message, (), None)
    entry.created = at
    return entry


def handler(burst: float = 1e6) -> tuple[BudgetHandler, io.StringIO]:
    stream = io.StringIO()
    made = BudgetHandler(stream, budget_burst=burst)
    made.setFormatter(logging.Formatter("%(message)s"))
    return made, stream


def test_repeats_are_counted() -> None:
    logs, stream = handler()
    for second in range(59):
        logs.emit(record("again", second))
    logs.emit(record("other", 59))
    logs.emit(record("again", 61))
    assert stream.getvalue().splitlines() == ["again", "other", "again (… 58 times more since)"]


def test_a_flood_stays_within_the_budget() -> None:
    logs, stream = handler(burst=10_000)
    for number in range(200_000):
        logs.emit(record(f"line {number}", at=number / 100))
    seconds = 2000
    written = len(stream.getvalue())
    assert written < 10_000 + 320 * seconds
    assert "log lines were left out" in stream.getvalue()


def test_text_and_journal_forms() -> None:
    line = TextFormatter().format(record("two\nlines \x1b[31m", level=logging.WARNING))
    assert line.endswith(" warning two\\nlines \\x1b[31m")
    assert TextFormatter(is_journal=True).format(record("x")) == "<6>x"


def test_json_form() -> None:
    entry = json.loads(JsonFormatter().format(record("héllo\n", at=1.5)))
    assert entry == {
        "time": 1.5,
        "level": "info",
        "logger": "i2ptunnel.x",
        "message": "héllo\\n",
    }


def test_a_closed_log_does_not_matter() -> None:
    logs, stream = handler()
    stream.close()
    logs.emit(record("x"))
