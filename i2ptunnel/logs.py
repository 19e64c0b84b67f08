"""What is logged, how it looks, and how much: at most about a megabyte an hour.

Messages never hold keys, payload, or visited hosts. A line that repeats is written once and then
counted; beyond the budget lines are counted only. Errors of any kind obey the same budget.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, TextIO

from core.base.rates import TokenBucket
from i2ptunnel.config.log_levels import LogLevel
from i2ptunnel.printable import counted, printable
from i2ptunnel.terminal_line import TerminalLine

BUDGET_BYTES_PER_S = 280.0
BUDGET_BURST_BYTES = 64 * 1024.0
REPEAT_WINDOW_S = 60.0
_REPEATS_MAX = 512
RECENT_LINES = 1000
_RECENT_CHARACTERS_MAX = 1000
LEVELS = {name: getattr(logging, name) for name in ("DEBUG", "INFO", "WARNING", "ERROR")}
_TRACE_CHARACTERS_MAX = 3000

_SYSLOG = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}


class TextFormatter(logging.Formatter):
    """``2026-11-21 07:00:00 info    message``; in the journal ``<6>message``."""

    def __init__(self, is_journal: bool = False) -> None:
        super().__init__()
        self._is_journal = is_journal

    def format(self, record: logging.LogRecord) -> str:
        """With a time stamp, or with the priority that journald reads."""
        message = printable(record.getMessage())
        if record.exc_info and record.exc_info[1] is not None:
            message += "\n" + self.formatException(record.exc_info)[-_TRACE_CHARACTERS_MAX:]
        if self._is_journal:
            return f"<{_SYSLOG.get(record.levelno, 5)}>{message}"
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        return f"{stamp} {record.levelname.lower():7} {message}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object on one line; ``time`` is Unix seconds to the millisecond."""
        entry = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": printable(record.getMessage()),
        }
        if record.exc_info and record.exc_info[1] is not None:
            entry["trace"] = self.formatException(record.exc_info)[-_TRACE_CHARACTERS_MAX:]
        return json.dumps(entry)


class BudgetHandler(logging.Handler):
    """Writes lines within a budget; what it leaves out it counts and says later."""

    def __init__(self, stream: TextIO, budget_burst: float = BUDGET_BURST_BYTES) -> None:
        super().__init__()
        self._stream = stream
        #: what stands below the log on a terminal
        self.line = TerminalLine(stream)
        self._budget = TokenBucket(BUDGET_BYTES_PER_S, budget_burst)
        self._dropped = 0
        self._tell_after = 0.0
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write ``record``, or count it if the budget is spent; never raises."""
        try:
            self._emit(record)
        except (OSError, ValueError):
            pass  # nobody reads the log any more; the service goes on
        except Exception:
            self.handleError(record)

    def _emit(self, record: logging.LogRecord) -> None:
        now = record.created
        if self._is_repeat(record, now):
            return
        line = self.format(record) + "\n"
        if not self._budget.take(now, len(line.encode("utf-8", "replace"))):
            self._dropped += 1
            return
        if self._dropped and now >= self._tell_after:
            note = self._tell_dropped(now)
            self._budget.spend(len(note), now)  # below zero if need be: the lines after it pay
            line = note + line
        self.line.hide()
        self._stream.write(line)
        self._stream.flush()
        self.line.redraw()

    def _tell_dropped(self, now: float) -> str:
        """A line about the lines that were left out, once a minute at most."""
        self._tell_after = now + REPEAT_WINDOW_S
        count, self._dropped = self._dropped, 0
        message = f"{counted(count, 'log line was', 'log lines were')} left out"
        record = logging.LogRecord("i2ptunnel.logs", logging.WARNING, "", 0, message, (), None)
        record.created = now
        return self.format(record) + "\n"

    def _is_repeat(self, record: logging.LogRecord, now: float) -> bool:
        """Whether the same line was written in the last minute. Debug lines always are."""
        if record.levelno < logging.INFO:
            return False
        key = (record.name, record.getMessage())
        seen = self._seen.get(key)
        if seen is not None and 0 <= now - seen[0] < REPEAT_WINDOW_S:
            self._seen[key] = (seen[0], seen[1] + 1)
            return True
        if len(self._seen) >= _REPEATS_MAX:
            self._seen.clear()
        self._seen[key] = (now, 0)
        if seen is not None and seen[1]:
            record.msg, record.args = f"{key[1]} (… {counted(seen[1], 'time')} more since)", ()
        return False


def _is_in(name: str, room: str) -> bool:
    """Whether a logger belongs to a room, or is in it."""
    return not room or name == room or name.startswith(f"{room}.")


class RecentLines(logging.Handler):
    """Keeps the last lines for commands and pages. Messages hold no secrets, so these do not."""

    def __init__(self, count: int = RECENT_LINES) -> None:
        super().__init__()
        self._lines: deque[tuple[float, int, str, str]] = deque(maxlen=count)
        #: of the next line, from 1
        self._number = 1

    def emit(self, record: logging.LogRecord) -> None:
        """Keep ``record``; a line that repeats at once is kept once."""
        try:
            message = printable(record.getMessage(), _RECENT_CHARACTERS_MAX)
        except (TypeError, ValueError):
            return
        if self._lines and self._lines[-1][1:] == (record.levelno, record.name, message):
            self._lines.pop()
            self._number -= 1
        self._lines.append((record.created, record.levelno, record.name, message))
        self._number += 1

    def lines(
        self, count: int, level: int = logging.DEBUG, *, room: str = "", after: int = 0
    ) -> list[dict[str, Any]]:
        """The last ``count`` lines of a level or above; ``time`` is Unix seconds.

        ``room``: only those of one part of the program. ``after``: only those with a higher
        ``number``; a line that repeats at once keeps its number.
        """
        kept = list(self._lines)
        first = self._number - len(kept)
        wanted = [
            (number, *line)
            for number, line in enumerate(kept, first)
            if number > after and line[1] >= level and _is_in(line[2], room)
        ]
        return [
            {
                "number": number,
                "time": round(created, 3),
                "level": logging.getLevelName(levelno).lower(),
                "room": name,
                "message": message,
            }
            for number, created, levelno, name, message in wanted[
                len(wanted) - min(count, len(wanted)) :
            ]
        ]


#: of this process
RECENT = RecentLines()


def configure_logging(log_format: str, environment: dict[str, str]) -> TerminalLine:
    """Send all logging to standard error in the wanted form; the line below it on a terminal."""
    handler = BudgetHandler(sys.stderr)
    if log_format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(TextFormatter(is_journal="JOURNAL_STREAM" in environment))
    logging.getLogger().handlers[:] = [handler, RECENT]
    logging.captureWarnings(True)
    return handler.line


class LogLevels:
    """Which rooms log how much: the configuration says it, the command line has the last word."""

    def __init__(self, command_line: Sequence[LogLevel] = ()) -> None:
        self._command_line = tuple(command_line)
        self._rooms: set[str] = set()

    def apply(self, configured: Sequence[LogLevel] = ()) -> None:
        """Use these levels from now on; rooms that have none any more follow the rest again."""
        levels = {one.room: one.level for one in (*configured, *self._command_line)}
        root = logging.getLogger()
        root.setLevel(levels.pop("", "info").upper())
        logging.getLogger("asyncio").setLevel(max(logging.WARNING, root.level))
        for room in self._rooms - levels.keys():
            logging.getLogger(room).setLevel(logging.NOTSET)
        for room, level in levels.items():
            logging.getLogger(room).setLevel(level.upper())
        self._rooms = set(levels)
