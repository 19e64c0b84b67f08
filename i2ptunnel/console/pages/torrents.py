"""Torrents in I2P, where the client is on."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from core.base.errors import I2PError
from i2ptunnel.console.guard import Refused
from i2ptunnel.console.view import Answer, View, shared
from i2ptunnel.torrents import commands

_ACTIONS = {
    "pause": commands.torrents_pause,
    "resume": commands.torrents_resume,
    "remove": commands.torrents_remove,
}


async def torrents(view: View) -> Response:
    """All of them, and a field for another one."""
    return await view.page("torrents.html", **await _rows(view))


async def live(view: View) -> Response:
    """The changing part of the list."""
    return view.live("torrents_live.html", lambda: _rows(view))


async def _rows(view: View) -> dict[str, Any]:
    try:
        return {"rows": await shared(await commands.torrents_list(view.program)), "fault": ""}
    except I2PError as error:
        return {"rows": [], "fault": str(error)}


async def add(view: View) -> Response:
    """Add a magnet link."""
    if view.is_post:
        magnet = view.form.get("magnet", "").strip()
        await view.attempt(
            commands.torrents_add(view.program, magnet=magnet), view.say("The torrent is added.")
        )
    return view.to("torrents")


async def act(view: View) -> Response:
    """Pause, resume or forget one; its files stay."""
    if not view.is_post:
        return view.to("torrents")
    command = _ACTIONS.get(view.form.get("action", ""))
    if command is None:
        raise Refused(400, "This form cannot be read.")
    await view.attempt(command(view.program, torrent=view.form.get("torrent", "")))
    return view.to("torrents")


PAGES: dict[str, Answer] = {
    "torrents": torrents,
    "torrents/live": live,
    "torrents/add": add,
    "torrents/act": act,
}
