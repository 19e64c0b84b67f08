"""Session options of I2CP that say how tunnels and lease set should be (i2cp.md "Options")."""

from __future__ import annotations

from collections.abc import Mapping

from core.base.errors import DecodeError
from core.data.encoding import b64decode, b64encode
from core.data.encryption_keys import read_types

LENGTH_MAX = 7
QUANTITY_MAX = 16
#: what a client is told that has nothing else
NO_ELGAMAL = (
    "this router has no ElGamal encryption: set the session option i2cp.leaseSetEncType=4 "
    "(ECIES-X25519)"
)
_RATCHET_TYPES = frozenset((4, 5, 6, 7))


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


def offers_elgamal_only(options: Mapping[str, str]) -> bool:
    """Whether it says so. Java: without the option it is so, but others may mean type 4."""
    try:
        types = read_types(options.get("i2cp.leaseSetEncType", ""))
    except DecodeError:
        return True
    return bool(types) and not _RATCHET_TYPES & set(types)
