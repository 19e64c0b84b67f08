"""The configuration file: looked at, changed, confirmed, taken back; and leaving."""

from __future__ import annotations

import difflib

from starlette.responses import RedirectResponse, Response

from i2ptunnel.commands import CommandRefused
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.console.view import COOKIE, Answer, View
from i2ptunnel.editing import Draft

_DOWNLOAD = {
    "Content-Type": "application/yaml; charset=utf-8",
    "Content-Disposition": 'attachment; filename="i2ptunnel.yaml"',
}


async def settings(view: View) -> Response:
    """What the program runs with."""
    return await view.page(
        "settings.html", loaded=view.program.loaded, can_undo=view.console.editor.can_undo
    )


async def file(view: View) -> Response:
    """The whole text, to be changed by hand."""
    faults: list[str] = []
    try:
        text = await view.console.editor.text()
        if view.is_post:
            text = view.form.get("text", "").replace("\r\n", "\n")
            view.own.draft = await view.console.editor.draft(lambda _: text)
            return view.to("settings/confirm")
    except ConfigError as error:
        faults = [str(fault) for fault in error.faults]
    except CommandRefused as refused:
        if not view.is_post:
            view.note(view.why(str(refused)), "bad")
            return view.to("settings")
        faults = [view.why(str(refused))]
    code = 422 if faults else 200
    return await view.page("settings_file.html", code, text=text, faults=faults)


async def confirm(view: View) -> Response:
    """What a change would do; then it is carried out."""
    draft = view.own.draft
    if not isinstance(draft, Draft):
        return view.to("settings")
    if view.is_post:
        view.own.draft = None
        try:
            tell(view, await view.console.editor.apply(draft))
        except CommandRefused as refused:
            view.note(view.why(str(refused)), "bad")
            return view.to("settings")
        added = draft.plan["add"]
        return view.to("tunnels/show", name=added[0]) if len(added) == 1 else view.to("tunnels")
    return await view.page("confirm.html", draft=draft, lines=_difference(draft), plan=draft.plan)


def tell(view: View, done: dict[str, object]) -> None:
    """Say how a change went."""
    view.note(view.say("The change is made."))
    failed = done.get("failed")
    for name, why in failed.items() if isinstance(failed, dict) else ():
        view.note(view.say("Tunnel {name} failed: {why}.", name=name, why=why), "bad")


def _difference(draft: Draft) -> list[tuple[str, str]]:
    """The lines that change, with some around them: (add, del or ctx; line)."""
    before, after = draft.before.splitlines(), draft.after.splitlines()
    kinds = {"+": "add", "-": "del"}
    lines = list(difflib.unified_diff(before, after, n=2, lineterm=""))[2:]
    return [(kinds.get(line[:1], "ctx"), "…" if line.startswith("@@") else line) for line in lines]


async def download(view: View) -> Response:
    """The new file, for where it cannot be written."""
    draft = view.own.draft
    text = draft.after if isinstance(draft, Draft) else await view.console.editor.text()
    return Response(text, headers=_DOWNLOAD)


async def undo(view: View) -> Response:
    """Take the last change back."""
    if view.is_post:
        try:
            tell(view, await view.console.editor.undo())
        except CommandRefused as refused:
            view.note(view.why(str(refused)), "bad")
    return view.to("settings")


async def leave(view: View) -> Response:
    """End the session."""
    if not view.is_post:
        return view.to("settings")
    view.console.access.end(view.own)
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(COOKIE, path=f"/{view.own.key}/")
    return answer


PAGES: dict[str, Answer] = {
    "settings": settings,
    "settings/file": file,
    "settings/confirm": confirm,
    "settings/i2ptunnel.yaml": download,
    "settings/undo": undo,
    "leave": leave,
}
