"""What a router has kept from earlier runs: its port, and the routers that it knew."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

from core.base.errors import DecodeError
from core.base.ports import Entropy
from core.data.router_info import RouterInfo
from core.data.transport_address import Ntcp2Address, Ssu2Address
from core.io.database import Database
from core.io.files import FileFault, read_limited

logger = logging.getLogger("core.io.router")

_INFO_BYTES_MAX = 65536
_PORT_FIRST, _PORT_COUNT = 9000, 22000
_PORT_SPACE, _PORT_NAME = "router", b"port"


def stored_port(database: Database, info_file: Path, own_hash: bytes, entropy: Entropy) -> int:
    """Where a router listens whose port is not configured: drawn once at random and kept."""
    stored = database.get(_PORT_SPACE, _PORT_NAME)
    if stored is not None and stored.isdigit():
        return int(stored)
    port = _published_port(info_file, own_hash) or _PORT_FIRST + entropy.randbelow(_PORT_COUNT)
    database.save_space(_PORT_SPACE, {_PORT_NAME: str(port).encode()})
    return port


def _published_port(info_file: Path, own_hash: bytes) -> int:
    """The port of the RouterInfo we wrote last, for when the database was lost; or 0."""
    try:
        info = RouterInfo.parse(read_limited(info_file, _INFO_BYTES_MAX))
    except (FileFault, DecodeError):
        return 0
    if info.hash != own_hash or not info.verify():
        return 0
    for kind in (Ntcp2Address, Ssu2Address):
        for address in map(kind.from_address, info.addresses):
            if address is not None and address.port:
                return address.port
    return 0


def stored_routers(database: Database) -> list[RouterInfo]:
    """Those that can be read; of a damaged file only those that are genuine."""
    infos = []
    for router_hash, _, raw in database.load_routers():
        with contextlib.suppress(DecodeError):
            info = RouterInfo.parse(raw)
            if info.hash == router_hash and (not database.is_rescued or info.verify()):
                infos.append(info)
                continue
        logger.warning("dropped a damaged router info from the database")
    return infos
