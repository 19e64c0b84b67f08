"""Results as an SVG: for each case a bar for each column, with the spread as a line."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from tests.bench.network import Results

_COLOURS = ("#2563eb", "#60a5fa", "#f59e0b", "#b45309", "#059669", "#34d399", "#db2777", "#f9a8d4")
_PANEL_W, _BAR_H, _LABEL_W, _TOP = 470, 17, 150, 70
_FIGURES = (
    "MB/s",
    "CPU all six, ms/MB",
    "first byte, ms",
    "first byte, median ms",
    "CPU all six, ms/request",
    "client end, MB",
    "hop, MB",
    "client end, ms per s",
    "to first page, s",
)


def _panel(title: str, columns: Mapping[str, list[float]], names: list[str]) -> tuple[str, int]:
    parts = [f'<text x="0" y="0" class="t">{escape(title)}</text>']
    most = max((max(values) for values in columns.values() if values), default=1.0) or 1.0
    scale = (_PANEL_W - _LABEL_W - 90) / most
    y = 8
    for index, name in enumerate(names):
        values = columns.get(name)
        if not values:
            continue
        middle = statistics.median(values)
        width = middle * scale
        low, high = _LABEL_W + min(values) * scale, _LABEL_W + max(values) * scale
        line = y + _BAR_H / 2 - 1
        colour = _COLOURS[index % len(_COLOURS)]
        parts.append(
            f'<text x="{_LABEL_W - 6}" y="{y + 12}" class="l">{escape(name)}</text>'
            f'<rect x="{_LABEL_W}" y="{y}" width="{width:.1f}" height="{_BAR_H - 3}"'
            f' fill="{colour}"/>'
            f'<path d="M{low:.1f} {line}H{high:.1f}" stroke="#111" stroke-width="1.5"/>'
            f'<text x="{max(high, _LABEL_W + width) + 6:.1f}" y="{y + 12}" class="v">'
            f"{middle:.3g}</text>"
        )
        y += _BAR_H
    return "\n".join(parts), y + 26


def draw(results: Results, routes: list[str], about: Mapping[str, Any]) -> str:
    """The picture as SVG text."""
    panels: list[tuple[str, int]] = []
    for (case, figure), columns in results.samples.items():
        if figure in _FIGURES:
            names = routes if any(route in columns for route in routes) else ["ours", "i2pd"]
            panels.append(_panel(f"{case}: {figure}", columns, names))
    heights = [_TOP, _TOP]
    body: list[str] = []
    for part, height in panels:
        side = 0 if heights[0] <= heights[1] else 1
        x = 20 + side * (_PANEL_W + 20)
        body.append(f'<g transform="translate({x} {heights[side]})">{part}</g>')
        heights[side] += height
    width, height = 2 * _PANEL_W + 60, max(heights)
    note = f"i2pd {about['i2pd']}, Python {about['python']}, {about['began']} UTC"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}">\n'
        "<style>text{font-family:sans-serif;font-size:11px;fill:#111}.t{font-weight:bold}"
        ".l{text-anchor:end}.h{font-size:17px;font-weight:bold}</style>\n"
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n'
        '<text x="20" y="28" class="h">Ours and i2pd on one loopback network</text>\n'
        f'<text x="20" y="46">{escape(note)}; bars are medians, lines the spread;'
        " a row is ends over hops</text>\n" + "\n".join(body) + "\n</svg>\n"
    )
