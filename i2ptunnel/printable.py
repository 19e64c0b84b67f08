"""Text from outside, made fit for a terminal, a journal or a log line."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """``1 name``, ``2 names``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def printable(text: str, length_max: int = 4000) -> str:
    """``text`` with everything escaped that a terminal would obey, and shortened with ``…``."""
    if len(text) > length_max:
        text = text[: length_max - 1] + "…"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
