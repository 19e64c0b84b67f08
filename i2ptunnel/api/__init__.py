"""I2P for asyncio programs: destinations, streams and datagrams as Python objects.

    async with api.attach_sam() as router, router.connect("stats.i2p:80") as stream:
        await stream.write(b"GET / HTTP/1.0\\r\\nHost: stats.i2p\\r\\n\\r\\n")
        print(await stream.read())

:func:`open_router` starts a router in this process; :func:`attach_sam` and :func:`attach_i2cp` use
one that runs: ours, i2pd or Java I2P. All three give a :class:`Router` with the same methods.
docs/PYTHON.md tells the rest. What is exported here is stable.

Importing this starts nothing and changes nothing in the process. A router in this process raises
its soft limit of file descriptors to the hard one and tunes its garbage collector.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.api import I2cpAddress, I2cpSessions, RouterLog
from i2ptunnel.api.address import Address
from i2ptunnel.api.core_router import CoreRouter
from i2ptunnel.api.embedded import Embedded, read_configuration
from i2ptunnel.api.errors import (
    Closed,
    Error,
    NotFound,
    RouterError,
    StreamReset,
    TimedOut,
    Unreachable,
    UsageError,
    reason_of,
)
from i2ptunnel.api.interface import (
    Datagram,
    DatagramSession,
    Listener,
    Router,
    Session,
    Stream,
    Target,
)
from i2ptunnel.api.opening import (
    CONNECT_TIMEOUT_S,
    OPEN_TIMEOUT_S,
    RESOLVE_TIMEOUT_S,
    SESSION_TIMEOUT_S,
    Opening,
    limited,
)
from i2ptunnel.api.sam_client import SamAddress
from i2ptunnel.api.sam_router import SamRouter
from i2ptunnel.api.streams import StreamTransport, open_connection

__all__ = [
    "CONNECT_TIMEOUT_S",
    "OPEN_TIMEOUT_S",
    "RESOLVE_TIMEOUT_S",
    "SESSION_TIMEOUT_S",
    "Address",
    "Closed",
    "Datagram",
    "DatagramSession",
    "Error",
    "Listener",
    "NotFound",
    "Opening",
    "Router",
    "RouterError",
    "Session",
    "Stream",
    "StreamReset",
    "StreamTransport",
    "Target",
    "TimedOut",
    "Unreachable",
    "UsageError",
    "attach_i2cp",
    "attach_sam",
    "open_connection",
    "open_router",
]


def open_router(
    config: Mapping[str, Any] | Path | str | None = None,
    *,
    data_dir: Path | str | None = None,
    timeout: float | None = OPEN_TIMEOUT_S,
) -> Opening[Router]:
    """Start a router in this process and event loop.

    ``config``: a YAML file, or a mapping, with the sections ``router`` and ``naming`` of
    docs/OPTIONS.md. ``data_dir`` counts before the one there; one of them must be given. The
    directory belongs to one process at a time. The router needs a minute or more until it knows
    enough of the network: sessions wait for that. Raises UsageError, RouterError.
    """

    async def start() -> Router:
        async with limited(timeout, "starting the router"):
            directory = None if data_dir is None else Path(data_dir)
            embedded = Embedded(read_configuration(config, directory))
            await embedded.start()
            return embedded.router

    return Opening(start)


def attach_sam(
    host: str = "127.0.0.1",
    port: int = 7656,
    *,
    user: str = "",
    password: str = "",
    timeout: float | None = OPEN_TIMEOUT_S,
) -> Opening[Router]:
    """Use a router that runs, by SAM 3.1 or newer. Raises RouterError if nobody answers there.

    SAM has no encryption: reach other machines through something that has.
    """

    async def attach() -> Router:
        address = SamAddress(host, port, user, password)
        router = SamRouter(address)
        async with limited(timeout, "reaching the SAM bridge"):
            (await router.connection()).abort()
        return router

    return Opening(attach)


def attach_i2cp(
    host: str = "127.0.0.1",
    port: int = 7654,
    *,
    tls: ssl.SSLContext | None = None,
    user: str = "",
    password: str = "",
    timeout: float | None = OPEN_TIMEOUT_S,
) -> Opening[Router]:
    """Use a router that runs, by I2CP: it carries messages, the streams are made in this process.

    Every session has a connection of its own, made anew when it ends. Raises RouterError if nobody
    listens there.
    """

    async def attach() -> Router:
        address = I2cpAddress(host, port, tls, user, password)
        async with limited(timeout, "reaching the router"):
            try:
                _, writer = await asyncio.open_connection(host, port, ssl=tls)
            except OSError as error:
                why = f"no I2CP at {address}: {reason_of(error)}"
                raise RouterError(why, "no_router") from error
            writer.transport.abort()
        sessions = I2cpSessions(address, RouterLog(), lambda: None)
        return CoreRouter(sessions.open, None, sessions.close)

    return Opening(attach)
