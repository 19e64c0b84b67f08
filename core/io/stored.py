"""What a router has kept from earlier runs: its port, and the routers that it knew."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from core.base.errors import DecodeError
from core.base.ports import Entropy
from core.data.router_info import RouterInfo
from core.data.transport_address import Ntcp2Address, Ssu2Address
from core.io.database import Database
from core.io.files import FileFault, read_limited
from core.io.turns import share_turn

logger = logging.getLogger("core.io.router")

_INFO_BYTES_MAX = 65536
_PORT_FIRST, _PORT_COUNT = 9000, 22000
_PORT_SPACE, _PORT_NAME = "router", b"port"
PROVEN_SPACE = "proven"
"""Names: routers that are known to exist."""
RELIABLE_SPACE = "reliable"
"""Names: floodfills that mostly had what was looked for."""
AT_ONCE = 1000
"""RouterInfos that are read before the router starts (45 ms); the others are read beside it."""
_PIECE = 16


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


class StoredRouters:
    """The routers that an earlier run knew, in two steps.

    The router starts with some, of those that are proven to exist as many as there may be. The rest
    is read between the turns of the loop: it may be tens of thousands. Of a damaged file only those
    are taken that are genuine.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._after: bytes | None = b""
        self._task: asyncio.Task[None] | None = None
        self.proven = database.load_space(PROVEN_SPACE).keys()
        self.reliable = database.load_space(RELIABLE_SPACE).keys()

    def first(self) -> list[RouterInfo]:
        """What to start with, at most twice ``AT_ONCE``."""
        infos = self._parse(self._database.load_named_routers(PROVEN_SPACE, AT_ONCE))
        known = {info.hash for info in infos}
        if len(infos) < AT_ONCE:
            rows, self._after = self._database.load_routers_after(b"", AT_ONCE)
            infos += self._parse(row for row in rows if row[0] not in known)
        return infos

    def load_rest(self, load: Callable[[list[RouterInfo]], None]) -> None:
        """Begin to hand over all others, in pieces; some of the first may be among them."""
        self._task = asyncio.create_task(self._load_rest(load))

    @property
    def is_loading(self) -> bool:
        """Whether there are more to come."""
        return self._task is not None and not self._task.done()

    def stop(self) -> None:
        """What is not loaded yet stays on the disk."""
        if self._task is not None:
            self._task.cancel()

    async def _load_rest(self, load: Callable[[list[RouterInfo]], None]) -> None:
        while self._after is not None:
            await share_turn()
            rows, self._after = self._database.load_routers_after(self._after, _PIECE)
            load(self._parse(rows))

    def _parse(self, rows: Iterable[tuple[bytes, int, bytes]]) -> list[RouterInfo]:
        infos = []
        for router_hash, _, raw in rows:
            with contextlib.suppress(DecodeError):
                info = RouterInfo.parse(raw)
                if info.hash == router_hash and (not self._database.is_rescued or info.verify()):
                    infos.append(info)
                    continue
            logger.warning("dropped a damaged router info from the database")
        return infos
