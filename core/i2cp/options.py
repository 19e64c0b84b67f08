"""Session options of I2CP that say how tunnels and lease set should be (i2cp.md "Options")."""

from __future__ import annotations

from collections.abc import Mapping

from core.base.errors import DecodeError
from core.data.encoding import b64decode, b64encode

LENGTH_MAX = 7
QUANTITY_MAX = 16


def flag_of(options: Mapping[str, str], name: str, default: bool) -> bool:
    """``true`` or ``false``; anything else is the default."""
    return {"true": True, "false": False}.get(options.get(name, "").strip().lower(), default)


def number_of(options: Mapping[str, str], name: str, default: int, bounds: tuple[int, int]) -> int:
    """A whole number within ``bounds``, cut to them; what is no number is the default."""
    try:
        value = int(options.get(name, ""))
    except ValueError:
        return default
    return max(bounds[0], min(value, bounds[1]))


def hashes_of(options: Mapping[str, str], name: str) -> tuple[bytes, ...]:
    """A list of hashes in base 64, by comma; what is none is left out."""
    found = []
    for text in options.get(name, "").split(","):
        try:
            value = b64decode(text.strip())
        except DecodeError:
            continue
        if len(value) == 32:
            found.append(value)
    return tuple(found)


def hashes_text(hashes: tuple[bytes, ...]) -> str:
    """The inverse of :func:`hashes_of`."""
    return ",".join(b64encode(one) for one in hashes)
