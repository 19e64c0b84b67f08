"""One connection of a program: HELLO, then commands, until it becomes a stream or ends."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

from core.api import FileFault, Stream, share_turn
from core.base.errors import Unavailable
from core.data.encoding import b64encode
from core.data.private_keys import PrivateKeys
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.relay.channel import finish_politely
from i2ptunnel.relay.listener import Accepted
from i2ptunnel.relay.local import unless_lost
from i2ptunnel.sam.parts import BridgeParts
from i2ptunnel.sam.protocol.line import (
    Command,
    LineFault,
    format_line,
    format_result,
    parse_line,
)
from i2ptunnel.sam.protocol.requests import (
    Refused,
    StreamRequest,
    id_of,
    invalid,
    number_of,
    read_add,
    read_create,
    read_datagram,
    read_stream,
    signature_type_of,
    target_host,
)
from i2ptunnel.sam.protocol.routing import options_to_tell
from i2ptunnel.sam.protocol.versions import (
    VERSIONS,
    WITH_SUBSESSIONS,
    Version,
    format_version,
    negotiate,
)
from i2ptunnel.sam.reader import LineReader, NoHello
from i2ptunnel.sam.session import SamSession
from i2ptunnel.sam.streams import ForwardTarget, carry, peer_line
from i2ptunnel.sam.users import run_auth

#: Java: HELLO and the first command a minute each, then three
HELLO_S = 60.0
COMMAND_S = 60.0
IDLE_S = 300.0
CONNECT_S = 60.0
#: how a program's machine that is gone is found out: after two minutes
_KEEPALIVE = (60, 15, 4)
#: what says that the other side is gone without a word
_DEAD = frozenset((errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN))
#: largest datagram that is read, if only to refuse it
_SIZE_MAX = 1 << 20
_HELP = (
    "HELLO VERSION; SESSION CREATE, ADD, REMOVE; STREAM CONNECT, ACCEPT, FORWARD; DATAGRAM SEND; "
    "RAW SEND; NAMING LOOKUP; DEST GENERATE; AUTH ENABLE, DISABLE, ADD, REMOVE; PING; QUIT"
)
#: why a stream could not be opened -> RESULT (samv3.md, "Connect Response")
_CONNECT_RESULTS = {
    "connect_timeout": "TIMEOUT",
    "tunnels_not_ready": "I2P_ERROR",
    "closed": "I2P_ERROR",
    "too_many_streams": "I2P_ERROR",
}

T = TypeVar("T")


class _Over(Exception):
    """The connection has done what it was for."""


class Connection:
    """See the module. It is the control socket of the session it creates."""

    def __init__(self, bridge: BridgeParts, accepted: Accepted) -> None:
        self._bridge = bridge
        self._accepted = accepted
        self._channel = accepted.channel
        self._client = accepted.client
        self._lines = LineReader(accepted.channel)
        self._writing = asyncio.Lock()
        self._session: SamSession | None = None
        self.version: Version = VERSIONS[0]
        self.user = ""
        self._is_logged_in = False
        self._is_first = True

    async def serve(self) -> None:
        """Until the connection is over."""
        self._channel.keep_alive(*_KEEPALIVE)
        is_dead = False
        try:
            await self._greet()
            while (line := await self._next_line()) is not None:
                await share_turn()
                await self._obey(line)
        except NoHello:
            self._channel.reset()
            return
        except _Over:
            pass
        except Unavailable as error:
            is_dead = getattr(error.__cause__, "errno", None) in _DEAD
        finally:
            session = self._session
            if session is not None and session.control is self:
                await self._bridge.sessions.lose(session, is_dead=is_dead)
        await finish_politely(self._channel)

    # As the control socket of a session

    async def write(self, data: bytes) -> None:
        """One line, or one datagram with its line, at a time; raises Unavailable."""
        async with self._writing:
            await self._channel.write(data)

    def end(self) -> None:
        """The session has ended."""
        self._channel.end()

    # Lines

    async def _next_line(self) -> bytes | None:
        """The next line without its end, None at the end of the connection."""
        head = "SESSION STATUS"
        wait_s = None if self._session is not None else COMMAND_S if self._is_first else IDLE_S
        try:
            async with asyncio.timeout(wait_s):
                line = await self._lines.line()
        except TimeoutError:
            await self._finish(format_result(head, "I2P_ERROR", "no command came in time"))
        except LineFault as fault:
            await self._finish(format_result(head, "I2P_ERROR", str(fault)))
        self._is_first = False
        return line

    async def _finish(self, reply: bytes) -> NoReturn:
        """The last word."""
        await self.write(reply)
        raise _Over

    async def _reply(self, head: str, result: str, message: str = "") -> None:
        if result != "OK":
            self._bridge.figures.requests_refused += 1
        await self.write(format_result(head, result, message))

    # HELLO

    async def _greet(self) -> None:
        head = "HELLO REPLY"
        try:
            async with asyncio.timeout(HELLO_S):
                line = await self._lines.line(is_first=True)
        except TimeoutError:
            await self._finish(format_result(head, "I2P_ERROR", "no HELLO came in time"))
        except LineFault as fault:
            await self._finish(format_result(head, "I2P_ERROR", str(fault)))
        if line is None:
            raise _Over
        try:
            command = parse_line(line)
            if command is None or (command.verb, command.action) != ("HELLO", "VERSION"):
                raise LineFault(head, "HELLO VERSION is expected")
            version = negotiate(command.options.get("MIN"), command.options.get("MAX"))
        except (LineFault, ValueError) as fault:
            await self._finish(format_result(head, "I2P_ERROR", str(fault)))
        if version is None:
            await self._finish(format_result(head, "NOVERSION"))
        await self._log_in(command)
        self.version = version
        await self.write(format_line(head, {"RESULT": "OK", "VERSION": format_version(version)}))

    async def _log_in(self, command: Command) -> None:
        users = self._bridge.users
        user, password = command.options.get("USER"), command.options.get("PASSWORD")
        try:
            users.load()
            if user is not None or users.is_required:
                self._is_logged_in = await users.check(user, password, self._client)
            is_refused = users.is_required and not self._is_logged_in
        except (OSError, FileFault):
            is_refused = True
        if is_refused:
            self._bridge.figures.requests_refused += 1
            text = "USER and PASSWORD are needed, and must be right"
            await self._finish(format_result("HELLO REPLY", "I2P_ERROR", text))
        self.user = user or "" if self._is_logged_in else ""

    # Commands

    async def _obey(self, line: bytes) -> None:
        try:
            command = parse_line(line)
        except LineFault as fault:
            await self._reply(fault.head, "I2P_ERROR", str(fault))
            return
        if command is None:
            return
        try:
            await self._run(command)
        except Refused as refused:
            await self._reply(command.head, refused.result, str(refused))
            if command.verb == "STREAM" and self._session is None:
                raise _Over from None
        except (OSError, FileFault) as error:
            await self._reply(command.head, "I2P_ERROR", str(error))

    async def _run(self, command: Command) -> None:
        match command.verb:
            case "PING":
                await self.write(f"PONG {command.text}".rstrip(" ").encode() + b"\n")
            case "PONG":
                pass
            case "QUIT" | "STOP" | "EXIT":
                await self.write(format_result(f"{command.verb} STATUS", "OK", "bye"))
                raise _Over
            case "HELP":
                await self.write(format_result("HELP STATUS", "OK", _HELP))
            case "SESSION":
                await self._run_session(command)
            case "STREAM":
                await self._run_stream(command)
            case "NAMING":
                await self._run_naming(command)
            case "DEST":
                await self._run_dest(command)
            case "DATAGRAM" | "RAW":
                await self._run_datagram(command)
            case "AUTH":
                if not self._is_logged_in:
                    raise invalid("AUTH needs a user: HELLO VERSION USER=… PASSWORD=…")
                await run_auth(self._bridge.users, command)
                await self._reply("AUTH STATUS", "OK")
            case _:
                raise invalid("unknown command")

    async def _unless_lost(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``, which is given up when the program goes away."""
        return await unless_lost(self._channel, work, 0)

    # SESSION

    async def _run_session(self, command: Command) -> None:
        sessions = self._bridge.sessions
        if command.action == "CREATE":
            if self._session is not None:
                raise invalid("this connection has a session already")
            request = read_create(command)
            work = sessions.create(request, self, self.version, self._client, self.user)
            self._session = await self._unless_lost(work)
            self._accepted.establish()
            await self._tell_session(self._session)
            return
        session = self._session
        if command.action not in ("ADD", "REMOVE"):
            raise invalid("unknown command")
        if self.version < WITH_SUBSESSIONS or session is None:
            raise invalid("this needs SAM 3.3, and a PRIMARY session on this connection")
        if command.action == "ADD":
            await sessions.add(session, read_add(command))
        else:
            await sessions.remove(session, id_of(command.options))
        await self._tell_session(session)

    async def _tell_session(self, session: SamSession) -> None:
        keys = session.keys.to_base64()
        await self.write(format_line("SESSION STATUS", {"RESULT": "OK", "DESTINATION": keys}))

    # STREAM

    async def _run_stream(self, command: Command) -> None:
        if self._session is not None:
            raise invalid("streams need connections of their own")
        request = read_stream(command)
        try:
            await self._serve_stream(command.action, request)
        except Refused:
            if request.is_silent and command.action != "FORWARD":
                raise _Over from None
            raise
        raise _Over

    async def _serve_stream(self, action: str, request: StreamRequest) -> None:
        session = self._bridge.sessions.get(request.id, self.user)
        if session.incoming is None or session.core is None:
            raise invalid("the session has no streams")
        self._accepted.establish()
        task = asyncio.current_task()
        assert task is not None
        session.carriers.add(task)
        try:
            if action == "CONNECT":
                await self._connect(session, request)
            elif action == "ACCEPT":
                await self._accept(session, request)
            else:
                await self._forward(session, request)
        finally:
            session.carriers.discard(task)
            session.used_at = time.monotonic()

    async def _connect(self, session: SamSession, request: StreamRequest) -> None:
        stream = await self._open_stream(session, request)
        if not request.is_silent:
            await self._or_reset(stream, format_result("STREAM STATUS", "OK"))
        await self._carry(stream)

    async def _open_stream(self, session: SamSession, request: StreamRequest) -> Stream:
        own, core = session.request, session.core
        assert core is not None
        try:
            address = await self._bridge.names.address(request.destination)
        except Refused as refused:
            raise Refused("INVALID_KEY", str(refused)) from None
        if address.hash == core.destination.hash:
            raise Refused("CANT_REACH_PEER", "this is the session itself")
        work = core.connect(
            address.target(),
            port=own.to_port if request.to_port is None else request.to_port,
            from_port=own.from_port if request.from_port is None else request.from_port,
            timeout_s=CONNECT_S,
        )
        try:
            return await unless_lost(self._channel, work)
        except Unavailable as error:
            result = _CONNECT_RESULTS.get(error.code, "CANT_REACH_PEER")
            raise Refused(result, str(error)) from None

    async def _accept(self, session: SamSession, request: StreamRequest) -> None:
        incoming = session.incoming
        assert incoming is not None

        async def announce() -> None:
            if not request.is_silent:
                await self.write(format_result("STREAM STATUS", "OK"))

        try:
            stream = await self._unless_lost(incoming.accept(announce))
        except Unavailable:
            raise _Over from None  # the session, or the program, is gone
        if not request.is_silent:
            await self._or_reset(stream, peer_line(stream.remote, stream, self.version))
        await self._carry(stream)

    async def _or_reset(self, stream: Stream, line: bytes) -> None:
        """Write a line; without it the stream is of no use."""
        try:
            await self.write(line)
        except BaseException:
            stream.reset()
            raise

    async def _carry(self, stream: Stream) -> None:
        await carry(self._lines.rest(), stream, self._bridge.figures)

    async def _forward(self, session: SamSession, request: StreamRequest) -> None:
        incoming = session.incoming
        assert incoming is not None
        self._bridge.sessions.check_forwarding()
        host = target_host(request.host, self._client)
        endpoint = Endpoint(host, request.port)
        target = ForwardTarget(endpoint, request.is_silent, request.is_tls, self.version)
        incoming.forward(target)
        try:
            await self.write(format_result("STREAM STATUS", "OK"))
            while await self._channel.read():
                pass  # nothing is expected, but a keepalive may come
        finally:
            incoming.stop_forwarding(target)

    # NAMING, DEST

    async def _run_naming(self, command: Command) -> None:
        name = command.options.get("NAME", "")
        if command.action != "LOOKUP":
            raise invalid("unknown command")
        if not name:
            raise Refused("INVALID_KEY", "NAME is missing")
        wants_options = command.options.get("OPTIONS", "").lower() == "true"
        session = self._session
        core = None if session is None else session.core
        try:
            asked = name
            if name == "ME":
                if session is None:
                    raise Refused("INVALID_KEY", "this connection has no session")
                asked = b64encode(session.keys.destination.raw)
            work = self._bridge.names.find(asked, core, wants_options=wants_options)
            found = await unless_lost(self._channel, work)
        except Refused as refused:
            values = {"RESULT": refused.result, "NAME": name, "MESSAGE": str(refused)}
            self._bridge.figures.requests_refused += 1
            await self.write(format_line("NAMING REPLY", values))
            return
        values = {"RESULT": "OK", "NAME": name, "VALUE": b64encode(found.destination.raw)}
        values |= dict(options_to_tell(found.options.items()))
        await self.write(format_line("NAMING REPLY", values))

    async def _run_dest(self, command: Command) -> None:
        if command.action != "GENERATE":
            raise invalid("unknown command")
        kind = signature_type_of(command.options)
        keys = PrivateKeys.generate_destination(self._bridge.entropy, kind)
        public, private = b64encode(keys.destination.raw), keys.to_base64()
        await self.write(format_line("DEST REPLY", {"PUB": public, "PRIV": private}))

    # DATAGRAM, RAW

    async def _run_datagram(self, command: Command) -> None:
        is_raw = command.verb == "RAW"
        if command.action != "SEND":
            raise invalid("unknown command")
        try:
            size = number_of(command.options, "SIZE", _SIZE_MAX, 1)
        except Refused:
            size = None
        if size is None:  # what follows would be taken for commands
            await self._finish(format_result(command.head, "I2P_ERROR", "SIZE is not right"))
        payload = await self._lines.exactly(size)
        request = read_datagram(command.options, is_raw=is_raw)
        session = self._session
        if session is None or session.request.style.name != command.verb:
            raise invalid(f"this connection has no {command.verb} session")
        self._bridge.sender.send(session, request, payload)
