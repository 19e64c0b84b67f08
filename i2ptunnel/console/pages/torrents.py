"""Torrents in I2P: added by magnet link or file, watched, paused, forgotten; their limits."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from core.base.errors import I2PError
from i2ptunnel.commands import CommandRefused
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.console.guard import Refused
from i2ptunnel.console.view import Answer, View, shared
from i2ptunnel.editing import setting
from i2ptunnel.torrents import commands
from i2ptunnel.torrents.process import TorrentRefused

_ACTIONS = {"pause": commands.torrents_pause, "resume": commands.torrents_resume}
_RATES = ("download_rate", "upload_rate")
_RATE_UNIT = 1000
_NUMBER_MAX = 10_000_000


async def torrents(view: View) -> Response:
    """All of them, a way for another one, and the limits."""
    is_on = view.program.loaded.configuration.torrents is not None
    limits = _shown(view) if is_on else {}
    return await view.page("torrents.html", is_on=is_on, limits=limits, **await _rows(view))


async def live(view: View) -> Response:
    """The changing part of the list."""
    return view.live("torrents_live.html", lambda: _rows(view))


async def _rows(view: View) -> dict[str, Any]:
    try:
        return {"rows": await shared(await commands.torrents_list(view.program)), "fault": ""}
    except I2PError as error:
        return {"rows": [], "fault": str(error)}


async def add(view: View) -> Response:
    """Add a magnet link, or a torrent file that was chosen."""
    if view.is_post:
        await _add(view, view.form.get("magnet", "").strip(), view.files.get("file"))
    return view.to("torrents")


async def _add(view: View, magnet: str, file: bytes | None) -> None:
    try:
        added = await view.program.torrents.add(
            magnet=magnet or None, file=file, paused=view.form.get("paused") == "yes"
        )
    except (I2PError, OSError) as error:
        view.note(view.why(str(error)), "bad")
        return
    view.note(view.say("{name} is added.", name=added["name"]))
    if removed := sum(added["removed"].values()):
        text = "Not in I2P, and therefore removed from it: {count} trackers, seeds or peers."
        view.note(view.say(text, count=removed))
    if not added["trackers"]:
        view.note(view.say("It has no tracker in I2P, so it finds no peers."), "bad")


async def act(view: View) -> Response:
    """Pause or resume one."""
    if view.is_post:
        command = _ACTIONS.get(view.form.get("action", ""))
        if command is None:
            raise Refused(400, "This form cannot be read.")
        await view.attempt(command(view.program, torrent=view.form.get("torrent", "")))
    return view.to("torrents")


async def remove(view: View) -> Response:
    """Forget one, once it is clear whether its files go, too."""
    wanted = view.form.get("torrent", "") or view.query("torrent")
    if view.is_post:
        with_data = view.form.get("data") == "yes"
        removing = commands.torrents_remove(view.program, torrent=wanted, data=with_data)
        await view.attempt(removing, view.say("The torrent is removed."))
        return view.to("torrents")
    rows = (await _rows(view))["rows"]
    found = next((row for row in rows if row["id"] == wanted), None)
    if found is None:
        raise Refused(404, "There is no such torrent.")
    return await view.page("torrent_remove.html", row=found)


async def limit(view: View) -> Response:
    """Other limits of all torrents together."""
    if view.is_post:
        shown = _shown(view)
        changed = {
            name: given
            for name in shown
            if (given := view.form.get(name, "").strip()) != shown[name]
        }
        setting = _limit(view, changed)
        await view.attempt(setting, view.say("The limits are set."))
    return view.to("torrents")


async def _limit(view: View, changed: dict[str, str]) -> None:
    wanted = {}
    for name, given in changed.items():
        if given and not (given.isascii() and given.isdigit() and int(given) <= _NUMBER_MAX):
            raise TorrentRefused(view.say("Limits are whole numbers."))
        wanted[name] = int(given or 0) * (_RATE_UNIT if name in _RATES else 1)
    if wanted:
        await commands.torrents_limits(view.program, **wanted)


def _shown(view: View) -> dict[str, str]:
    """The limits as the form has them: kB a second, empty where there is none."""
    limits = view.program.torrents.limits
    rates = {name: getattr(limits, name) for name in _RATES}
    return {
        **{name: "" if rate is None else str(rate // _RATE_UNIT) for name, rate in rates.items()},
        "connections": str(limits.connections),
    }


async def switch_on(view: View) -> Response:
    """Draft a configuration with the client."""
    if not view.is_post:
        return view.to("torrents")
    try:
        view.own.draft = await view.console.editor.draft(setting((("torrents",), {})))
    except (CommandRefused, ConfigError) as error:
        view.note(view.why(str(error)), "bad")
        return view.to("torrents")
    return view.to("settings/confirm")


PAGES: dict[str, Answer] = {
    "torrents": torrents,
    "torrents/live": live,
    "torrents/add": add,
    "torrents/act": act,
    "torrents/remove": remove,
    "torrents/limits": limit,
    "torrents/on": switch_on,
}
