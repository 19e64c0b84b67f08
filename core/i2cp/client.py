"""The client's side of a connection: one session, from the greeting to its end.

Use: :meth:`ClientConnection.receive` with what the socket brings and ``handle_timer`` when
``next_timer`` says so, then drain ``next_event`` and ``take_output``. After a :class:`Failed` the
connection is of no more use: another object begins anew, with the same keys.

i2pd: one session for each connection, no message Disconnect. Java: the version in SetDate says what
the router can do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from core.base.errors import DecodeError, LocalError
from core.base.ports import WallClock
from core.data.identity import Destination
from core.data.lease_set import Lease
from core.data.lease_set_variants import AnyLeaseSet
from core.data.private_keys import PrivateKeys
from core.i2cp.data_messages import MessagePayload, SendMessageExpires
from core.i2cp.frames import PROTOCOL_BYTE, FrameReader
from core.i2cp.lease_messages import CreateLeaseSet2, RequestLeaseSet, RequestVariableLeaseSet
from core.i2cp.lookup_messages import BlindingInfo, HostLookup, HostReply, LookupType
from core.i2cp.messages import API_VERSION, Message, parse_message, write_message
from core.i2cp.session_config import SessionConfigStructure
from core.i2cp.session_messages import (
    CreateSession,
    DestroySession,
    Disconnect,
    GetDate,
    ReconfigureSession,
    SessionState,
    SessionStatus,
    SetDate,
)

#: Answers to GetDate and CreateSession come at once, they wait for no tunnels.
ANSWER_TIMEOUT_S = 30.0
#: i2cp.md: "recommended: 5 minutes or more" for the first request of a lease set
TUNNELS_TIMEOUT_S = 300.0
#: the first version with CreateLeaseSet2
VERSION_MIN = (0, 9, 39)
#: Java: a message without a date of its own lives for a minute.
MESSAGE_LIFE_MS = 60_000
_USER_NAME, _PASSWORD = "i2cp.username", "i2cp.password"


class Phase(Enum):
    """How far the session is."""

    GREETING = auto()
    CREATING = auto()
    OPEN = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class ClockTold:
    """The router's clock, Unix time in seconds, and its version of the API."""

    wall_s: float
    version: str


@dataclass(frozen=True, slots=True)
class LeasesOffered:
    """A lease set is to be signed over these: :meth:`ClientConnection.publish`."""

    leases: tuple[Lease, ...]


@dataclass(frozen=True, slots=True)
class PayloadArrived:
    """For our destination, from somebody."""

    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LookupEnded:
    """``result``: a LookupResult; ``destination`` is there on success."""

    request_id: int
    result: int
    destination: Destination | None = field(repr=False)
    options: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The connection has ended; ``reason`` is a sentence for the user.

    ``is_final``: to try again would not help.
    """

    reason: str
    is_final: bool = False


Event = ClockTold | LeasesOffered | PayloadArrived | LookupEnded | Failed


class ClientConnection:
    """See the module. ``wall``: the clock that dates are made with.

    It has to be right by the router's clock once :class:`ClockTold` was handled.
    """

    def __init__(
        self,
        keys: PrivateKeys,
        options: Mapping[str, str],
        wall: WallClock,
        now: float,
        *,
        user_name: str = "",
        password: str = "",
    ) -> None:
        self.phase = Phase.GREETING
        self.session_id = 0
        self.router_version = ""
        self._keys = keys
        self._options = dict(options)
        self._wall = wall
        self._frames = FrameReader()
        self._events: deque[Event] = deque()
        self._output: list[bytes] = [bytes((PROTOCOL_BYTE,))]
        self._requests = 0
        self._deadline: float | None = now + ANSWER_TIMEOUT_S
        self._put(GetDate(API_VERSION, _credentials(user_name, password)))

    # What the owner asks

    def begin(self, now: float) -> None:
        """The clock is right now: create the session. Follows :class:`ClockTold`."""
        self.phase = Phase.CREATING
        self._deadline = now + ANSWER_TIMEOUT_S
        self._put(CreateSession(self._signed_options(self._options)))

    def publish(self, lease_set: AnyLeaseSet, private_keys: tuple[tuple[int, bytes], ...]) -> None:
        """Give the router a signed lease set, with the keys that open what is sent to it."""
        if self.phase is Phase.OPEN:
            self._put(CreateLeaseSet2(self.session_id, lease_set, private_keys))

    def send(self, destination: Destination, payload: bytes) -> None:
        """Send a payload; nothing tells what becomes of it."""
        if self.phase is Phase.OPEN:
            expires_ms = int(self._wall.now() * 1000) + MESSAGE_LIFE_MS
            self._put(SendMessageExpires(self.session_id, destination, payload, 0, 0, expires_ms))

    def lookup(self, target: bytes | str, timeout_s: float) -> int:
        """Search for a destination by hash or host name; :class:`LookupEnded` has this number.

        LocalError while the session is not open.
        """
        if self.phase is not Phase.OPEN:
            raise LocalError("no I2CP session")
        self._requests += 1
        kind = LookupType.NAME if isinstance(target, str) else LookupType.HASH
        timeout_ms = int(timeout_s * 1000)
        self._put(HostLookup(self.session_id, self._requests, timeout_ms, kind, target))
        return self._requests

    def tell_blinding(
        self,
        endpoint: tuple[int, bytes],
        blinded_type: int,
        secret: str | None,
        client_key: bytes | None,
        *,
        is_psk: bool,
        life_s: int,
    ) -> None:
        """What opens an encrypted lease set, before it is looked up."""
        if self.phase is Phase.OPEN:
            expires_s = int(self._wall.now()) + life_s
            info = BlindingInfo(
                self.session_id, endpoint, blinded_type, expires_s, client_key, is_psk, secret
            )
            self._put(info)

    def reconfigure(self, options: Mapping[str, str]) -> None:
        """Other options for the session."""
        self._options.update(options)
        if self.phase is Phase.OPEN:
            # i2pd reads what is in the message only, Java merges: all of them suits both.
            self._put(ReconfigureSession(self.session_id, self._signed_options(self._options)))

    def close(self) -> None:
        """End the session; the socket can be closed once the output is written."""
        if self.phase is Phase.OPEN:
            self._put(DestroySession(self.session_id))
        self.phase = Phase.ENDED
        self._deadline = None

    def _signed_options(self, options: Mapping[str, str]) -> SessionConfigStructure:
        return SessionConfigStructure.build(self._keys, options, int(self._wall.now() * 1000))

    # What arrives

    def receive(self, data: bytes, now: float) -> None:
        """Bytes from the socket."""
        self._frames.feed(data)
        try:
            while self.phase is not Phase.ENDED and (frame := self._frames.next()) is not None:
                message = parse_message(*frame)
                if message is not None:  # a type that came later
                    self._receive(message, now)
        except DecodeError as error:
            self._fail(f"the router sent a malformed I2CP message ({error})")

    def receive_end(self) -> None:
        """The router has closed the connection."""
        if self.phase is not Phase.ENDED:
            self._fail(_ENDS[self.phase])

    def _receive(self, message: Message, now: float) -> None:
        match message:
            case MessagePayload(session_id, _, payload):
                if self.phase is Phase.OPEN and session_id == self.session_id:
                    self._events.append(PayloadArrived(payload))
            case RequestVariableLeaseSet(session_id, leases) | RequestLeaseSet(session_id, leases):
                if self.phase is Phase.OPEN and session_id == self.session_id:
                    self._deadline = None
                    self._events.append(LeasesOffered(leases))
            case HostReply(_, request_id, result, destination, options):
                self._events.append(LookupEnded(request_id, result, destination, options))
            case SetDate():
                self._on_date(message)
            case SessionStatus():
                self._on_status(message, now)
            case Disconnect(reason):
                self._fail(f"the router ended the connection: {_printable(reason)}")
            case _:
                pass

    def _on_date(self, message: SetDate) -> None:
        if self.phase is not Phase.GREETING:
            self._events.append(ClockTold(message.date_ms / 1000, message.version))
            return
        self.router_version = _printable(message.version)
        version = _parse_version(message.version)
        if version < VERSION_MIN:
            self._fail(f"the router speaks I2CP {self.router_version}, which is too old", True)
            return
        self._events.append(ClockTold(message.date_ms / 1000, message.version))

    def _on_status(self, message: SessionStatus, now: float) -> None:
        state = message.state
        if self.phase is Phase.CREATING:
            if state == SessionState.CREATED:
                self.phase = Phase.OPEN
                self.session_id = message.session_id
                self._deadline = now + TUNNELS_TIMEOUT_S
            else:
                self._fail(self._why_refused(state))
        elif message.session_id == self.session_id and state == SessionState.DESTROYED:
            self._fail("the router ended the session")

    def _why_refused(self, state: int) -> str:
        if state == SessionState.REFUSED:
            return "the router refused the session: it may have too many"
        if self._keys.offline is not None:
            return (
                "the router refused the session; i2pd takes no destination over I2CP whose "
                "signing key is offline"
            )
        return (
            "the router refused the session: the destination may be in use there, or the clocks "
            "differ"
        )

    # Time and output

    def handle_timer(self, now: float) -> None:
        """Nothing came for too long."""
        if self._deadline is not None and now >= self._deadline:
            self._fail(
                "the router has built no tunnels for this session"
                if self.phase is Phase.OPEN
                else "the router does not answer over I2CP"
            )

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` has something to do."""
        return self._deadline

    def next_event(self) -> Event | None:
        """The oldest one, or None."""
        return self._events.popleft() if self._events else None

    def take_output(self) -> bytes:
        """What is to be written to the socket."""
        output, self._output = self._output, []
        return b"".join(output)

    def _put(self, message: Message) -> None:
        self._output.append(write_message(message))

    def _fail(self, reason: str, is_final: bool = False) -> None:
        self.phase = Phase.ENDED
        self._deadline = None
        self._events.append(Failed(reason, is_final))


_ENDS = {
    Phase.GREETING: "the router closed the connection at once: it may want TLS, or a password",
    Phase.CREATING: "the router closed the connection instead of creating a session",
    Phase.OPEN: "the router closed the connection",
}


def _credentials(user_name: str, password: str) -> dict[str, str]:
    return {_USER_NAME: user_name, _PASSWORD: password} if user_name else {}


def _parse_version(text: str) -> tuple[int, ...]:
    """Zeros for what is no version."""
    try:
        return tuple(int(part) for part in text.split("-")[0].split(".")[:4])
    except ValueError:
        return (0,)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
