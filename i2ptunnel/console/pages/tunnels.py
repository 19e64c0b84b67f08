"""The tunnels: their state, starting and stopping, making and changing them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import segno
from markupsafe import Markup
from starlette.responses import Response

from i2ptunnel import commands
from i2ptunnel.commands import CommandRefused
from i2ptunnel.config.document import Document
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.tunnel_models import TUNNEL_MODELS
from i2ptunnel.console.forms import (
    NAME_CHARACTERS_MAX,
    Field,
    fields_of,
    place_faults,
    write_fields,
)
from i2ptunnel.console.guard import Refused
from i2ptunnel.console.view import Answer, View, shared

_ACTIONS = {"start": commands.start_tunnel, "stop": commands.stop_tunnel}
_NO_COUNTERS = frozenset(("name", "type", "ready", "local", "b32", "last_error", "state"))


@dataclass(frozen=True, slots=True)
class Recipe:
    """A kind of tunnel as a question: ``fields`` are asked, with what is usual."""

    kind: str
    title: str
    text: str
    name: str
    usual: Mapping[str, str]


RECIPES = {
    "browse": Recipe(
        *("httpclient", "Browse I2P", "A web proxy for your browser."),
        *("browser", {"listen": "127.0.0.1:4444"}),
    ),
    "socks": Recipe(
        *("sockstunnel", "SOCKS proxy", "For programs that can use one."),
        *("socks", {"listen": "127.0.0.1:4447"}),
    ),
    "irc": Recipe(
        *("ircclient", "Chat", "An IRC network in I2P for your chat program."),
        *("irc", {"listen": "127.0.0.1:6668", "destination": "irc.postman.i2p"}),
    ),
    "client": Recipe(
        *(
            "client",
            "Reach a service",
            "One address in I2P at a port of this machine, such as SSH.",
        ),
        *("service", {"listen": "127.0.0.1:2222", "destination": ""}),
    ),
    "folder": Recipe(
        *("httpserver", "Publish a folder", "The files of a folder as a web site in I2P."),
        *("eepsite", {"docroot": ""}),
    ),
    "website": Recipe(
        *("httpserver", "Publish a web server", "A web server of this machine, seen in I2P."),
        *("website", {"target": "127.0.0.1:8080"}),
    ),
    "server": Recipe(
        *("server", "Publish a service", "Any other service of this machine, such as SSH."),
        *("server", {"target": "127.0.0.1:22"}),
    ),
}


async def tunnels(view: View) -> Response:
    """All of them."""
    return await view.page("tunnels.html", **await _rows(view))


async def live(view: View) -> Response:
    """The changing part of the list."""
    return view.live("tunnels_live.html", lambda: _rows(view))


async def _rows(view: View) -> dict[str, Any]:
    return {"tunnels": await shared(map(_complete, view.program.manager.statuses()))}


def _complete(status: dict[str, Any]) -> dict[str, Any]:
    """One that does not run has no address, and few have a common one."""
    return {"b32": None, "local": "", "meta": None, **status}


async def act(view: View) -> Response:
    """Start, stop or restart one."""
    if not view.is_post:
        return view.to("tunnels")
    name, action = view.form.get("name", ""), view.form.get("action", "")
    command = _ACTIONS.get(action)
    if command is None:
        raise Refused(400, "This form cannot be read.")
    await view.attempt(command(view.program, name=name))
    back = view.form.get("back", "")
    return view.to("tunnels/show", name=name) if back == "show" else view.to("tunnels")


async def show(view: View) -> Response:
    """One tunnel."""
    return await view.page("tunnel.html", **await _one(view))


async def show_live(view: View) -> Response:
    """Its changing part, as long as there is such a tunnel."""
    await _one(view)
    return view.live("tunnel_live.html", lambda: _one(view))


async def _one(view: View) -> dict[str, Any]:
    name = view.query("name")
    try:
        found = _complete(view.program.manager.status_of(name))
    except KeyError:
        raise Refused(404, "There is no such tunnel.") from None
    address = found.get("b32")
    is_server = found["type"].endswith("server")
    counters = {key: value for key, value in found.items() if _is_counter(key, value)}
    return {
        "tunnel": found,
        "is_server": is_server,
        "counters": counters,
        "code": qr_code(f"http://{address}/") if address and is_server else None,
    }


def _is_counter(key: str, value: object) -> bool:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return is_number and key not in _NO_COUNTERS and not key.endswith("_s")


def qr_code(text: str) -> Markup:
    """A QR code as SVG."""
    drawn = segno.make(text, micro=False).svg_inline(
        border=2, omitsize=True, svgclass=None, lineclass=None, dark="#000"
    )
    return Markup(drawn)


async def new(view: View) -> Response:
    """Which kind, then what that needs."""
    recipe = RECIPES.get(view.query("recipe"))
    kind = view.query("kind") if recipe is None else recipe.kind
    if kind not in TUNNEL_MODELS:
        kinds = [name for name, model in TUNNEL_MODELS.items() if model.IS_AVAILABLE]
        return await view.page("tunnel_new.html", recipes=RECIPES, kinds=kinds)
    fields = fields_of(kind, None)
    name = view.form.get("name", "") if view.is_post else _free_name(view, kind, recipe)
    if recipe is not None:
        for field in fields:
            field.is_first = field.key in recipe.usual
            field.value = recipe.usual.get(field.key, "") if not view.is_post else ""
    return await _form(view, name.strip(), kind, fields, is_new=True)


def _free_name(view: View, kind: str, recipe: Recipe | None) -> str:
    wanted = kind if recipe is None else recipe.name
    taken = view.program.loaded.configuration.tunnels
    number = next(n for n in range(1, len(taken) + 2) if _numbered(wanted, n) not in taken)
    return _numbered(wanted, number)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


async def edit(view: View) -> Response:
    """All options of one."""
    name = view.query("name")
    section = view.program.loaded.configuration.tunnels.get(name)
    if section is None:
        raise Refused(404, "There is no such tunnel.")
    fields = fields_of(section.TYPE, section)
    return await _form(view, name, section.TYPE, fields, is_new=False)


async def _form(view: View, name: str, kind: str, fields: list[Field], *, is_new: bool) -> Response:
    faults: list[str] = []
    if view.is_post:
        faults = await _draft(view, name, kind, fields, is_new=is_new)
        if not faults and not any(field.fault for field in fields):
            return view.to("settings/confirm")
        for field in fields:
            field.value = view.form.get(field.key, field.value)
    return await view.page(
        "tunnel_form.html",
        200 if not view.is_post else 422,
        name=name,
        kind=kind,
        fields=fields,
        faults=faults,
        is_new=is_new,
        address=view.request.url.query,
    )


async def _draft(
    view: View, name: str, kind: str, fields: list[Field], *, is_new: bool
) -> list[str]:
    """Make a draft of the form; what is wrong goes to the fields, the rest is returned."""
    if not 0 < len(name) <= NAME_CHARACTERS_MAX or not name.isprintable():
        return [view.say("Write a name.")]
    if is_new and name in view.program.loaded.configuration.tunnels:
        return [view.say("There is a tunnel of this name already.")]
    try:
        view.own.draft = await view.console.editor.draft(
            lambda text: write_fields(text, name, kind, fields, view.form)
        )
    except ConfigError as error:
        return place_faults(list(error.faults), name, fields)
    except CommandRefused as refused:
        return [view.why(str(refused))]
    return []


async def remove(view: View) -> Response:
    """Take one out of the configuration; its keys stay."""
    name = view.form.get("name", "")
    if not view.is_post:
        return view.to("tunnels")

    def change(text: str) -> str:
        document = Document(text)
        document.remove(("tunnels", name))
        return str(document)

    try:
        view.own.draft = await view.console.editor.draft(change)
    except (CommandRefused, ConfigError) as error:
        view.note(view.why(str(error)), "bad")
        return view.to("tunnels/show", name=name)
    return view.to("settings/confirm")


PAGES: dict[str, Answer] = {
    "tunnels": tunnels,
    "tunnels/live": live,
    "tunnels/act": act,
    "tunnels/show": show,
    "tunnels/show/live": show_live,
    "tunnels/new": new,
    "tunnels/edit": edit,
    "tunnels/remove": remove,
}
