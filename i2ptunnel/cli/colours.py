"""Colours, only on a terminal, and never where NO_COLOR is set (no-color.org)."""

from __future__ import annotations

import os
from typing import TextIO

GREEN, YELLOW, RED, FAINT, BOLD = "32", "33", "31", "2", "1"


def has_colours(stream: TextIO) -> bool:
    """Whether colours may be written there."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def paint(text: str, colour: str, stream: TextIO) -> str:
    """``text`` in a colour, if ``stream`` takes it."""
    return f"\x1b[{colour}m{text}\x1b[0m" if colour and has_colours(stream) else text
