"""What a scenario found, as a table for people, a CSV file and curves in an SVG file."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

Value = float | int | str
WIDTH, HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 40, 50
_COLOURS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad", "#b8860b", "#34495e")


class Table:
    """Rows under named columns; the first row given decides the columns."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.rows: list[dict[str, Value]] = []

    def add(self, **row: Value) -> None:
        """One more row."""
        self.rows.append(row)

    def column(self, name: str) -> list[Value]:
        """All values under a name."""
        return [row[name] for row in self.rows]

    def text(self) -> str:
        """For a terminal."""
        if not self.rows:
            return f"{self.title}: nothing"
        names = list(self.rows[0])
        cells = [names, *([_shown(row[name]) for name in names] for row in self.rows)]
        widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
        lines = ["  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in cells]
        return "\n".join([self.title, *lines])

    def write_csv(self, path: Path) -> None:
        """Overwrites the file."""
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)


def _shown(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"
    return str(value)


def curves(
    title: str,
    across: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    *,
    is_log: bool = False,
) -> str:
    """An SVG with one line for each name; ``is_log``: of what is told across."""
    points = [point for line in lines.values() for point in line]
    scale = math.log2 if is_log else float
    xs = [scale(x) for x, _ in points]
    low, high = min(xs), max(xs)
    top = _round_up(max(y for _, y in points))

    def at(x: float, y: float) -> str:
        part = (scale(x) - low) / (high - low or 1)
        right = _LEFT + part * (WIDTH - _LEFT - _RIGHT)
        down = HEIGHT - _BOTTOM - y / top * (HEIGHT - _TOP - _BOTTOM)
        return f"{right:.1f},{down:.1f}"

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="14">{escape(title)}</text>',
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(across)}</text>',
    ]
    for step in range(5):
        value = top * step / 4
        _, down = at(points[0][0], value).split(",")
        out.append(f'<path d="M{_LEFT},{down}H{WIDTH - _RIGHT}" stroke="#ddd"/>')
        label = f'<text x="{_LEFT - 6}" y="{down}" text-anchor="end" dominant-baseline="middle">'
        out.append(f"{label}{value:.3g}</text>")
    ticks = sorted({x for x, _ in points})
    for x in ticks[:: max(1, len(ticks) // 8)]:
        right, down = at(x, 0).split(",")
        out.append(f'<text x="{right}" y="{float(down) + 16}" text-anchor="middle">{x:g}</text>')
    for number, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(at(x, y) for x, y in line)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out.append(
            f'<text x="{_LEFT + 8}" y="{_TOP + 14 * number}" fill="{colour}">{escape(name)}</text>'
        )
    return "\n".join([*out, "</svg>", ""])


def _round_up(value: float) -> float:
    """To 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= value))
