"""Hands out client sessions: one for each tunnel that has its own keys, shared ones to the others.

Client tunnels without keys of their own share one destination for each shape, so that a browser's
proxy and a chat client do not need two sets of router tunnels. A session ends when the last tunnel
gives it back, a moment later if it may be wanted again: a tunnel that starts anew with changed
options then has its router tunnels at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core.api import (
    EncryptedLeaseSetOptions,
    FileFault,
    MetaOptions,
    SessionConfig,
    StreamingOptions,
    TunnelShape,
)
from core.base.errors import LocalError, Unavailable
from core.data.daily_keys import write_daily_keys
from core.data.identity import b32_to_hash
from core.data.lease_set_layers import AuthScheme, ClientAuthorisation, DailyKey
from core.data.private_keys import PrivateKeys
from i2ptunnel.config.client_models import CONNECT_TIMEOUT_MAX_S, ClientSection
from i2ptunnel.config.router_model import ExploratoryShapeSection, ShapeSection
from i2ptunnel.config.tunnel_parts import (
    EncryptedSection,
    MetaSection,
    StreamingSection,
    TunnelSection,
)
from i2ptunnel.key_watch import check_not_ending
from i2ptunnel.keyfiles import (
    generate_keys,
    lasting_file,
    load_daily_keys,
    load_or_create_keys,
    load_or_create_lasting,
    read_keys,
)
from i2ptunnel.relay.channel import I2pSession
from i2ptunnel.resting import RestingSession
from i2ptunnel.tunnels.base import RestPolicy, SessionRequest

OpenSession = Callable[[SessionConfig], Awaitable[I2pSession]]
_Key = tuple[
    str,
    ShapeSection,
    ShapeSection,
    bool,
    RestPolicy,
    EncryptedSection,
    StreamingSection,
    bool,
    bool,
    tuple[int, ...],
    MetaSection | None,
]

SHARED_NAME = "shared clients"
#: Red25519, the type made for lease sets that are published encrypted; and Ed25519
_RED25519, _ED25519 = 11, 7


def tunnel_shape(section: ShapeSection | ExploratoryShapeSection) -> TunnelShape:
    """The core's form of a shape."""
    return TunnelShape(
        section.length,
        section.quantity,
        section.length_variance,
        section.backup_quantity,
        section.explicit_peers if isinstance(section, ShapeSection) else (),
    )


def streaming_options(
    section: StreamingSection, *, is_server: bool, answer_pings: bool
) -> StreamingOptions:
    """The core's form. How long a tunnel waits for its own connections, it knows itself."""
    # Java, i2pd: clients answer no pings either. Sites could watch when their visitors are online.
    return StreamingOptions(
        accepts_streams=is_server,
        answer_pings=answer_pings,
        connect_timeout_s=CONNECT_TIMEOUT_MAX_S,
        window_max=section.max_window,
        congestion=section.congestion,
        ack_delay_max_s=section.ack_delay,
        keepalive_s=section.inactivity_timeout,
        ends_inactive=section.inactivity_action == "disconnect",
        resend_max=section.max_resends,
    )


@dataclass(frozen=True, slots=True)
class _Keys:
    """What the files of a tunnel hold. ``daily`` is there if the signing key is offline."""

    private: PrivateKeys | None = None
    daily: tuple[DailyKey, ...] = ()

    @property
    def content(self) -> bytes:
        own = b"" if self.private is None else self.private.write()
        return own + write_daily_keys(self.daily) if self.daily else own


@dataclass(slots=True)
class _Entry:
    session: I2pSession
    users: int
    #: the content of the key files
    keys: bytes
    ending: asyncio.Task[None] | None = None


def session_name(tunnel: str, section: TunnelSection) -> str:
    """What the session of a tunnel is called: that of several client tunnels has one name."""
    is_shared = isinstance(section, ClientSection) and section.shared and section.keys is None
    return SHARED_NAME if is_shared else tunnel


class SessionPool:
    """Sessions by what makes them the same: keys, shapes, publishing, when they rest, streaming.

    ``linger_s``: how long one that nobody uses any more stays open.
    """

    def __init__(
        self,
        open_session: OpenSession,
        data_dir: Path,
        linger_s: float = 0.0,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._open_session = open_session
        self._data_dir = data_dir
        self._linger_s = linger_s
        self._wall = wall
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
            keys = await self._keys_of(request)
            entry = self._entries.get(key)
            if entry is not None:
                if entry.keys == keys.content and not await _is_closed(entry.session):
                    if entry.ending is not None:
                        entry.ending.cancel()
                        entry.ending = None
                    entry.users += 1
                    return entry.session
                del self._entries[key]
                if not entry.users:
                    await self._end(entry)
            session = await self._make(request, keys)
            self._entries[key] = _Entry(session, 1, keys.content)
            return session

    async def release(self, session: I2pSession) -> None:
        """Give a session back; the last one to do so closes it."""
        for key, entry in list(self._entries.items()):
            if entry.session is session:
                entry.users -= 1
                if entry.users > 0:
                    return
                if self._linger_s > 0 and session.is_ready:
                    entry.ending = asyncio.create_task(self._end_later(key, entry))
                    return
                del self._entries[key]
        await session.close()

    async def close_unused(self) -> None:
        """Close the sessions that only linger."""
        for key, entry in list(self._entries.items()):
            if not entry.users:
                del self._entries[key]
                await self._end(entry)

    async def _end_later(self, key: _Key, entry: _Entry) -> None:
        await asyncio.sleep(self._linger_s)
        if self._entries.get(key) is entry:
            del self._entries[key]
        entry.ending = None
        await entry.session.close()

    @staticmethod
    async def _end(entry: _Entry) -> None:
        if entry.ending is not None:
            entry.ending.cancel()
            entry.ending = None
        await entry.session.close()

    async def _keys_of(self, request: SessionRequest) -> _Keys:
        if request.keys_file is None:
            return _Keys()
        path = self._data_dir / request.keys_file
        encrypted = request.encrypted
        new_type = _RED25519 if encrypted.enabled else None
        keys = await asyncio.to_thread(load_or_create_keys, path, new_type)
        daily: tuple[DailyKey, ...] = ()
        if encrypted.enabled:
            if keys.destination.signing_type not in (_RED25519, _ED25519):
                raise FileFault(
                    path, "these keys cannot be found by an encrypted address; make new ones"
                )
            if keys.offline is not None:
                daily = await asyncio.to_thread(load_daily_keys, path, keys, encrypted.secret)
        check_not_ending(path, keys, self._wall(), daily)
        return _Keys(keys, daily)

    async def _make(self, request: SessionRequest, keys: _Keys) -> I2pSession:
        opening = partial(self._open_core, request, keys.daily)
        if not request.rest.is_any:
            return await opening(keys.private)
        shapes = (tunnel_shape(request.inbound), tunnel_shape(request.outbound))
        session = RestingSession(opening, keys.private, generate_keys, shapes, request.rest)
        await session.start()
        return session

    async def _open_core(
        self, request: SessionRequest, daily: tuple[DailyKey, ...], keys: PrivateKeys | None
    ) -> I2pSession:
        lasting = None
        if keys is not None and request.keys_file is not None and not request.rest.new_keys:
            path = lasting_file(self._data_dir, self._data_dir / request.keys_file, keys)
            lasting = await asyncio.to_thread(load_or_create_lasting, path, keys)
        return await self._open_session(
            SessionConfig(
                name=SHARED_NAME if request.is_shared else request.name,
                keys=keys,
                inbound=tunnel_shape(request.inbound),
                outbound=tunnel_shape(request.outbound),
                publish=request.publish,
                streaming=streaming_options(
                    request.streaming,
                    is_server=request.publish,
                    answer_pings=request.publish and request.answer_pings,
                ),
                encrypted=encrypted_options(request.encrypted, daily),
                is_multihomed=request.is_multihomed,
                meta=None if keys is None else await self._meta_of(request, keys),
                lasting=lasting,
                encryption_types=request.encryption_types,
            )
        )

    async def _meta_of(self, request: SessionRequest, keys: PrivateKeys) -> MetaOptions | None:
        """The address that several machines have together; raises FileFault."""
        section = request.meta
        if section is None:
            return None
        path = self._data_dir / section.keys
        address = await asyncio.to_thread(read_keys, path, is_used=True)
        if address is None:
            why = "there is no such key file; copy the common one, or a transient one of it"
            raise FileFault(path, why)
        check_not_ending(path, address, self._wall())
        machines = tuple((b32_to_hash(one), cost) for one, cost in section.machines)
        if keys.destination.hash not in dict(machines):
            own = keys.destination.b32
            raise FileFault(path, f"meta.machines lacks this machine, {own}; add it everywhere")
        return MetaOptions(address, machines)

    @staticmethod
    def _key_of(request: SessionRequest) -> _Key:
        if request.keys_file is not None:
            name = f"keys:{request.keys_file}"
        else:
            name = "shared" if request.is_shared else f"own:{request.name}"
        return (
            name,
            request.inbound,
            request.outbound,
            request.publish,
            request.rest,
            request.encrypted,
            request.streaming,
            request.answer_pings,
            request.is_multihomed,
            request.encryption_types,
            request.meta,
        )


def encrypted_options(
    section: EncryptedSection, daily: tuple[DailyKey, ...] = ()
) -> EncryptedLeaseSetOptions | None:
    """The core's form; raises Unavailable ``bad_client_key``."""
    if not section.enabled:
        return None
    authorisation = None
    if section.clients:
        public = tuple(c.public_key for c in section.clients if c.public_key is not None)
        shared = tuple(c.shared_key for c in section.clients if c.shared_key is not None)
        scheme = AuthScheme.DH if public else AuthScheme.PSK
        try:
            authorisation = ClientAuthorisation(scheme, public or shared)
        except LocalError as error:
            raise Unavailable(f"encrypted.clients: {error}", "bad_client_key") from None
    return EncryptedLeaseSetOptions(section.secret, authorisation, daily)


async def _is_closed(session: I2pSession) -> bool:
    if session.is_ready:
        return False
    try:
        await session.wait_ready(0)
    except Unavailable as error:
        return error.code == "closed"
    return False
