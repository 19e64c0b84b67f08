"""All sessions of the bridge: made, found, ended, and brought back after a restart."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import Any

from core.api import FileFault, LastingKeys
from core.base.errors import DecodeError, I2PError, Unavailable
from core.data.private_keys import PrivateKeys
from i2ptunnel.config.interfaces_model import SamSection
from i2ptunnel.sam.context import Figures, SamContext
from i2ptunnel.sam.datagrams import UdpPort, deliver
from i2ptunnel.sam.protocol.requests import (
    DSA_SHA1,
    TRANSIENT,
    Refused,
    SessionRequest,
    invalid,
    target_host,
)
from i2ptunnel.sam.protocol.routing import SessionTable, check_listen
from i2ptunnel.sam.protocol.session_options import read_options
from i2ptunnel.sam.protocol.styles import DATAGRAM
from i2ptunnel.sam.protocol.versions import WITH_SUBSESSIONS, Version
from i2ptunnel.sam.session import Control, SamSession
from i2ptunnel.sam.session_config import ENCRYPTION_TYPES, session_config
from i2ptunnel.sam.store import SessionStore, StoredSession, forget_quietly
from i2ptunnel.sam.streams import IncomingStreams, Room

#: samv3.md: a minute or more while the router starts; several until it gives up
READY_S = 300.0
#: how long a session that came back waits for its program, while it is not used
ORPHAN_S = 3600.0
_LOOK_S = 60.0

_log = logging.getLogger("i2ptunnel.sam")


class Sessions:
    """``room``: descriptors for connections to servers of programs."""

    def __init__(
        self,
        section: SamSection,
        context: SamContext,
        figures: Figures,
        udp: UdpPort,
        room: Room,
    ) -> None:
        self._section = section
        self._context = context
        self._figures = figures
        self._udp = udp
        self._room = room
        self._store = SessionStore(context.data_dir)
        self._table: SessionTable[SamSession] = SessionTable()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._remarks: set[str] = set()
        self._is_stopping = False

    @property
    def count(self) -> int:
        """Sessions, without subsessions."""
        return sum(session.parent is None for session in self._table.values())

    def find(self, name: str) -> SamSession | None:
        """The session, or subsession, with an ID."""
        return self._table.get(name)

    def get(self, name: str, user: str) -> SamSession:
        """Likewise, for a connection of ``user``; raises Refused with INVALID_ID."""
        session = self._table.get(name)
        if session is None or session.user != user or session.is_closed:
            raise Refused("INVALID_ID", "there is no session with this ID")
        return session

    # Making

    async def create(
        self, request: SessionRequest, control: Control, version: Version, client: str, user: str
    ) -> SamSession:
        """SESSION CREATE: returns when the session is ready; raises Refused."""
        if request.style.is_primary and version < WITH_SUBSESSIONS:
            raise invalid("PRIMARY needs SAM 3.3")
        options = read_options(request.options, ENCRYPTION_TYPES)
        keys = self._keys_of(request)
        target = ""
        if request.port is not None:
            self.check_forwarding()
            target = target_host(request.host, client)
        if options.resume and self._context.is_shut_in:
            raise invalid("no session outlives this bridge")
        taken_over = await self._take_over(request, keys, control, user)
        if taken_over is not None:
            return taken_over
        if keys is None:
            keys = PrivateKeys.generate_destination(self._context.entropy, request.signature_type)
        self._check_room(client)
        session = SamSession(request, version, client, user, keys, options, None, control)
        session.target = target
        self._table.claim(session)
        self._tell(options.remark)
        lasting = LastingKeys.generate(self._context.entropy) if options.resume else None
        try:
            await self._open(session, lasting)
            if lasting is not None:
                await self._keep(session, lasting)
        except BaseException:
            session.control = None  # which is still to be told why
            await self._abandon(session)
            raise
        self._figures.sessions_total += 1
        return session

    async def add(self, parent: SamSession, request: SessionRequest) -> SamSession:
        """SESSION ADD; raises Refused."""
        if not parent.request.style.is_primary:
            raise invalid("the session is not PRIMARY")
        if request.style.version is not None and request.port is None:
            raise invalid("PORT is missing")
        self._check_offline(parent.keys, request)
        session = SamSession(
            request, parent.version, parent.client, parent.user, parent.keys, parent.options, parent
        )
        if request.port is not None:
            self.check_forwarding()
            session.target = target_host(request.host, parent.client)
        check_listen(request, (child.request for child in parent.children.values()))
        self._table.claim(session)
        parent.children[session.id] = session
        try:
            await self._attach(session)
            await self._keep(parent, parent.lasting)
        except BaseException:
            await self.close(session)
            raise
        return session

    async def remove(self, parent: SamSession, name: str) -> None:
        """SESSION REMOVE; raises Refused."""
        child = parent.children.get(name)
        if child is None:
            raise Refused("INVALID_ID", "there is no subsession with this ID")
        await self.close(child)
        await self._keep(parent, parent.lasting)

    def check_forwarding(self) -> None:
        """Raise Refused where nothing may be forwarded to an address."""
        if self._context.is_shut_in:
            raise invalid("nothing is forwarded from this bridge")

    def _keys_of(self, request: SessionRequest) -> PrivateKeys | None:
        """What the program brought; None for TRANSIENT."""
        if request.destination == TRANSIENT:
            if request.signature_type == DSA_SHA1:
                self._tell("a program asks for DSA_SHA1, which is weak: SIGNATURE_TYPE=7 is better")
            return None
        try:
            keys = PrivateKeys.from_base64(request.destination)
        except DecodeError as error:
            raise Refused("INVALID_KEY", str(error)) from None
        if keys.offline is not None and keys.offline.expires_s < time.time():
            raise Refused("INVALID_KEY", "the transient key has expired")
        self._check_offline(keys, request)
        return keys

    @staticmethod
    def _check_offline(keys: PrivateKeys, request: SessionRequest) -> None:
        if keys.offline is not None and request.style is DATAGRAM:
            raise invalid("DATAGRAM cannot be signed with an offline key; DATAGRAM2 can")

    async def _take_over(
        self, request: SessionRequest, keys: PrivateKeys | None, control: Control, user: str
    ) -> SamSession | None:
        """Give a session back to its program: only one without, and to who has its keys."""
        existing = self._table.get(request.id)
        is_heir = (
            existing is not None
            and existing.parent is None
            and existing.is_orphan
            and existing.core is not None
            and keys is not None
            and keys.write() == existing.keys.write()
            and (existing.user, existing.request.style) == (user, request.style)
        )
        if existing is not None and not is_heir:
            raise Refused("DUPLICATED_ID", "another session has this ID")
        if existing is not None and existing.core is not None:
            existing.control = control
            existing.used_at = time.monotonic()
            try:
                await existing.core.wait_ready(READY_S)
            except BaseException as error:
                existing.control = None
                if isinstance(error, I2PError):
                    raise invalid(str(error)) from None
                raise
            return existing
        if keys is not None:
            for session in [*self._table.values()]:
                is_left = session.parent is None and session.is_orphan and session.user == user
                if is_left and session.keys.write() == keys.write():
                    await self.close(session)
        return None

    def _check_room(self, client: str) -> None:
        roots = [session for session in self._table.values() if session.parent is None]
        most = self._section.max_sessions
        if not self._section.listen.is_loopback:
            most_of_one = max(1, most // 2)
            if sum(session.client == client for session in roots) >= most_of_one:
                raise invalid("too many sessions of one program")
        if len(roots) >= most:
            raise invalid("too many sessions")

    async def _open(self, session: SamSession, lasting: LastingKeys | None) -> None:
        session.lasting = lasting
        try:
            core = await self._context.router.open_session(session_config(session, lasting))
        except I2PError as error:
            is_used = isinstance(error, Unavailable) and error.code == "in_use"
            result = "DUPLICATED_DEST" if is_used else "I2P_ERROR"
            raise Refused(result, str(error)) from None
        session.core = core
        try:
            await core.wait_ready(READY_S)
            await self._attach(session)
        except I2PError as error:
            raise invalid(str(error)) from None

    async def _attach(self, session: SamSession) -> None:
        """Listen for what is the session's; raises Refused."""
        request, core = session.request, session.root.core
        assert core is not None
        session.core = core
        if request.style.is_stream:
            port = request.listen_port if session.parent is not None else 0
            session.incoming = IncomingStreams(
                core, port or None, self._context, self._figures, self._room
            )
        elif request.style.version is not None:
            port = request.listen_port if session.parent is not None else 0
            if request.port is not None:
                await self._udp.prepare(session.target)
            session.receiver = core.bind_datagrams(
                request.listen_protocol, port, is_raw=request.style.is_raw
            )

            async def write(data: bytes) -> None:
                control = session.root.control
                if control is not None:
                    await control.write(data)

            session.delivering = asyncio.create_task(
                deliver(session, session.receiver, self._udp, write, self._figures)
            )

    # Ending

    async def close(self, session: SamSession, *, forget: bool = True) -> None:
        """End a session with its subsessions. ``forget``: it does not come back."""
        if session.is_closed:
            return
        session.is_closed = True
        is_forgotten = session.lasting is not None and forget and not self._is_stopping
        for child in [*session.children.values()]:
            await self.close(child)
        self._table.release(session)
        if session.parent is not None:
            session.parent.children.pop(session.id, None)
        for task in [*session.carriers]:
            task.cancel()
        if session.delivering is not None:
            session.delivering.cancel()
            await asyncio.gather(session.delivering, return_exceptions=True)
        if session.incoming is not None:
            await session.incoming.close()
        if session.receiver is not None:
            session.receiver.close()
        if session.parent is None:
            if session.core is not None:
                await session.core.close()
            if is_forgotten:
                await asyncio.to_thread(forget_quietly, self._store, session.id)
            if session.control is not None:
                session.control.end()

    async def _abandon(self, session: SamSession, *, forget: bool = True) -> None:
        """One that was not finished: it may have been closed before it had tunnels."""
        await self.close(session, forget=forget)
        if session.core is not None:
            await session.core.close()

    async def lose(self, session: SamSession, *, is_dead: bool) -> None:
        """The control socket is gone. ``is_dead``: the program did not close it.

        Then a session that may come back waits for its program.
        """
        session.control = None
        if session.lasting is not None and (is_dead or self._is_stopping):
            session.used_at = time.monotonic()
        else:
            ending = asyncio.create_task(self.close(session))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            await asyncio.shield(ending)

    async def stop(self) -> None:
        """End all of them; what was kept stays for the next start."""
        self._is_stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        roots = [session for session in self._table.values() if session.parent is None]
        await asyncio.gather(*(self.close(one, forget=False) for one in roots))
        await asyncio.gather(*self._ending)

    # Coming back

    async def start(self) -> None:
        """Bring back what was kept, and end in time what nobody comes back to."""
        stored = []
        if not self._context.is_shut_in:
            stored = await asyncio.to_thread(lambda: [*self._store.load()])
        for one in stored[: self._section.max_sessions]:
            self._spawn(self._restore(one))
        self._spawn(self._expire())

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _restore(self, stored: StoredSession) -> None:
        request = stored.request
        options = read_options(request.options, ENCRYPTION_TYPES)
        session = SamSession(
            request, stored.version, stored.client, stored.user, stored.keys, options
        )
        try:
            if request.port is not None:
                session.target = target_host(request.host, stored.client)
            self._table.claim(session)
            await self._open(session, stored.lasting)
            for one in stored.requests:
                await self.add(session, one)
            _log.info("a SAM session is back")
        except Refused as refused:
            _log.warning("a SAM session cannot come back: %s", refused)
            await self._abandon(session, forget=False)
        except BaseException:
            await self._abandon(session, forget=False)
            raise

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            now = time.monotonic()
            for session in [*self._table.values()]:
                if session.parent is not None or not session.is_orphan or session.core is None:
                    continue
                if session.is_in_use:
                    session.used_at = now
                elif now - session.used_at >= ORPHAN_S:
                    await self.close(session)

    async def _keep(self, session: SamSession, lasting: LastingKeys | None) -> None:
        """Write a session that may come back to the disk; raises Refused."""
        if lasting is None or session.is_closed:
            return
        children = tuple(child.request for child in session.children.values())
        stored = StoredSession(
            replace(session.request, destination=""),
            session.version,
            session.client,
            session.user,
            session.keys,
            lasting,
            children,
        )
        try:
            await asyncio.to_thread(self._store.save, stored)
        except FileFault as fault:
            raise invalid(str(fault)) from None

    def _tell(self, remark: str) -> None:
        """Log a remark about what programs ask for, each once."""
        if remark and remark not in self._remarks:
            self._remarks.add(remark)
            _log.info("%s", remark)
