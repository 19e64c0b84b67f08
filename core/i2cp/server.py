"""The router's side of a connection: who may say what, and in which order.

Use: :meth:`ServerConnection.receive` with what the socket brings, then :meth:`next_request` until
it is None, then ``take_output``. Requests are what the router has to do; it answers them with the
methods of the second part. What can be judged here is: signatures, dates, passwords, sessions.

What always holds: a connection sees and touches its own sessions only, and whatever is wrong with
it, nobody else's session notices.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from core.base.errors import DecodeError
from core.base.ports import WallClock
from core.data.certificate import CryptoType
from core.data.identity import Destination
from core.data.lease_set import Lease
from core.i2cp.data_messages import (
    FLAG_NO_LEASE_SET,
    MessagePayload,
    MessageStatus,
    SendMessage,
    SendMessageExpires,
    Status,
)
from core.i2cp.frames import PROTOCOL_BYTE, FrameReader
from core.i2cp.lease_messages import (
    CreateLeaseSet,
    CreateLeaseSet2,
    RequestLeaseSet,
    RequestVariableLeaseSet,
)
from core.i2cp.lookup_messages import (
    WITH_OPTIONS,
    BlindingInfo,
    DestLookup,
    DestReply,
    HostLookup,
    HostReply,
    LookupResult,
    LookupType,
)
from core.i2cp.messages import API_VERSION, Message, parse_message, write_message
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
from core.i2cp.session_config import DATE_TOLERANCE_MS, SessionConfigStructure
from core.i2cp.session_messages import (
    NO_SESSION,
    BandwidthLimits,
    CreateSession,
    DestroySession,
    Disconnect,
    GetBandwidthLimits,
    GetDate,
    ReconfigureSession,
    SessionState,
    SessionStatus,
    SetDate,
)

#: Sessions of one connection, the primary one among them.
SESSIONS_MAX = 8
#: Lookups under way on one connection; more fail at once.
LOOKUPS_MAX = 64
LOOKUP_DEFAULT_MS = 10_000
LOOKUP_MAX_MS = 60_000
#: Clients before this version know no RequestVariableLeaseSet.
_VARIABLE_SINCE = (0, 9, 7)
_USER_NAME, _PASSWORD = "i2cp.username", "i2cp.password"


@dataclass(slots=True)
class _Session:
    destination: Destination
    options: dict[str, str]
    messages: int = 0

    @property
    def has_statuses(self) -> bool:
        """False: only for messages with a nonce, and only the last one."""
        return self.options.get("i2cp.messageReliability", "").lower() != "none"


@dataclass(slots=True)
class _Lookup:
    session_id: int
    request_id: int | None
    target: bytes | str | Destination


class ServerConnection:
    """See the module. ``is_guarded``: a user name and a password are wanted first."""

    def __init__(self, wall: WallClock, *, is_guarded: bool = False) -> None:
        self.is_greeted = False
        self.is_over = False
        self.sessions: dict[int, _Session] = {}
        """By number; the first one is the primary session."""
        self._wall = wall
        self._is_allowed = not is_guarded
        self._version: tuple[int, ...] = ()
        self._frames = FrameReader()
        self._has_begun = False
        self._requests: deque[Request] = deque()
        self._output: list[bytes] = []
        self._lookups: dict[int, _Lookup] = {}
        self._lookup_keys = 0
        self._pending: SessionConfigStructure | None = None

    # What arrives

    def receive(self, data: bytes) -> None:
        """Bytes from the socket. Only as much is looked at as :meth:`next_request` asks for."""
        if self.is_over:
            return
        if not self._has_begun and data:
            self._has_begun = True
            if data[0] != PROTOCOL_BYTE:
                self._end("")
                return
            data = data[1:]
        self._frames.feed(data)

    def next_request(self) -> Request | None:
        """What the router should do next; None until more has come. One message at a time."""
        while not self._requests:
            if self.is_over or not self._step():
                return None
        return self._requests.popleft()

    def _step(self) -> bool:
        """Handle one message; False if there is none."""
        try:
            frame = self._frames.next()
            if frame is None:
                return False
            message = self._parse(*frame)
        except DecodeError as error:
            self.disconnect(f"malformed message: {error}")
            return True
        if message is not None:
            self._receive(message)
        return True

    def _parse(self, kind: int, body: bytes) -> Message | None:
        try:
            return parse_message(kind, body)
        except DecodeError as error:
            if kind == CreateLeaseSet.kind:
                # Java: its subsessions put keys into it that have no place there.
                session_id = int.from_bytes(body[:2], "big")
                if session_id in self.sessions:
                    self._requests.append(LeaseSetUnreadable(session_id, str(error)))
                return None
            if kind not in (CreateSession.kind, ReconfigureSession.kind):
                raise
        session_id = int.from_bytes(body[:2], "big") if kind == ReconfigureSession.kind else 0
        self._put(SessionStatus(session_id, SessionState.INVALID))
        return None

    def _receive(self, message: Message) -> None:
        if isinstance(message, GetDate):
            self._on_greeting(message)
        elif not self._is_allowed:
            self.disconnect("authorization required")
        else:
            self._receive_allowed(message)

    def _receive_allowed(self, message: Message) -> None:
        match message:
            case SendMessage() | SendMessageExpires():
                self._on_send(message)
            case HostLookup():
                self._on_lookup(message)
            case DestLookup(target):
                self._look_up(_Lookup(NO_SESSION, None, target), LOOKUP_DEFAULT_MS, False)
            case CreateSession(config):
                self._on_create(config)
            case CreateLeaseSet2(session_id, lease_set, keys):
                if session_id in self.sessions:
                    self._requests.append(LeaseSetSigned(session_id, lease_set, keys))
            case CreateLeaseSet(session_id, key, lease_set):
                if session_id in self.sessions:
                    keys = ((int(CryptoType.ELGAMAL), key),)
                    self._requests.append(LeaseSetSigned(session_id, lease_set, keys))
            case ReconfigureSession(session_id, config):
                self._on_reconfigure(session_id, config)
            case DestroySession(session_id):
                self._on_destroy(session_id)
            case BlindingInfo(session_id):
                known = session_id if session_id in self.sessions else None
                self._requests.append(BlindingTold(known, message))
            case GetBandwidthLimits():
                self._requests.append(LimitsWanted())
            case Disconnect():
                self._end("")
            case _:
                pass  # what only routers say, and what nobody says any more

    def _on_greeting(self, message: GetDate) -> None:
        self._version = _parse_version(message.version)
        if self._is_allowed:
            self._greet()
            return
        name, password = (message.options.get(key, "") for key in (_USER_NAME, _PASSWORD))
        self._requests.append(LoginWanted(name, password))

    def _greet(self) -> None:
        self.is_greeted = True
        self._put(SetDate(int(self._wall.now() * 1000), API_VERSION))

    # Sessions

    def _on_create(self, config: SessionConfigStructure) -> None:
        if not self._is_right_config(config):
            self._put(SessionStatus(NO_SESSION, SessionState.INVALID))
        elif len(self.sessions) >= SESSIONS_MAX or self._pending is not None:
            self._put(SessionStatus(NO_SESSION, SessionState.REFUSED))
        else:
            self._pending = config
            self._requests.append(SessionWanted(config, not self.sessions))

    def _is_right_config(self, config: SessionConfigStructure) -> bool:
        """Signed, and now: an old one may have been recorded."""
        now_ms = int(self._wall.now() * 1000)
        return abs(config.date_ms - now_ms) <= DATE_TOLERANCE_MS and config.verify()

    def _on_reconfigure(self, session_id: int, config: SessionConfigStructure) -> None:
        session = self.sessions.get(session_id)
        if (
            session is None
            or session.destination != config.destination
            or not self._is_right_config(config)
        ):
            self._put(SessionStatus(session_id, SessionState.INVALID))
            return
        session.options.update(config.options)
        self._put(SessionStatus(session_id, SessionState.UPDATED))
        self._requests.append(SessionChanged(session_id, dict(session.options)))

    def _on_destroy(self, session_id: int) -> None:
        if session_id not in self.sessions:
            return
        if next(iter(self.sessions)) == session_id:
            self._put(SessionStatus(session_id, SessionState.DESTROYED))
            self._end("")
            return
        # Java: its clients take a status of a subsession for the end of all, its router sends none.
        del self.sessions[session_id]
        self._requests.append(SessionEnded(session_id))

    # Messages and lookups

    def _on_send(self, message: SendMessage | SendMessageExpires) -> None:
        session_id, nonce = message.session_id, message.nonce
        session = self.sessions.get(session_id)
        if session is None:
            self.tell_status(session_id, nonce, Status.BAD_SESSION)
            return
        if nonce and session.has_statuses:
            self.tell_status(session_id, nonce, Status.ACCEPTED)
        if not message.payload:
            self.tell_status(session_id, nonce, Status.BAD_MESSAGE)
            return
        with_lease_set = True
        if isinstance(message, SendMessageExpires):
            with_lease_set = not message.flags & FLAG_NO_LEASE_SET
            if message.expires_ms and message.expires_ms < self._wall.now() * 1000:
                self.tell_status(session_id, nonce, Status.EXPIRED)
                return
        if message.destination == session.destination:
            self.tell_status(session_id, nonce, Status.LOOPBACK)
            return
        self._requests.append(
            SendWanted(session_id, message.destination, message.payload, nonce, with_lease_set)
        )

    def _on_lookup(self, message: HostLookup) -> None:
        lookup = _Lookup(message.session_id, message.request_id, message.target)
        if message.lookup_type not in LookupType.__members__.values():
            self._reply(lookup, LookupResult.TYPE_UNSUPPORTED, None, None)
            return
        self._look_up(lookup, message.timeout_ms, message.lookup_type in WITH_OPTIONS)

    def _look_up(self, lookup: _Lookup, timeout_ms: int, with_options: bool) -> None:
        if len(self._lookups) >= LOOKUPS_MAX:
            self._reply(lookup, LookupResult.FAILURE, None, None)
            return
        self._lookup_keys += 1
        self._lookups[self._lookup_keys] = lookup
        session_id = lookup.session_id if lookup.session_id in self.sessions else None
        timeout_ms = min(timeout_ms or LOOKUP_DEFAULT_MS, LOOKUP_MAX_MS)
        self._requests.append(
            LookupWanted(
                self._lookup_keys, session_id, lookup.target, with_options, timeout_ms / 1000
            )
        )

    def _reply(
        self,
        lookup: _Lookup,
        result: int,
        destination: Destination | None,
        options: Mapping[str, str] | None,
    ) -> None:
        if lookup.request_id is None:
            assert isinstance(lookup.target, bytes)
            self._put(DestReply(destination or lookup.target))
            return
        self._put(HostReply(lookup.session_id, lookup.request_id, result, destination, options))

    # What the router answers

    def answer_login(self, is_right: bool) -> None:
        """Whether the client is who it says it is."""
        if is_right:
            self._is_allowed = True
            self._greet()
        else:
            self.disconnect("authorization failed")

    def accept_session(self, session_id: int) -> None:
        """The session that was wanted last lives under this number."""
        config, self._pending = self._pending, None
        assert config is not None
        self.sessions[session_id] = _Session(config.destination, dict(config.options))
        self._put(SessionStatus(session_id, SessionState.CREATED))

    def refuse_session(self, state: SessionState) -> None:
        """The session that was wanted last cannot be."""
        self._pending = None
        self._put(SessionStatus(NO_SESSION, state))

    def request_lease_set(self, session_id: int, leases: tuple[Lease, ...]) -> None:
        """Have the client sign one over these."""
        if session_id not in self.sessions:
            return
        is_old = () < self._version < _VARIABLE_SINCE
        kind = RequestLeaseSet if is_old else RequestVariableLeaseSet
        self._put(kind(session_id, leases))

    def deliver(self, session_id: int, payload: bytes) -> None:
        """A payload arrived for a session."""
        session = self.sessions.get(session_id)
        if session is not None:
            session.messages = session.messages + 1 & 0xFFFFFFFF
            self._put(MessagePayload(session_id, session.messages, payload))

    def tell_status(self, session_id: int, nonce: int, status: Status) -> None:
        """What became of a message, where anybody asked."""
        if nonce:
            self._put(MessageStatus(session_id, nonce, status, 0, nonce))

    def answer_lookup(
        self,
        key: int,
        result: LookupResult,
        destination: Destination | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """A lookup has ended; ``options`` where they were asked for."""
        lookup = self._lookups.pop(key, None)
        if lookup is not None:
            self._reply(lookup, result, destination, options)

    def answer_limits(self, inbound_bytes_s: int, outbound_bytes_s: int) -> None:
        """The limits of the router, which hold for its clients too."""
        inbound, outbound = inbound_bytes_s // 1000, outbound_bytes_s // 1000
        self._put(BandwidthLimits(inbound, outbound, inbound, inbound, outbound, outbound, 1))

    def disconnect(self, reason: str) -> None:
        """End the connection and say why."""
        if not self.is_over:
            self._put(Disconnect(reason))
            self._end(reason)

    def take_output(self) -> bytes:
        """What is to be written to the socket."""
        output, self._output = self._output, []
        return b"".join(output)

    def _put(self, message: Message) -> None:
        self._output.append(write_message(message))

    def _end(self, reason: str) -> None:
        self.is_over = True
        self._requests.append(Ended(reason))


def _parse_version(text: str) -> tuple[int, ...]:
    """Empty for what is no version."""
    try:
        return tuple(int(part) for part in text.split("-")[0].split(".")[:4])
    except ValueError:
        return ()
