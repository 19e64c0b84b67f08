"""Text from outside, made fit for a terminal, a journal or a log line; and numbers for people."""

from __future__ import annotations

import time


def printable(text: str, length_max: int = 4000) -> str:
    """``text`` with everything escaped that a terminal would obey, and shortened with ``…``."""
    if len(text) > length_max:
        text = text[: length_max - 1] + "…"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def counted(number: int, one: str, many: str = "") -> str:
    """``1 name``, ``2 names``; ``many`` where it is not ``one`` with an s."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def size_text(number: float) -> str:
    """Bytes with a unit: ``512 B``, ``1.5 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError


def moment_text(unix_s: float) -> str:
    """``2026-11-30 03:50 UTC``."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(unix_s))
