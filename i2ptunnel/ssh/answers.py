"""Results of commands as text. Those without a form of their own are shown by their structure."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from i2ptunnel.answer_texts import (
    log_lines,
    ping_line,
    plan_lines,
    router_line,
    torrent_lines,
    tunnel_line,
    why_lines,
)
from i2ptunnel.printable import counted, printable
from i2ptunnel.status_text import status_text

_INDENT = "  "
_SUBJECT_WIDTH = 14


def answer_lines(
    name: str, arguments: Mapping[str, Any], result: Any, *, is_json: bool
) -> Iterator[str]:
    """Lines for a terminal: nothing in them moves its cursor."""
    if is_json:
        yield from _json_lines(result)
        return
    form = _FORMS.get(name)
    lines = _plain(result) if form is None else form(result, arguments)
    for line in lines:
        for one in line.split("\n"):
            yield printable(one.replace("\t", "  "))


def _json_lines(result: Any) -> Iterator[str]:
    if not isinstance(result, Iterator):
        yield json.dumps(result, indent=2)
        return
    yield "["
    held = None
    for one in result:
        if held is not None:
            yield f"{_INDENT}{held},"
        held = json.dumps(one)
    if held is not None:
        yield f"{_INDENT}{held}"
    yield "]"


# Forms


def _status(result: Any, _: Mapping[str, Any]) -> Iterable[str]:
    yield status_text(result)


def _tunnels(result: Any, _: Mapping[str, Any]) -> Iterable[str]:
    return map(tunnel_line, result)


def _plan(result: Any, _: Mapping[str, Any]) -> Iterable[str]:
    yield from plan_lines(result)
    for name, why in result.get("failed", {}).items():
        yield f"tunnel {name} failed: {why}; it is tried again"


def _routers(result: Any, _: Mapping[str, Any]) -> Iterable[str]:
    now, count = time.time(), 0
    for one in result:
        count += 1
        yield router_line(one, now)
    yield counted(count, "router")


def _names(result: Any, _: Mapping[str, Any]) -> Iterable[str]:
    for one in result:
        yield f"{one['name']:30}  {one['book']:7}  {one['address']}"
    yield counted(len(result), "name")


def _torrents(result: Any, _: Mapping[str, Any]) -> Iterable[str]:
    return torrent_lines(result) if result else ("no torrents",)


def _ping(result: Any, arguments: Mapping[str, Any]) -> Iterable[str]:
    yield ping_line(arguments["destination"], result)


def _findings(result: Any, _: Mapping[str, Any]) -> Iterable[str]:
    for one in result:
        yield f"{one['level']:8} {one['subject']:{_SUBJECT_WIDTH}} {one['text']}"
        if one["remedy"] and one["level"] not in ("ok", "unknown"):
            yield f"{'':8} {'':{_SUBJECT_WIDTH}} -> {one['remedy']}"


def _visit(result: Any, _: Mapping[str, Any]) -> Iterable[str]:
    return (f"{mark} {line}" for mark, line in why_lines(result))


_FORMS: dict[str, Callable[[Any, Mapping[str, Any]], Iterable[str]]] = {
    "status": _status,
    "tunnels": _tunnels,
    "plan": _plan,
    "reload": _plan,
    "address-list": _names,
    "torrents-list": _torrents,
    "netdb-list": _routers,
    "ping": _ping,
    "why": _visit,
    "doctor": _findings,
    "logs": lambda result, _: log_lines(result),
}


# Anything


def _plain(result: Any, indent: str = "") -> Iterator[str]:
    if result is None:
        yield f"{indent}done" if not indent else f"{indent}-"
    elif isinstance(result, Mapping):
        yield from _pairs(result, indent)
    elif isinstance(result, list | tuple | Iterator):
        yield from _items(result, indent)
    else:
        yield f"{indent}{_word(result)}"


def _pairs(result: Mapping[str, Any], indent: str) -> Iterator[str]:
    width = max((len(str(key)) for key in result), default=0)
    for key, value in result.items():
        if isinstance(value, Mapping | list | tuple) and value:
            yield f"{indent}{key}"
            yield from _plain(value, indent + _INDENT)
        else:
            yield f"{indent}{key!s:{width}}  {_word(value)}"


def _items(result: Iterable[Any], indent: str) -> Iterator[str]:
    is_any = False
    for one in result:
        if is_any and isinstance(one, Mapping):
            yield ""
        is_any = True
        yield from _plain(one, indent)
    if not is_any:
        yield f"{indent}nothing"


def _word(value: Any) -> str:
    if value is None or value in ([], {}, ()):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
