"""I2CP for programs that bring their own streams: a session here for each of their destinations.

Whoever listens hands each connection to :meth:`I2cpServer.serve`. A connection has two tasks: one
reads and does what is asked, one writes what has happened. While a client does not read, payloads
for it wait up to a bound and are then dropped, and nobody else notices.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from core.base.errors import DecodeError, I2PError, LocalError, Unavailable
from core.base.ports import WallClock
from core.client.events import LeaseSetFound
from core.client.hosted import LeaseSetWanted, SigningFailed, StatusKnown
from core.client.hosted_options import hosted_config
from core.crypto.blinding import BLINDABLE_TYPES
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.identity import Destination, b32_to_hash
from core.data.lease_set import LeaseSet, LeaseSet2
from core.i2cp.lookup_messages import BlindingInfo, LookupResult
from core.i2cp.requests import (
    BlindingTold,
    Ended,
    LeaseSetSigned,
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
from core.io.i2cp_ports import ByteChannel, HostRouter, IsUser, ResolveName
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
_B32_SUFFIX = ".b32.i2p"


@dataclass(slots=True)
class _Lookup:
    wanted: LookupWanted
    destination: Destination | None = None


@dataclass(slots=True)
class _Blinding:
    secret: str = field(default="", repr=False)
    client_key: bytes | None = field(default=None, repr=False)


class I2cpServer:
    """``is_user``: who may use it, None: everybody; ``sessions_max``: of all clients.

    ``resolve``: finds names.
    """

    def __init__(
        self,
        router: HostRouter,
        wall: WallClock,
        resolve: ResolveName,
        is_user: IsUser | None,
        sessions_max: int,
    ) -> None:
        self.router = router
        self.wall = wall
        self.resolve = resolve
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
        self._lookups: dict[bytes | BlindedTarget, list[_Lookup]] = {}
        self._blinded: dict[tuple[int, bytes], _Blinding] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._resolving: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
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
        for timer in self._timers.values():
            timer.cancel()
        for task in self._resolving:
            task.cancel()
        for number in list(self._sessions):
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
                self._on_found(event)
            case _:
                pass

    # What the client asks

    async def _handle(self, request: Request) -> None:
        match request:
            case SendWanted():
                self._send(request)
            case LookupWanted():
                self._look_up(request)
            case LeaseSetSigned(number, lease_set, keys):
                try:
                    self._sessions[number].take_lease_set(lease_set, keys)
                except DecodeError as error:
                    self._connection.disconnect(f"lease set refused: {error}")
            case LoginWanted(user_name, password):
                is_user = self._server.is_user
                is_right = is_user is None or await is_user(user_name, password, self._address)
                self._connection.answer_login(is_right)
            case SessionWanted(config):
                self._open(config.destination, config.options)
            case SessionChanged(number, options):
                shapes = hosted_config(options)
                self._sessions[number].reshape(shapes.inbound, shapes.outbound)
            case SessionEnded(number):
                await self._close_session(number)
            case BlindingTold(_, info):
                self._learn_blinding(info)
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
            session = self._server.router.host(hosted_config(options), destination)
        except (Unavailable, LocalError):
            self._server.free_number(number)
            # Java, i2pd: a destination that is in use makes the configuration invalid.
            self._connection.refuse_session(SessionState.INVALID)
            return
        session.on_change = self._changed.set
        self._sessions[number] = session
        self._connection.accept_session(number)

    async def _close_session(self, number: int) -> None:
        session = self._sessions.pop(number, None)
        if session is not None:
            session.on_change = _nothing
            await session.close()
            self._server.free_number(number)

    def _send(self, request: SendWanted) -> None:
        session = self._sessions[request.session_id]
        status = session.send(request.destination.hash, request.payload, request.nonce)
        if status is not None:
            self._connection.tell_status(request.session_id, request.nonce, status)

    # Lookups

    def _look_up(self, wanted: LookupWanted) -> None:
        target = wanted.target
        if isinstance(target, str):
            task = asyncio.create_task(self._resolve(wanted, target))
            self._resolving.add(task)
            task.add_done_callback(self._resolving.discard)
        elif isinstance(target, Destination):
            self._search(_Lookup(wanted, target), target.hash)
        else:
            self._search(_Lookup(wanted), target)

    async def _resolve(self, wanted: LookupWanted, name: str) -> None:
        try:
            found = self._address_in(name) or await self._server.resolve(name)
        except I2PError:
            found = None
        if found is None:
            self._answer(_Lookup(wanted), LookupResult.FAILURE)
        elif isinstance(found, Destination):
            lookup = _Lookup(wanted, found)
            if wanted.with_options:
                self._search(lookup, found.hash)
            else:
                self._answer(lookup, LookupResult.SUCCESS)
        else:
            self._search(_Lookup(wanted), found)
        self._changed.set()

    def _address_in(self, name: str) -> bytes | BlindedTarget | None:
        """An address that needs no book: a b32 name, encrypted or not."""
        if not name.lower().endswith(_B32_SUFFIX):
            return None
        with contextlib.suppress(DecodeError):
            address = BlindedAddress.parse(name)
            known = self._blinded.get((address.signing_type, address.signing_key), _Blinding())
            return BlindedTarget(address, known.secret, known.client_key)
        with contextlib.suppress(DecodeError):
            return b32_to_hash(name)
        return None

    def _search(self, lookup: _Lookup, target: bytes | BlindedTarget) -> None:
        wanted = lookup.wanted
        session = self._sessions.get(wanted.session_id or 0) or next(
            iter(self._sessions.values()), None
        )
        if isinstance(target, BlindedTarget):
            address = target.address
            lacks_secret = address.needs_secret and not target.secret
            lacks_key = address.needs_client_key and target.client_key is None
            if lacks_secret or lacks_key:
                self._answer(lookup, _LACKING[lacks_secret, lacks_key])
                return
        if session is None:
            # A search needs tunnels of its own: none of the router's may tell who asks.
            self._answer(lookup, LookupResult.FAILURE)
            return
        self._lookups.setdefault(target, []).append(lookup)
        loop = asyncio.get_running_loop()
        self._timers[wanted.key] = loop.call_later(wanted.timeout_s, self._time_out, lookup, target)
        session.lookup(target)

    def _time_out(self, lookup: _Lookup, target: bytes | BlindedTarget) -> None:
        waiting = self._lookups.get(target, [])
        if lookup in waiting:
            waiting.remove(lookup)
            if not waiting:
                del self._lookups[target]
            self._answer(lookup, LookupResult.FAILURE)
            self._changed.set()

    def _on_found(self, event: LeaseSetFound) -> None:
        lease_set = event.lease_set
        for lookup in self._lookups.pop(event.target, ()):
            if isinstance(lease_set, (LeaseSet, LeaseSet2)):
                lookup.destination = lease_set.destination
                self._answer(lookup, LookupResult.SUCCESS, lease_set.options)
            else:
                self._answer(lookup, _RESULT_OF.get(event.why, LookupResult.FAILURE))

    def _answer(
        self, lookup: _Lookup, result: LookupResult, options: Mapping[str, str] | None = None
    ) -> None:
        wanted = lookup.wanted
        timer = self._timers.pop(wanted.key, None)
        if timer is not None:
            timer.cancel()
        if result == LookupResult.FAILURE and wanted.with_options:
            result = LookupResult.LEASE_SET_FAILED
        is_told = result in (LookupResult.SUCCESS, LookupResult.LEASE_SET_FAILED)
        self._connection.answer_lookup(
            wanted.key,
            result,
            lookup.destination if is_told else None,
            options if wanted.with_options and result == LookupResult.SUCCESS else None,
        )

    def _learn_blinding(self, info: BlindingInfo) -> None:
        """Remember what opens a lease set, and find it: the client may send without a lookup."""
        endpoint = info.endpoint
        if isinstance(endpoint, Destination):
            key = endpoint.signing_type, endpoint.signing_key
        elif isinstance(endpoint, tuple):
            key = endpoint
        elif isinstance(endpoint, str):
            target = self._address_in(endpoint)
            if not isinstance(target, BlindedTarget):
                return
            key = target.address.signing_type, target.address.signing_key
        else:
            return
        if key[0] not in BLINDABLE_TYPES or len(self._blinded) >= _BLINDED_MAX:
            return
        known = self._blinded[key] = _Blinding(info.secret or "", info.client_key)
        session = next(iter(self._sessions.values()), None)
        if session is not None:
            address = BlindedAddress(*key, bool(known.secret), known.client_key is not None)
            session.lookup(BlindedTarget(address, known.secret, known.client_key))


_BLINDED_MAX = 256
_LACKING = {
    (True, False): LookupResult.SECRET_REQUIRED,
    (False, True): LookupResult.KEY_REQUIRED,
    (True, True): LookupResult.SECRET_AND_KEY_REQUIRED,
}
_RESULT_OF = {
    "secret_required": LookupResult.SECRET_REQUIRED,
    "client_key_required": LookupResult.KEY_REQUIRED,
    "client_key_refused": LookupResult.DECRYPTION_FAILED,
}


def _nothing() -> None:
    """Nobody listens any more."""
