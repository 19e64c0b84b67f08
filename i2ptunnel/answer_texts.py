"""Answers of commands as lines of text, for every face that shows them to people."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from i2ptunnel.config.units import show_duration
from i2ptunnel.printable import counted, printable, size_text

_SIGNS = {"add": "+", "change": "*", "restart": "~", "keep": "=", "remove": "-"}


def plan_lines(plan: dict[str, Any]) -> Iterator[str]:
    """What a reload would change, or has changed."""
    for change, sign in _SIGNS.items():
        for name in plan[change]:
            before, after = plan["addresses"].get(name, ("", ""))
            note = f"  address changes from {before} to {after}" if after else ""
            yield f"{sign} {change:8} {name}{note}"
    for option in plan["settings"]:
        yield f"* change   {option}"
    for option in plan["router"]:
        yield f"! restart  {option}  takes effect when the program is started anew"


def tunnel_line(tunnel: dict[str, Any]) -> str:
    """Name, type and state of a tunnel, for people and for programs."""
    return f"{tunnel['name']}\t{tunnel['type']}\t{tunnel['state']}"


def router_line(router: dict[str, Any], now: float) -> str:
    """What is known of a router. ``now``: unix seconds."""
    age = show_duration(max(1, round((now - router["published"]) / 60) * 60))
    line = (router["hash"][:16], f"{router['caps']:6}", f"{router['version']:8}", f"{age:>8}")
    tier = "refused" if router["refused"] else (router["tier"] or "-").replace("_", " ")
    return "  ".join((*line, f"{tier:13}", ",".join(router["transports"])))


def log_lines(lines: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Lines of the log with the time of this machine's zone."""
    for one in lines:
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one["time"]))
        yield f"{moment} {one['level']:7} {one['room']}: {one['message']}"


def ping_line(destination: str, seconds: float | None) -> str:
    """Whether a destination has answered, and when."""
    how = "no answer" if seconds is None else f"answered after {seconds:.2f} s"
    return f"{printable(destination)}: {how}"


def torrent_lines(torrents: list[dict[str, Any]]) -> Iterator[str]:
    """How far each torrent is, and what is wrong with it."""
    for one in torrents:
        share = 100 * one["done"] // one["size"] if one["size"] else 0
        what = f"{one['state']:11} {share:3} % of {size_text(one['size'])}"
        rates = f"{size_text(one['download_rate'])}/s in, {size_text(one['upload_rate'])}/s out"
        line = f"{one['id'][:8]}  {what}, {counted(one['peers'], 'peer')}, {rates}"
        yield f"{line}  {printable(one['name'])}"
        why = one["error"] or (one["tracker_error"] and f"tracker: {one['tracker_error']}")
        if why:
            yield f"          {printable(why)}"


_STEPS = {
    "name": "name",
    "tunnels": "our tunnels",
    "lease_set": "lease set",
    "stream": "stream",
    "server": "server",
}
_MARKS = {True: "✓", False: "✗", None: "-"}


def why_lines(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(mark, line) of each step of a visit: what it was, how long it took, how it ended."""
    for step in found["stages"]:
        took = "" if step["seconds"] is None else f"{step['seconds']:.2f} s"
        text = step["text"] if step["ok"] is not None else "not come to"
        if step["stage"] == "name" and step["ok"]:
            text = str(found["address"])
        yield _MARKS[step["ok"]], f"{_STEPS[step['stage']]:12} {took:>8}  {printable(text)}"
