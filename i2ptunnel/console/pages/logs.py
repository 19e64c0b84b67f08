"""The last lines of the log."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from i2ptunnel import commands
from i2ptunnel.console.view import Answer, View

_LEVELS = ("debug", "info", "warning", "error")
_LINES = 300


async def logs(view: View) -> Response:
    """Newest first."""
    return await view.page("logs.html", levels=_LEVELS, **await _lines(view))


async def live(view: View) -> Response:
    """The changing part."""
    return view.live("logs_live.html", lambda: _lines(view))


async def _lines(view: View) -> dict[str, Any]:
    level, part = view.query("level", "info"), view.query("part").lower()
    level = level if level in _LEVELS else "info"
    lines = await commands.logs(view.program, lines=commands.LOG_LINES_MAX, level=level)
    found = [
        line for line in reversed(lines) if part in f"{line['room']} {line['message']}".lower()
    ]
    return {"lines": found[:_LINES], "level": level, "part": view.query("part")}


PAGES: dict[str, Answer] = {"logs": logs, "logs/live": live}
