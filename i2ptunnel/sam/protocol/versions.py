"""Which version of SAM a connection speaks (samv3.md, "SAM Connection Handshake")."""

from __future__ import annotations

import re

Version = tuple[int, int]

VERSIONS: tuple[Version, ...] = ((3, 0), (3, 1), (3, 2), (3, 3))
#: what came with it: ports in lines about streams and datagrams
WITH_PORTS: Version = (3, 2)
WITH_SUBSESSIONS: Version = (3, 3)
_TEXT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,3}))?")


def parse_version(text: str) -> Version:
    """``3.1``, or ``3`` for 3.0; raises ValueError."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError("a version is written like 3.1")
    return int(found[1]), int(found[2] or 0)


def negotiate(minimum: str | None, maximum: str | None) -> Version | None:
    """The highest version within bounds, None if there is none; raises ValueError.

    As MAX, ``3`` stands for every 3.x.
    """
    low = parse_version(minimum) if minimum else VERSIONS[0]
    high = parse_version(maximum) if maximum else VERSIONS[-1]
    if maximum and "." not in maximum:
        high = (high[0], 999)
    return max((one for one in VERSIONS if low <= one <= high), default=None)


def format_version(version: Version) -> str:
    """As it stands in lines: ``3.1``."""
    return f"{version[0]}.{version[1]}"
