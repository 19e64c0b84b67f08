"""Hands out client sessions: one for each tunnel that has its own keys, shared ones to the others.

Client tunnels without keys of their own share one destination for each shape, so that a browser's
proxy and a chat client do not need two sets of router tunnels. A session ends when the last tunnel
gives it back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from core.api import SessionConfig, TunnelShape
from core.base.errors import Unavailable
from i2ptunnel.config.router_model import ExploratoryShapeSection, ShapeSection
from i2ptunnel.keyfiles import load_or_create_keys
from i2ptunnel.relay.channel import I2pSession
from i2ptunnel.tunnels.base import SessionRequest

OpenSession = Callable[[SessionConfig], Awaitable[I2pSession]]
_Key = tuple[str, ShapeSection, ShapeSection, bool]

SHARED_NAME = "shared clients"


def tunnel_shape(section: ShapeSection | ExploratoryShapeSection) -> TunnelShape:
    """The core's form of a shape."""
    return TunnelShape(
        section.length, section.quantity, section.length_variance, section.backup_quantity
    )


@dataclass(slots=True)
class _Entry:
    session: I2pSession
    users: int


class SessionPool:
    """Sessions by what makes them the same: keys, shapes, publishing."""

    def __init__(self, open_session: OpenSession, data_dir: Path) -> None:
        self._open_session = open_session
        self._data_dir = data_dir
        self._entries: dict[_Key, _Entry] = {}
        self._lock = asyncio.Lock()

    @property
    def count(self) -> int:
        """Sessions that are open."""
        return len(self._entries)

    async def open(self, request: SessionRequest) -> I2pSession:
        """A session for a tunnel, perhaps not ready yet; raises I2PError or OSError."""
        key = self._key_of(request)
        async with self._lock:
            entry = self._entries.get(key)
            if entry is not None and not await _is_closed(entry.session):
                entry.users += 1
                return entry.session
            keys = None
            if request.keys_file is not None:
                path = self._data_dir / request.keys_file
                keys = await asyncio.to_thread(load_or_create_keys, path)
            session = await self._open_session(
                SessionConfig(
                    name=SHARED_NAME if request.is_shared else request.name,
                    keys=keys,
                    inbound=tunnel_shape(request.inbound),
                    outbound=tunnel_shape(request.outbound),
                    publish=request.publish,
                )
            )
            self._entries[key] = _Entry(session, 1)
            return session

    async def release(self, session: I2pSession) -> None:
        """Give a session back; the last one to do so closes it."""
        for key, entry in list(self._entries.items()):
            if entry.session is session:
                entry.users -= 1
                if entry.users > 0:
                    return
                del self._entries[key]
        await session.close()

    @staticmethod
    def _key_of(request: SessionRequest) -> _Key:
        if request.keys_file is not None:
            name = f"keys:{request.keys_file}"
        else:
            name = "shared" if request.is_shared else f"own:{request.name}"
        return name, request.inbound, request.outbound, request.publish


async def _is_closed(session: I2pSession) -> bool:
    if session.is_ready:
        return False
    try:
        await session.wait_ready(0)
    except Unavailable as error:
        return error.code == "closed"
    return False
