"""Charts as SVG, drawn here: they need no script, and follow the page's colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

_WIDTH, _HEIGHT = 600, 100


@dataclass(frozen=True, slots=True)
class Line:
    """One series. ``points``: seconds before now, and the value."""

    title: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Chart:
    """What a template shows. ``now``: the last value of each line, as text."""

    svg: Markup
    top: str
    legend: list[tuple[str, str]]


def draw(
    lines: Sequence[Line], period_s: float, show: Callable[[float], str], floor: float, label: str
) -> Chart:
    """``show``: a value as text; ``floor``: the least value at the top; ``label``: what it is."""
    values = [value for line in lines for _, value in line.points]
    top = _round_up(max([floor, *values]))
    parts = [Markup('<path class="grid" d="M0 25H{0}M0 50H{0}M0 75H{0}"/>').format(_WIDTH)]
    for number, line in enumerate(lines):
        if len(line.points) < 2:
            continue
        path = _path(line.points, period_s, top)
        if number == 0:
            ends = f"L{_x(line.points[-1][0], period_s)} {_HEIGHT}"
            begins = f"L{_x(line.points[0][0], period_s)} {_HEIGHT}"
            area = Markup('<path class="area" d="{}{}{}Z"/>')
            parts.append(area.format(path, ends, begins))
        parts.append(Markup('<path class="line line{}" d="{}"/>').format(number, path))
    legend = [(line.title, show(line.points[-1][1]) if line.points else "–") for line in lines]
    told = f"{label}: " + ", ".join(f"{title} {value}" for title, value in legend)
    svg = Markup(
        '<svg viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(_WIDTH, _HEIGHT, told, Markup("").join(parts))
    return Chart(svg, show(top), legend)


def _x(age_s: float, period_s: float) -> str:
    return f"{max(0.0, _WIDTH * (1 - age_s / period_s)):.1f}"


def _path(points: Sequence[tuple[float, float]], period_s: float, top: float) -> str:
    steps = (
        f"{_x(age_s, period_s)} {_HEIGHT - (_HEIGHT - 2) * value / top:.1f}"
        for age_s, value in points
    )
    return "M" + "L".join(steps)


def _round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20 …"""
    scale = 10.0 ** math.floor(math.log10(value))
    return next(step * scale for step in (1, 2, 5, 10) if step * scale >= value * 0.999)
