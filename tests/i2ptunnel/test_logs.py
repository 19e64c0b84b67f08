"""The log keeps to its budget, says repeated lines once, and never breaks a line."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from i2ptunnel.cli.main import main
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.log_levels import ROOMS, LogLevel, read_log_level
from i2ptunnel.logs import BudgetHandler, JsonFormatter, LogLevels, RecentLines, TextFormatter


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


@pytest.fixture
def restored() -> Iterator[None]:
    level = logging.getLogger().level
    yield
    LogLevels().apply()
    logging.getLogger().setLevel(level)
    logging.getLogger("asyncio").setLevel(logging.NOTSET)


def levels_of(*rooms: str) -> list[str]:
    names = (logging.getLogger(room).getEffectiveLevel() for room in rooms)
    return [logging.getLevelName(level).lower() for level in names]


@pytest.mark.usefixtures("restored")
def test_levels_by_room() -> None:
    levels = LogLevels([read_log_level("core.netdb=debug")])
    levels.apply(tuple(map(read_log_level, ("warning", "core.tunnel=debug", "core.netdb=error"))))
    rooms = ("core.tunnel", "core.tunnel.x", "core.netdb", "core.transport", "i2ptunnel.app")
    assert levels_of(*rooms) == ["debug", "debug", "debug", "warning", "warning"]
    levels.apply((LogLevel("debug", "i2ptunnel.tunnel.web"),))
    assert levels_of(*rooms) == ["info", "info", "debug", "info", "info"]
    assert levels_of("i2ptunnel.tunnel.web") == ["debug"]
    LogLevels().apply()
    levels.apply(())


def test_rooms_are_those_of_the_router() -> None:
    core = Path(__file__).parents[2] / "core"
    rooms = {f"core.{path.name}" for path in core.iterdir() if (path / "__init__.py").exists()}
    assert {room for room in ROOMS if room.startswith("core.")} == rooms - {
        *("core.base", "core.crypto", "core.data", "core.i2np")  # they log nothing
    }


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("core.tunel=debug", 'did you mean "core.tunnel=debug"'),
        ("core.tunnel=debugg", "debug"),
        ("loud", "known: debug, error, info, warning"),
    ],
)
def test_levels_that_are_none(text: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=hint):
        load_text(f"router: {{}}\ncontrol: {{log: {text}}}\n")
    with pytest.raises(SystemExit) as stopped:
        main(["run", "--log-level", "info", "--log-level", text])
    assert stopped.value.code == 2
    assert hint in capsys.readouterr().err


def test_levels_in_the_configuration() -> None:
    control = load_text("router: {}\ncontrol: {log: [info, core.tunnel=debug]}\n").configuration
    assert [str(level) for level in control.control.log] == ["info", "core.tunnel=debug"]


def test_recent_lines_of_a_room_and_those_that_follow() -> None:
    recent = RecentLines(3)

    def log(room: str, message: str) -> None:
        recent.emit(logging.LogRecord(room, logging.INFO, "", 0, message, (), None))

    for number in range(5):
        log("core.tunnel" if number % 2 else "core.tunnels", f"line {number}")
    kept = recent.lines(10)
    assert [(one["number"], one["message"]) for one in kept] == [
        (3, "line 2"),
        (4, "line 3"),
        (5, "line 4"),
    ]
    assert [one["number"] for one in recent.lines(10, room="core.tunnel")] == [4]
    assert [one["number"] for one in recent.lines(10, room="core")] == [3, 4, 5]
    assert [one["number"] for one in recent.lines(10, after=4)] == [5]
    # What repeats at once stays one line, with its number: who follows sees it once.
    log("core.tunnels", "line 4")
    assert [one["number"] for one in recent.lines(10, after=5)] == []
    log("core.tunnels", "line 5")
    assert [one["number"] for one in recent.lines(10, after=5)] == [6]
    assert recent.lines(1)[0]["message"] == "line 5" and recent.lines(0) == []
