"""I2CP for programs that bring their own streams: a session here for each of their destinations.

Whoever listens hands each connection to :meth:`I2cpServer.serve`. A connection has two tasks: one
reads and does what is asked, one writes what has happened. While a client does not read, payloads
for it wait up to a bound and are then dropped, and nobody else notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping

from core.base.errors import DecodeError, I2PError, LocalError, Unavailable
from core.base.ports import WallClock
from core.client.events import LeaseSetFound
from core.client.hosted import LeaseSetWanted, SigningFailed, StatusKnown
from core.client.hosted_options import hosted_config
from core.data.identity import Destination
from core.i2cp.requests import (
    BlindingTold,
    Ended,
    LeaseSetSigned,
    LeaseSetUnreadable,
    LimitsWanted,
    LoginWanted,
    LookupWanted,
    Request,
    SendWanted,
    SessionChanged,
    SessionEnded,
    SessionWanted,
)
from core.i2cp.server import ServerConnection
from core.i2cp.session_messages import SessionState
from core.io.hosted import HostedSession
from core.io.i2cp_lookups import Lookups, LookupService
from core.io.i2cp_ports import ByteChannel, HostRouter, IsUser
from core.io.turns import share_turn

#: A client says what it wants within this time.
GREETING_TIMEOUT_S = 30.0
#: A connection without a session, as for lookups, that says nothing for so long is closed.
IDLE_TIMEOUT_S = 300.0
#: So long a client that is disconnected may take to read why.
FLUSH_TIMEOUT_S = 5.0
READ_BYTES = 65536
#: Payloads that are written at once.
_BATCH_BYTES = 128 * 1024

logger = logging.getLogger("core.i2cp")


class I2cpServer:
    """``is_user``: who may use it, None: everybody; ``sessions_max``: of all clients.

    ``lookups``: what they may ask of others' destinations.
    """

    def __init__(
        self,
        router: HostRouter,
        wall: WallClock,
        lookups: LookupService,
        is_user: IsUser | None,
        sessions_max: int,
    ) -> None:
        self.router = router
        self.wall = wall
        self.lookups = lookups
        self.is_user = is_user
        self.sessions = 0
        self._sessions_max = sessions_max
        self._numbers = 0
        self._used: set[int] = set()

    def take_number(self) -> int | None:
        """A session ID that nobody has; None if there are too many sessions."""
        if len(self._used) >= self._sessions_max:
            return None
        while True:
            self._numbers = self._numbers % 0xFFFE + 1  # 0xffff means: no session
            if self._numbers not in self._used:
                self._used.add(self._numbers)
                self.sessions = len(self._used)
                return self._numbers

    def free_number(self, number: int) -> None:
        """The session is gone."""
        self._used.discard(number)
        self.sessions = len(self._used)

    async def serve(
        self, channel: ByteChannel, established: Callable[[], None], client: str = ""
    ) -> str:
        """Serve one client until its end; why it was ended, or nothing. Raises Unavailable.

        ``established`` is called when the client has proved to be one; ``client`` is its address.
        """
        one = _Client(self, channel, established, client)
        try:
            return await one.run()
        finally:
            await one.close()


class _Client:
    """One connection."""

    def __init__(
        self,
        server: I2cpServer,
        channel: ByteChannel,
        established: Callable[[], None],
        address: str,
    ) -> None:
        self._address = address
        self._server = server
        self._channel = channel
        self._established = established
        self._connection = ServerConnection(server.wall, is_guarded=server.is_user is not None)
        self._sessions: dict[int, HostedSession] = {}
        self._unreachable: set[int] = set()
        self._changed = asyncio.Event()
        self._lookups = Lookups(server.lookups, self._connection, self._sessions, self._changed.set)
        self._reason = ""

    # Life

    async def run(self) -> str:
        """Read and write until either ends."""
        writer = asyncio.create_task(self._write())
        try:
            await self._read()
            if self._connection.is_over:  # what was said last still goes out
                self._changed.set()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FLUSH_TIMEOUT_S):
                        await writer
        finally:
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, I2PError):
                await writer
        return self._reason

    async def close(self) -> None:
        """Give all sessions up."""
        self._lookups.close()
        for number in reversed(list(self._sessions)):
            await self._close_session(number)

    async def _read(self) -> None:
        connection = self._connection
        is_established = False
        while not connection.is_over:
            wait_s: float | None = None if self._sessions else IDLE_TIMEOUT_S
            if not connection.is_greeted:
                wait_s = GREETING_TIMEOUT_S
            try:
                async with asyncio.timeout(wait_s):
                    data = await self._channel.read(READ_BYTES)
            except TimeoutError:
                connection.disconnect("nothing was said for too long")
                self._reason = "idle"
                return
            if not data:
                return
            connection.receive(data)
            while (request := connection.next_request()) is not None:
                await share_turn()
                await self._handle(request)
            self._changed.set()
            if connection.is_greeted and not is_established:
                is_established = True
                self._established()

    async def _write(self) -> None:
        """What has happened goes out, as fast as the client takes it."""
        connection = self._connection
        while True:
            await self._changed.wait()
            self._changed.clear()
            is_more = True
            while is_more:
                is_more = self._collect()
                output = connection.take_output()
                if output:
                    await self._channel.write(output)
            if connection.is_over:
                return

    def _collect(self) -> bool:
        """Turn events and payloads into output; True if there is more."""
        is_more = False
        for number, session in list(self._sessions.items()):
            while (event := session.next_event()) is not None:
                self._on_event(number, event)
            size = 0
            while size < _BATCH_BYTES and (payload := session.take_payload()) is not None:
                self._connection.deliver(number, payload)
                size += len(payload)
            is_more = is_more or size >= _BATCH_BYTES
        return is_more

    # What the router tells

    def _on_event(self, number: int, event: object) -> None:
        match event:
            case LeaseSetWanted(leases):
                self._connection.request_lease_set(number, leases)
            case StatusKnown(nonce, status):
                self._connection.tell_status(number, nonce, status)
            case SigningFailed():
                self._connection.disconnect("no lease set was signed")
            case LeaseSetFound():
                self._lookups.found(event)
            case _:
                pass

    # What the client asks

    async def _handle(self, request: Request) -> None:
        match request:
            case SendWanted():
                self._send(request)
            case LookupWanted():
                self._lookups.look_up(request)
            case LeaseSetSigned(number, lease_set, keys):
                try:
                    self._sessions[number].take_lease_set(lease_set, keys)
                except DecodeError as error:
                    self._connection.disconnect(f"lease set refused: {error}")
            case LeaseSetUnreadable(number, why):
                self._refuse_unreadable(number, why)
            case LoginWanted(user_name, password):
                is_user = self._server.is_user
                is_right = is_user is None or await is_user(user_name, password, self._address)
                self._connection.answer_login(is_right)
            case SessionWanted(config):
                self._open(config.destination, config.options)
            case SessionChanged(number, options):
                self._sessions[number].reconfigure(hosted_config(options))
            case SessionEnded(number):
                await self._close_session(number)
            case BlindingTold(_, info):
                self._lookups.learn_blinding(info)
            case LimitsWanted():
                router = self._server.router.config
                self._connection.answer_limits(router.inbound_bytes_s, router.outbound_bytes_s)
            case Ended(reason):
                self._reason = reason

    def _open(self, destination: Destination, options: Mapping[str, str]) -> None:
        number = self._server.take_number()
        if number is None:
            self._connection.refuse_session(SessionState.REFUSED)
            return
        try:
            first = self._first_for(destination)
            session = self._server.router.host(hosted_config(options), destination, first)
        except (Unavailable, LocalError):
            self._server.free_number(number)
            # Java, i2pd: a destination that is in use makes the configuration invalid.
            self._connection.refuse_session(SessionState.INVALID)
            return
        session.on_change = self._changed.set
        self._sessions[number] = session
        self._connection.accept_session(number)

    def _first_for(self, destination: Destination) -> HostedSession | None:
        """The primary session, if this one may share its tunnels.

        i2cp.md "Multisession Notes": both must have the same encryption keys, and destinations with
        the same, unused public key. With another one a session has tunnels of its own.
        """
        first = next(iter(self._sessions.values()), None)
        if first is None or first.engine.destination.crypto_key != destination.crypto_key:
            return None
        return first

    async def _close_session(self, number: int) -> None:
        session = self._sessions.pop(number, None)
        if session is not None:
            session.on_change = _nothing
            await session.close()
            self._server.free_number(number)
            self._unreachable.discard(number)

    def _refuse_unreadable(self, number: int, why: str) -> None:
        """Java: over a socket its subsessions sign such ones, with a key of the first session that
        has no place there; the first session goes on."""
        if number == next(iter(self._sessions)):
            self._connection.disconnect(f"lease set refused: {why}")
            return
        self._sessions[number].engine.excuse()
        if number not in self._unreachable:
            self._unreachable.add(number)
            logger.warning(
                "a subsession of an I2CP client cannot be reached: "
                "its lease set of type 1 is malformed"
            )

    def _send(self, request: SendWanted) -> None:
        session = self._sessions[request.session_id]
        status = session.send(
            request.destination.hash,
            request.payload,
            request.nonce,
            with_lease_set=request.with_lease_set,
        )
        if status is not None:
            self._connection.tell_status(request.session_id, request.nonce, status)


def _nothing() -> None:
    """Nobody listens any more."""
