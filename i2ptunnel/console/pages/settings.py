"""The configuration file, going back by one change, and leaving."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from i2ptunnel.console.view import COOKIE, Answer, View


async def settings(view: View) -> Response:
    """What the program runs with."""
    return await view.page("settings.html", loaded=view.program.loaded)


async def leave(view: View) -> Response:
    """End the session."""
    if not view.is_post:
        return view.to("settings")
    view.console.access.end(view.own)
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(COOKIE, path=f"/{view.own.key}/")
    return answer


PAGES: dict[str, Answer] = {"settings": settings, "leave": leave}
