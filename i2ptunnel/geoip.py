"""Countries and autonomous systems of addresses, from databases in MaxMind's format (.mmdb).

Several are free of charge (DB-IP lite, IPinfo lite, GeoLite2); none comes with the program. Nothing
is asked of the network.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from core.api import FileFault
from core.data.ip_family import AsnOf

CACHED_MAX = 20_000
#: Records among which a database of networks has one with a number.
_LOOKED_AT = 1000

T = TypeVar("T")
CountryOf = Callable[[str], str | None]
"""The country of an IP literal in two capital letters, None if it is not known."""


def open_geoip(path: Path) -> CountryOf:
    """Look addresses up in an .mmdb file, by city or by country. FileFault: why it is no use."""
    return _lookup(_open(path), _country_in)


def open_asn(path: Path) -> AsnOf:
    """Look networks up in an .mmdb file, by autonomous system. FileFault: why it is no use."""
    database = _open(path)
    import maxminddb

    try:
        is_of_networks = any(_asn_in(record) for _, record in islice(database, _LOOKED_AT))
    except (ValueError, maxminddb.InvalidDatabaseError) as error:
        raise FileFault(path, f"it is damaged: {error}") from None
    if not is_of_networks:
        raise FileFault(path, "it does not tell autonomous systems (ASN)")
    return _lookup(database, _asn_in)


def _open(path: Path) -> Any:
    try:
        import maxminddb
    except ImportError:
        raise FileFault(
            path,
            "maxminddb is not installed, which reads it: pip install maxminddb",
        ) from None
    try:
        return maxminddb.open_database(path)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        raise FileFault(path, f"it is no database of addresses (.mmdb): {error}") from None


def _lookup(database: Any, read: Callable[[Any], T | None]) -> Callable[[str], T | None]:
    import maxminddb

    @lru_cache(maxsize=CACHED_MAX)
    def look_up(host: str) -> T | None:
        try:
            return read(database.get(ipaddress.ip_address(host)))
        except (ValueError, maxminddb.InvalidDatabaseError):
            return None

    return look_up


def _country_in(record: Any) -> str | None:
    """Of GeoLite2, DB-IP and their like (``country.iso_code``), or IPinfo (``country_code``)."""
    if not isinstance(record, dict):
        return None
    place = record.get("country")
    code = place.get("iso_code") if isinstance(place, dict) else record.get("country_code", place)
    return code.upper() if isinstance(code, str) and len(code) == 2 else None


def _asn_in(record: Any) -> int | None:
    """Of GeoLite2 and DB-IP (``autonomous_system_number``), or IPinfo (``asn``: "AS64500")."""
    if not isinstance(record, dict):
        return None
    number = record.get("autonomous_system_number", record.get("asn"))
    if isinstance(number, str) and re.fullmatch(r"AS[0-9]{1,10}", number):
        number = int(number[2:])
    return number if isinstance(number, int) and 0 < number < 1 << 32 else None
