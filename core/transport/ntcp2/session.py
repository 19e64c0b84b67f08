"""One NTCP2 session with its socket: from the dial or the accepted connection to the end."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import ClassVar, Protocol

from core.data.router_info import RouterInfo
from core.data.transport_address import Ntcp2Address
from core.transport.ntcp2.commands import LinkId
from core.transport.ntcp2.connection import Connection
from core.transport.ntcp2.variants import PLAIN, Variant
from core.transport.ports import SessionEvent
from core.transport.reasons import TerminationReason

DIAL_TIMEOUT_S = 10.0
#: A link that only said who it is has had no more frames than this.
UNUSED_FRAMES = 2


class SessionHost(Protocol):
    """What a session needs of its endpoint."""

    def settle(self, session: Ntcp2Session, now: float) -> None:
        """The connection has notices or output: carry them."""
        ...

    def drop(self, session: Ntcp2Session) -> None:
        """Close the socket with a reset and forget the session."""
        ...

    def check_deadlines(self, session: Ntcp2Session, now: float) -> None:
        """See ``handle_timer``."""
        ...


class Ntcp2Session:
    """A :class:`core.transport.ports.Session`. ``connection`` is None while TCP is connecting.

    ``host_key`` and ``subnet_key``: under which names an inbound session is counted. ``deadline``:
    when the dial is given up. ``is_pending``: counted by the inbound gate until its handshake is
    over. ``is_told``: the owner knows of the session, and not yet of its end. ``sealed``: frames
    that wait for :meth:`take_output`. ``variant``: what we dial with.
    """

    transport: ClassVar[str] = "ntcp2"

    __slots__ = (
        "_host",
        "_ready",
        "address",
        "connection",
        "deadline",
        "events",
        "host_key",
        "is_confirmed",
        "is_outbound",
        "is_paused",
        "is_pending",
        "is_told",
        "number",
        "remote_host",
        "router_info",
        "sealed",
        "subnet_key",
        "variant",
        "was_established",
    )

    def __init__(
        self,
        host: SessionHost,
        ready: dict[LinkId, Ntcp2Session],
        number: LinkId,
        remote_host: str,
        is_outbound: bool,
        now: float,
    ) -> None:
        """``ready``: where sessions stand that have something to write."""
        self._host = host
        self._ready = ready
        self.sealed = b""
        self.number = number
        self.remote_host = remote_host
        self.host_key = remote_host
        self.subnet_key = remote_host
        self.is_outbound = is_outbound
        self.deadline = now + DIAL_TIMEOUT_S
        self.is_paused = False
        self.is_pending = not is_outbound
        self.is_told = is_outbound
        self.is_confirmed = not is_outbound
        self.was_established = False
        self.router_info: RouterInfo | None = None
        self.address: Ntcp2Address | None = None
        self.variant: Variant = PLAIN
        self.connection: Connection | None = None
        self.events: deque[SessionEvent] = deque()

    @property
    def router_hash(self) -> bytes | None:
        """Who it is with; None while an inbound handshake has not told."""
        connection = self.connection
        info = self.router_info
        if info is None and connection is not None:
            info = connection.remote_router_info
        return None if info is None else info.hash

    @property
    def kem(self) -> str | None:
        """See :class:`core.transport.ports.Session`."""
        return None if self.connection is None else self.connection.variant.kem_name

    @property
    def last_active(self) -> float:
        """When something was last read or written."""
        return 0.0 if self.connection is None else self.connection.last_active

    @property
    def last_received(self) -> float:
        """When something was last read."""
        return 0.0 if self.connection is None else self.connection.last_received

    @property
    def is_established(self) -> bool:
        """True in the data phase."""
        return self.connection is not None and self.connection.is_established

    @property
    def is_in_handshake(self) -> bool:
        """See :class:`core.transport.inbound.InboundSession`."""
        return self.connection is not None and self.connection.is_in_handshake

    @property
    def is_unused(self) -> bool:
        """See :class:`core.transport.inbound.InboundSession`."""
        connection = self.connection
        return connection is None or connection.frames_received <= UNUSED_FRAMES

    @property
    def progress(self) -> int:
        """See :class:`core.transport.inbound.InboundSession`."""
        connection = self.connection
        if connection is None or not connection.is_in_handshake:
            return 0
        return 2 if connection.is_request_complete else 1

    def wake(self) -> bool:
        """See :class:`core.transport.ports.Session`."""
        if self.is_paused:
            return False
        self._ready[self.number] = self
        return True

    def admit(self, now: float) -> None:
        """Send our RouterInfo first: the initiator may have dialled with an old one (i2pd too)."""
        if self.connection is not None:
            self.connection.send_router_info(now)

    def send(self, messages: Sequence[bytes], now: float) -> None:
        """Seal short-form messages, each at most 65,516 bytes, into frames."""
        connection = self.connection
        assert connection is not None
        self.sealed = connection.seal_messages(messages, now)

    def ask(self, now: float) -> None:
        """See :class:`core.transport.ports.Session`: TCP does that."""

    def take_output(self) -> bytes:
        """What to write now."""
        sealed, self.sealed = self.sealed, b""
        connection = self.connection
        if connection is None or not connection.output:
            return sealed
        # Control frames were sealed before the messages just now: keep the order of the nonces.
        control, connection.output = connection.output, []
        return b"".join(control) + sealed

    def close(self, reason: TerminationReason, now: float) -> None:
        """End it: with a Termination block in the data phase, otherwise with a reset."""
        connection = self.connection
        if connection is None or connection.pending_end is not None:
            self._host.drop(self)
            return
        connection.close(reason, now)
        self._host.settle(self, now)

    def abort(self) -> None:
        """See :class:`core.transport.ports.Session`."""
        self._host.drop(self)

    def handle_timer(self, now: float) -> None:
        """See :class:`core.transport.ports.Session`."""
        self._host.check_deadlines(self, now)

    def next_event(self) -> SessionEvent | None:
        """See :class:`core.transport.ports.Session`."""
        return self.events.popleft() if self.events else None
