"""Countries of IP addresses, from a database in MaxMind's format that the user has.

Several are free of charge (DB-IP lite, IPinfo lite, GeoLite2); none comes with the program. Nothing
is asked of the network.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.api import FileFault

CACHED_MAX = 20_000

CountryOf = Callable[[str], str | None]
"""The country of an IP literal in two capital letters, None if it is not known."""


def open_geoip(path: Path) -> CountryOf:
    """Look addresses up in an .mmdb file, by city or by country. FileFault: why it is no use."""
    try:
        import maxminddb
    except ImportError:
        raise FileFault(
            path,
            "maxminddb is not installed, which reads it: pip install maxminddb",
        ) from None
    try:
        database = maxminddb.open_database(path)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        raise FileFault(path, f"it is no database of addresses (.mmdb): {error}") from None

    @lru_cache(maxsize=CACHED_MAX)
    def country_of(host: str) -> str | None:
        try:
            return _country_in(database.get(ipaddress.ip_address(host)))
        except (ValueError, maxminddb.InvalidDatabaseError):
            return None

    return country_of


def _country_in(record: Any) -> str | None:
    """Of GeoLite2, DB-IP and their like (``country.iso_code``), or IPinfo (``country_code``)."""
    if not isinstance(record, dict):
        return None
    place = record.get("country")
    code = place.get("iso_code") if isinstance(place, dict) else record.get("country_code", place)
    return code.upper() if isinstance(code, str) and len(code) == 2 else None
