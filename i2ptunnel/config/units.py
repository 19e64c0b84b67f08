"""Quantities with units as people write them: ``512KiB``, ``4MB/s``, ``10m``, ``1h30m``, ``80%``.

Each reader returns a plain number in the base unit (bytes, bytes per second, seconds, fraction) or
raises ValueError with a sentence that says what would be right.
"""

from __future__ import annotations

import re

_SIZE_UNITS = {
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "tb": 1000**4,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
    "tib": 1024**4,
}
_BIT_UNITS = {"bit": 1, "kbit": 1000, "mbit": 1000**2, "gbit": 1000**3}
_TIME_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s?([A-Za-z]*)")
_TIME_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)\s?%")

SIZE_PATTERN = r"^([0-9]+(\.[0-9]+)? ?([KMGT]i?)?[Bb]|0)$"
RATE_PATTERN = r"^([0-9]+(\.[0-9]+)? ?([kKMGT]i?[Bb]|[Bb]|[kMG]?bit)/s|0)$"
TIME_PATTERN = r"^(([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+|0)$"
PERCENT_PATTERN = r"^[0-9]{1,3}(\.[0-9]+)? ?%$"


def read_size(text: str) -> int:
    """Bytes."""
    if text == "0":
        return 0
    match = _QUANTITY.fullmatch(text)
    unit = _SIZE_UNITS.get(match[2].lower()) if match else None
    if not match or unit is None:
        raise ValueError("write a size with its unit, like 512KiB or 4MB")
    return round(float(match[1]) * unit)


def read_rate(text: str) -> int:
    """Bytes per second."""
    if text == "0":
        return 0
    amount, slash, per = text.partition("/")
    match = _QUANTITY.fullmatch(amount)
    if not match or not slash or per != "s":
        raise ValueError("write a rate with its unit, like 4MB/s or 512KiB/s")
    unit = match[2].lower()
    if unit in _BIT_UNITS:
        return round(float(match[1]) * _BIT_UNITS[unit] / 8)
    if unit not in _SIZE_UNITS:
        raise ValueError("write a rate with its unit, like 4MB/s or 512KiB/s")
    return round(float(match[1]) * _SIZE_UNITS[unit])


def read_duration(text: str) -> float:
    """Seconds."""
    if text == "0":
        return 0.0
    seconds, position = 0.0, 0
    for match in _TIME_PART.finditer(text):
        if match.start() != position:
            break
        seconds += float(match[1]) * _TIME_UNITS[match[2]]
        position = match.end()
    if position != len(text) or not text:
        raise ValueError("write a time with its unit, like 30s, 10m or 1h30m")
    return seconds


def read_percent(text: str) -> float:
    """A fraction from 0 to 1."""
    match = _PERCENT.fullmatch(text)
    if not match or float(match[1]) > 100:
        raise ValueError("write a percentage from 0% to 100%")
    return float(match[1]) / 100


def show_duration(seconds: float) -> str:
    """``90`` -> ``1m30s``: what :func:`read_duration` reads."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms" if seconds else "0"
    rest, parts = round(seconds), []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def show_size(count: int) -> str:
    """``4000000`` -> ``4MB``, ``1024`` -> ``1KiB``: what :func:`read_size` reads."""
    for size, unit in ((1024**3, "GiB"), (1000**3, "GB"), (1024**2, "MiB"), (1000**2, "MB")):
        if count and count % size == 0:
            return f"{count // size}{unit}"
    for size, unit in ((1024, "KiB"), (1000, "KB")):
        if count and count % size == 0:
            return f"{count // size}{unit}"
    return f"{count}B" if count else "0"
