"""How it goes: the state and why, what is carried, and the tunnels at a glance."""

from __future__ import annotations

import time
from typing import Any

from starlette.responses import Response

from i2ptunnel import __version__, commands
from i2ptunnel.console.charts import Chart, Line, draw
from i2ptunnel.console.history import Sample
from i2ptunnel.console.view import Answer, View
from i2ptunnel.printable import size_text

_HOUR_S, _DAY_S = 3600.0, 86400.0
_RATE_FLOOR = 1000.0
_TUNNELS_FLOOR = 5.0


async def overview(view: View) -> Response:
    """The first page."""
    return await view.page("overview.html", **await _facts(view))


async def live(view: View) -> Response:
    """Its changing part."""
    return view.live("overview_live.html", lambda: _facts(view))


async def _facts(view: View) -> dict[str, Any]:
    router = commands.router_facts(view.program)
    health = view.program.health()
    ready, running = view.program.manager.counts
    services = view.program.services.status()
    is_day = view.query("range") == "day"
    sentences = [
        one.translated(view.say) for one in (health.reason, health.remedy) if one is not None
    ]
    return {
        "router": router,
        "version": __version__,
        "uptime_s": view.program.uptime_s,
        "broken": [(name, one) for name, one in services.items() if one["last_error"]],
        "sentences": sentences,
        "is_day": is_day,
        "reach": _reach(router),
        "builds": _share(router),
        "ready": ready,
        "running": running,
        "charts": _charts(view, is_day=is_day),
    }


def _reach(router: dict[str, Any]) -> list[tuple[str, str]]:
    """Transport and state of each that is on."""
    transports = router["reachability"]["transports"]
    names = {"ntcp2": "NTCP2", "ssu2": "SSU2", "ipv4": "IPv4", "ipv6": "IPv6"}
    return [
        (" ".join(names.get(part, part) for part in name.split("/")), state)
        for name, state in transports.items()
        if state != "disabled"
    ]


def _share(router: dict[str, Any]) -> int | None:
    """The percentage of tunnel builds that succeeded."""
    started = router["builds_started"]
    return round(100 * router["builds_succeeded"] / started) if started else None


def _charts(view: View, *, is_day: bool) -> list[tuple[str, Chart]]:
    history, now = view.console.history, time.monotonic()
    samples = history.day if is_day else history.hour
    period_s = _DAY_S if is_day else _HOUR_S

    def line(title: str, name: str) -> Line:
        points = [(now - sample.at, _value(sample, name)) for sample in samples]
        return Line(view.say(title), points)

    rates = [line("in", "received"), line("out", "sent"), line("for others", "transit")]
    tunnels = [line("for others", "transit_tunnels"), line("own", "own_tunnels")]
    bandwidth, open_tunnels = view.say("Bandwidth"), view.say("Open tunnels")
    return [
        (bandwidth, draw(rates, period_s, _rate_text, _RATE_FLOOR, bandwidth)),
        (open_tunnels, draw(tunnels, period_s, "{:.0f}".format, _TUNNELS_FLOOR, open_tunnels)),
    ]


def _value(sample: Sample, name: str) -> float:
    return float(getattr(sample, name))


def _rate_text(rate: float) -> str:
    return f"{size_text(rate)}/s"


PAGES: dict[str, Answer] = {"": overview, "live": live}
