"""The live view of ``status --watch``: what goes on now, on one screen.

No library: a frame is a list of lines, and the terminal gets it over the one before.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from i2ptunnel.cli.colours import BOLD, FAINT, GREEN, RED, YELLOW, paint
from i2ptunnel.config.units import show_duration
from i2ptunnel.printable import counted, printable, size_text

INTERVAL_S = 2.0
_BARS = "▁▂▃▄▅▆▇█"
_HISTORY = 40
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
_STATES = {"ready": GREEN, "running": GREEN, "degraded": RED, "failed": RED, "stopped": FAINT}
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


def frame(status: dict[str, Any], rates: Rates, width: int, height: int) -> list[str]:
    """The lines of one screen, none longer than ``width``, without colours."""
    lines = [*_head(status), *_router(status, rates), "", *_tunnels(status, rates)]
    if len(lines) > height:
        hidden = len(lines) - height + 1
        lines = [*lines[: height - 1], f"… and {counted(hidden, 'further line')}"]
    return [line[:width] for line in lines]


def _head(status: dict[str, Any]) -> list[str]:
    up = show_duration(max(1, status["uptime_s"]))
    lines = [f"{status['state']}  up {up}, process {status['pid']}, version {status['version']}"]
    return lines + [printable(t) for t in (status["reason"], status["remedy"]) if t]


def _router(status: dict[str, Any], rates: Rates) -> list[str]:
    router = status["router"]
    if router.get("i2cp") is not None:
        i2cp = router["i2cp"]
        ready = f"{i2cp['ready']} of {counted(i2cp['sessions'], 'session')} ready"
        return [f"router   at {printable(i2cp['address'])} by I2CP, {ready}"]
    width = router["bandwidth"]
    lines = []
    for way, key in (("in", "inbound"), ("out", "outbound")):
        rate = f"{size_text(width[f'{key}_bytes_s'])}/s"
        most = max(rates.history[way], default=0.0)
        limit = f"of {size_text(width[f'limit_{key}_bytes_s'])}/s"
        lines.append(f"{way:8} {rate:>12} {limit:16} {bars(rates.history[way], most)}")
    builds = "no builds yet"
    if router["builds_started"]:
        builds = f"{100 * router['builds_succeeded'] // router['builds_started']} % of builds"
    links = router["links"]
    lines += [
        f"transit  {size_text(width['transit_bytes_s'])}/s, "
        + counted(router["transit_tunnels"], "tunnel"),
        f"router   {router['routers']} known, {links['inbound'] + links['outbound']} connected, "
        f"{builds}",
        "reach    "
        + ", ".join(
            f"{name} {state}"
            for name, state in router["reachability"]["transports"].items()
            if state != "disabled"
        ),
    ]
    return lines


def _tunnels(status: dict[str, Any], rates: Rates) -> list[str]:
    tunnels = status["tunnels"]
    if not tunnels:
        return ["no tunnels"]
    width = min(_NAME_WIDTH_MAX, max(len(tunnel["name"]) for tunnel in tunnels))
    lines = [f"{'tunnel':{width}}  {'type':14} {'state':8} {'open':>5} {'in':>11} {'out':>11}"]
    for tunnel in tunnels:
        got, sent = rates.tunnels.get(tunnel["name"], (0.0, 0.0))
        error = f"  {printable(tunnel['last_error'])}" if tunnel["last_error"] else ""
        lines.append(
            f"{tunnel['name'][:width]:{width}}  {tunnel['type']:14} {tunnel['state']:8} "
            f"{tunnel.get('connections_open', 0):5} {size_text(got) + '/s':>11} "
            f"{size_text(sent) + '/s':>11}{error}"
        )
    return lines


def watch(look: Callable[[], dict[str, Any]]) -> None:
    """Show frames on the terminal until interrupted; the screen is as before then."""
    rates = Rates()
    out = sys.stdout
    out.write(_ENTER)
    try:
        while True:
            status = look()
            rates.add(status, time.monotonic())
            width, height = shutil.get_terminal_size()
            lines = [_painted(line) for line in frame(status, rates, width - 1, height - 1)]
            out.write(_HOME + "".join(f"{line}{_CLEAR_LINE}\n" for line in lines) + _CLEAR_BELOW)
            out.flush()
            time.sleep(INTERVAL_S)
    finally:
        out.write(_LEAVE)
        out.flush()


def _painted(line: str) -> str:
    """The words of states in their colours; a whole head line of a table bold."""
    word = line.partition(" ")[0]
    if word in _STATES or word in ("building", "starting", "reseeding", "stopping"):
        return line.replace(word, paint(word, _STATES.get(word, YELLOW), sys.stdout), 1)
    if line.startswith("tunnel ") and " state " in line:
        return paint(line, BOLD, sys.stdout)
    for state, colour in _STATES.items():
        if f" {state} " in line:
            return line.replace(f" {state} ", f" {paint(state, colour, sys.stdout)} ", 1)
    return line
