"""The live view of ``status --watch``: what goes on now, on one screen, drawn by rich."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NoReturn

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from i2ptunnel.cli.colours import has_colours
from i2ptunnel.config.units import show_duration
from i2ptunnel.printable import counted, printable, size_text

_BARS = "▁▂▃▄▅▆▇█"
_HISTORY = 40
_STATES = {"ready": "green", "running": "green", "degraded": "red", "failed": "red"}
_STATES |= {"stopped": "dim", "disabled": "dim"}
_NAME_WIDTH_MAX = 24


class Rates:
    """What has changed between two looks, and how it went before. Bytes a second."""

    def __init__(self) -> None:
        self._last: tuple[float, dict[str, Any]] | None = None
        self.history: dict[str, deque[float]] = {
            way: deque(maxlen=_HISTORY) for way in ("in", "out")
        }
        self.tunnels: dict[str, tuple[float, float]] = {}

    def add(self, status: dict[str, Any], now: float) -> None:
        """Take a look."""
        bandwidth = status["router"].get("bandwidth")
        if bandwidth is not None:
            self.history["in"].append(bandwidth["inbound_bytes_s"])
            self.history["out"].append(bandwidth["outbound_bytes_s"])
        bytes_now = {
            tunnel["name"]: (tunnel.get("bytes_from_i2p", 0), tunnel.get("bytes_to_i2p", 0))
            for tunnel in status["tunnels"]
        }
        if self._last is not None:
            then, before = self._last
            seconds = max(0.001, now - then)
            self.tunnels = {
                name: (
                    max(0.0, (got - before.get(name, (got, sent))[0]) / seconds),
                    max(0.0, (sent - before.get(name, (got, sent))[1]) / seconds),
                )
                for name, (got, sent) in bytes_now.items()
            }
        self._last = (now, bytes_now)


def bars(values: deque[float], most: float) -> str:
    """A line of bars, the newest at the right; ``most`` is a full one."""
    top = max(most, 1.0)
    return "".join(_BARS[min(7, int(8 * value / top))] for value in values)


def screen(status: dict[str, Any], rates: Rates, height: int) -> Group:
    """What fits on ``height`` lines; each line is cut at the width that it is drawn with."""
    head = [_one_line(text) for text in (status["reason"], status["remedy"]) if text]
    facts = _router(status, rates)
    # The first line, a blank one and the head of the table are there, too.
    rows = height - len(head) - facts.row_count - 3
    return Group(_title(status), *head, facts, "", *_tunnels(status["tunnels"], rates, rows))


def _one_line(text: str, style: str = "") -> Text:
    """Whatever it says, it is shown as it is."""
    return Text(printable(text), style, no_wrap=True, overflow="ellipsis")


def _state(word: str) -> Text:
    return _one_line(word, _STATES.get(word, "yellow"))


def _title(status: dict[str, Any]) -> Text:
    up = show_duration(max(1, status["uptime_s"]))
    words = f"  up {up}, process {status['pid']}, version {status['version']}"
    return _state(status["state"]).append(words, "default")


def _router(status: dict[str, Any], rates: Rates) -> Table:
    router = status["router"]
    facts = Table.grid("", "", padding=(0, 2, 0, 0))
    if router.get("i2cp") is not None:
        i2cp = router["i2cp"]
        ready = f"{i2cp['ready']} of {counted(i2cp['sessions'], 'session')} ready"
        facts.add_row("router", _one_line(f"at {i2cp['address']} by I2CP, {ready}"))
        return facts
    width = router["bandwidth"]
    for way, key in (("in", "inbound"), ("out", "outbound")):
        rate = f"{size_text(width[f'{key}_bytes_s'])}/s"
        most = max(rates.history[way], default=0.0)
        limit = f"of {size_text(width[f'limit_{key}_bytes_s'])}/s"
        facts.add_row(way, _one_line(f"{rate:>11} {limit:13} {bars(rates.history[way], most)}"))
    builds = "no builds yet"
    if router["builds_started"]:
        builds = f"{100 * router['builds_succeeded'] // router['builds_started']} % of builds"
    linked = router["links"]["inbound"] + router["links"]["outbound"]
    transit = f"{size_text(width['transit_bytes_s'])}/s, "
    transit += counted(router["transit_tunnels"], "tunnel")
    reached = (
        f"{name} {state}"
        for name, state in router["reachability"]["transports"].items()
        if state != "disabled"
    )
    facts.add_row("transit", _one_line(transit))
    facts.add_row("router", _one_line(f"{router['routers']} known, {linked} connected, {builds}"))
    facts.add_row("reach", _one_line(", ".join(reached)))
    return facts


def _tunnels(tunnels: list[dict[str, Any]], rates: Rates, rows: int) -> list[Table | Text]:
    """A table of at most ``rows``, and a line about the others."""
    if not tunnels:
        return [Text("no tunnels")]
    shown = len(tunnels) if len(tunnels) <= rows else max(0, rows - 1)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("tunnel", max_width=_NAME_WIDTH_MAX, no_wrap=True)
    for title in ("type", "state"):
        table.add_column(title, no_wrap=True)
    # What the widest figure takes, so that columns do not move.
    for title, width in (("open", 5), ("in", 10), ("out", 10)):
        table.add_column(title, no_wrap=True, justify="right", min_width=width)
    table.add_column("")
    for tunnel in tunnels[:shown]:
        got, sent = rates.tunnels.get(tunnel["name"], (0.0, 0.0))
        table.add_row(
            _one_line(tunnel["name"]),
            tunnel["type"],
            _state(tunnel["state"]),
            str(tunnel.get("connections_open", 0)),
            f"{size_text(got)}/s",
            f"{size_text(sent)}/s",
            _one_line(tunnel["last_error"] or ""),
        )
    hidden = len(tunnels) - shown
    return [table, _one_line(f"… and {counted(hidden, 'further tunnel')}")] if hidden else [table]


def watch(look: Callable[[], dict[str, Any]], interval_s: float) -> NoReturn:
    """Show one screen after the other until interrupted; the terminal is as before then."""
    rates = Rates()
    # Without colours rich would still write bold; without a system it writes no style at all.
    console = Console(
        color_system="auto" if has_colours(sys.stdout) else None,
        markup=False,
        emoji=False,
        highlight=False,
        # What the environment says of the size does not follow the terminal.
        _environ={k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")},
    )
    with Live(
        console=console,
        screen=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as live:
        while True:
            status = look()
            rates.add(status, time.monotonic())
            live.update(screen(status, rates, console.height), refresh=True)
            time.sleep(interval_s)
