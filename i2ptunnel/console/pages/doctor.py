"""What keeps the program from working, or could; and how far a visit of a site gets."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from core.base.errors import I2PError
from i2ptunnel import commands
from i2ptunnel.console.view import Answer, View

_WAIT_S = 30.0
#: what is worst comes first
_ORDER = ("problem", "warning", "note", "unknown", "ok")


async def doctor(view: View) -> Response:
    """All findings; with a form, also the steps of a visit."""
    visit: dict[str, Any] | None = None
    url = view.form.get("url", "").strip()
    if url:
        try:
            visit = await commands.why(view.program, url=url, wait_s=_WAIT_S)
        except (I2PError, OSError) as error:
            view.note(view.why(str(error)), "bad")
    findings = sorted(await view.console.findings(), key=lambda one: _ORDER.index(one["level"]))
    return await view.page("doctor.html", findings=findings, address=url, visit=visit)


PAGES: dict[str, Answer] = {"doctor": doctor}
