"""Addresses of trackers that a torrent client in I2P can announce to: HTTP, and a name in I2P."""

from __future__ import annotations

import re

_TRACKER = re.compile(
    r"http://(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}i2p(?::[0-9]{1,5})?/[!-~]*",
    re.IGNORECASE | re.ASCII,
)
_CHARACTERS_MAX = 1024
LOOK = "http://tracker.i2p/announce.php"


def is_i2p_tracker(url: str) -> bool:
    """Whether libtorrent can announce to it over SAM, and reaches nothing outside of I2P by it."""
    return len(url) <= _CHARACTERS_MAX and _TRACKER.fullmatch(url) is not None
