"""Results as a table of text: medians with their spread, ours beside i2pd's, and the ratio."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from tests.bench.network import Results

OURS, THEIRS = "ours over ours", "i2pd over i2pd"
_WIDTH = 22


def _cell(values: list[float] | None) -> str:
    if not values:
        return "-"
    middle = statistics.median(values)
    digits = 2 if abs(middle) < 10 else 1
    if len(values) == 1:
        return f"{middle:.{digits}f}"
    return f"{middle:.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def ratio(columns: Mapping[str, list[float]], ours: str, theirs: str) -> float | None:
    """Median of ours by median of i2pd's."""
    one, other = columns.get(ours), columns.get(theirs)
    if not one or not other or not statistics.median(other):
        return None
    return statistics.median(one) / statistics.median(other)


def as_text(results: Results, routes: list[str], about: Mapping[str, Any]) -> str:
    """The whole table."""
    lines = [f"{key}: {value}" for key, value in about.items()]
    lines.append("")
    lines.append("Median (least-most) over the rounds. A column is `ends over hops`; the ratio is")
    lines.append(f"`{OURS}` by `{THEIRS}`.")
    case_before = ""
    for (case, figure), columns in results.samples.items():
        names = routes if any(route in columns for route in routes) else ["ours", "i2pd"]
        if case != case_before:
            case_before = case
            lines.append("")
            header = "".join(f"{name:>{_WIDTH}}" for name in names)
            lines.append(f"{case:38}{header}   ratio")
        ends = (OURS, THEIRS) if names is routes else ("ours", "i2pd")
        quotient = ratio(columns, *ends)
        cells = "".join(f"{_cell(columns.get(name)):>{_WIDTH}}" for name in names)
        shown = "" if quotient is None else f"{quotient:8.2f}"
        lines.append(f"  {figure:36}{cells}{shown}")
    if results.failures:
        lines += ["", "Failures:", *(f"  {text}" for text in results.failures)]
    return "\n".join(lines) + "\n"
