"""The address books: looked through, added to, taken from; subscriptions and their conflicts."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable
from typing import Any

from starlette.responses import Response

from core.base.errors import I2PError
from i2ptunnel import commands
from i2ptunnel.commands import CommandRefused
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.console.view import Answer, View, paged
from i2ptunnel.editing import setting
from i2ptunnel.finishing import begin
from i2ptunnel.naming.store import Book

_PAGE = 100
_BOOKS = tuple(book.word for book in Book)


async def addresses(view: View) -> Response:
    """Names that contain something."""
    part, book = view.query("find").strip(), view.query("book")
    book = book if book in _BOOKS else ""
    found: list[dict[str, Any]] = []
    try:
        if part.lower().endswith(".b32.i2p"):
            found = await commands.address_lookup(view.program, name=part)
        else:
            found = await commands.address_list(view.program, book=book or None, part=part)
    except I2PError as error:
        view.note(view.why(str(error)), "bad")
    rows, number, last = paged(found, view.number("part", 1, 10_000), _PAGE)
    facts = {"find": part, "book": book, "books": _BOOKS}
    return await view.page(
        "addresses.html", rows=rows, count=len(found), number=number, last=last, **facts
    )


async def add(view: View) -> Response:
    """Give an address a name."""
    form = view.form
    if view.is_post:
        adding = commands.address_add(
            view.program,
            name=form.get("name", "").strip(),
            target=form.get("target", "").strip(),
            book=form.get("book", "local"),
            replace=form.get("replace") == "yes",
            notes=form.get("notes", "").strip(),
        )
        if await view.attempt(adding, view.say("The name is saved.")):
            return view.to("addresses", find=form.get("name", "").strip())
    return await view.page("address_add.html", form=form, books=_BOOKS)


async def remove(view: View) -> Response:
    """Forget a name."""
    name = view.form.get("name", "")
    if view.is_post:
        removing = commands.address_remove(view.program, name=name, book=view.form.get("book"))
        await view.attempt(removing, view.say("{name} is removed.", name=name))
    return view.to("addresses", find=view.form.get("find", ""))


async def subscriptions(view: View) -> Response:
    """Where names come from."""
    if view.is_post:
        return await _subscribe(view)
    status: dict[str, Any] = {"names": {}, "subscriptions": []}
    with contextlib.suppress(I2PError):
        status = await commands.address_status(view.program)
    urls = view.program.loaded.configuration.naming.subscriptions
    return await view.page("subscriptions.html", status=status, urls=urls)


async def _subscribe(view: View) -> Response:
    """Draft another list of subscriptions."""
    change = setting((("naming", "subscriptions"), view.form.get("urls", "").split()))
    try:
        view.own.draft = await view.console.editor.draft(change)
    except ConfigError as error:
        for fault in error.faults:
            view.note(f"{fault.wrong}, {fault.right}" if fault.right else fault.wrong, "bad")
    except CommandRefused as refused:
        view.note(view.why(str(refused)), "bad")
    else:
        return view.to("settings/confirm")
    return view.to("addresses/subscriptions")


async def conflicts(view: View) -> Response:
    """Names for which subscriptions have other addresses; with a form, take one of these."""
    if view.is_post:
        name, target = view.form.get("name", ""), view.form.get("target", "")
        taking = commands.address_add(view.program, name=name, target=target, replace=True)
        await view.attempt(taking, view.say("{name} has the other address now.", name=name))
        return view.to("addresses/conflicts")
    found: list[dict[str, Any]] = []
    try:
        found = await commands.address_conflicts(view.program)
    except I2PError as error:
        view.note(view.why(str(error)), "bad")
    rows, number, last = paged(found, view.number("part", 1, 10_000), _PAGE)
    return await view.page("conflicts.html", rows=rows, number=number, last=last)


async def fetch(view: View) -> Response:
    """Fetch the subscriptions; that may take minutes, so nobody waits for it."""
    if view.is_post:
        begin(_quietly(commands.address_fetch(view.program)))
        view.note(view.say("The subscriptions are being fetched."))
    return view.to("addresses/subscriptions")


async def _quietly(fetching: Awaitable[Any]) -> None:
    with contextlib.suppress(I2PError):  # the list of subscriptions shows how each went
        await fetching


PAGES: dict[str, Answer] = {
    "addresses": addresses,
    "addresses/add": add,
    "addresses/remove": remove,
    "addresses/subscriptions": subscriptions,
    "addresses/conflicts": conflicts,
    "addresses/fetch": fetch,
}
