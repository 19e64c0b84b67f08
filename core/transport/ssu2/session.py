"""One SSU2 session: from the dial, or the SessionRequest with a proven token, to its last words."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import ClassVar, Protocol

from core.base.errors import DecodeError, PeerError
from core.base.rates import TokenBucket
from core.data.router_info import RouterInfo
from core.data.transport_address import Ssu2Address
from core.i2np.database import DatabaseStore
from core.i2np.message import SHORT_HEADER_BYTES, MessageType, expiration_from, make_short
from core.transport.admission import check_signed, is_violation
from core.transport.context import next_router_info_at
from core.transport.misconduct import FALSE_ROUTER_INFO
from core.transport.ports import (
    Blame,
    Confirmed,
    Ended,
    Established,
    RouterInfoBlock,
    SessionEvent,
    Silent,
    Skew,
    Unreachable,
    Violation,
)
from core.transport.reasons import TerminationReason, reason_word
from core.transport.ssu2.blocks import Block, NewToken, RelayTag, RelayTagRequest, parse_block
from core.transport.ssu2.blocks import RouterInfoBlock as RouterInfoOnWire
from core.transport.ssu2.connection import Connection
from core.transport.ssu2.context import Context
from core.transport.ssu2.framing import BlockType, SocketAddress
from core.transport.ssu2.handshake import ConnectionIds
from core.transport.ssu2.initiator import Initiator
from core.transport.ssu2.keys import SessionKeys
from core.transport.ssu2.notices import Moved, SeenAs
from core.transport.ssu2.responder import Accepted, Responder
from core.transport.ssu2.tokens import NEW_TOKEN_S
from core.transport.ssu2.variants import PLAIN

#: A peer has no reason to send more at once.
ROUTER_INFO_BLOCKS_MAX = 60
#: Bob sends one with each peer test and introduction: 300 in ten minutes are served at most.
ROUTER_INFO_BLOCKS_PER_S = 0.5
#: Packets of a peer that has only said who it is: acks, its RouterInfo, a token.
UNUSED_PACKETS = 6
_NEVER = float("inf")


class SessionHost(Protocol):
    """What a session needs of its endpoint."""

    context: Context

    def connect(
        self, session: Ssu2Session, keys: SessionKeys, rtt_s: float, now: float
    ) -> Connection:
        """The data phase of a session; ``rtt_s`` was measured in the handshake, or is 0."""
        ...

    def mark(self, session: Ssu2Session) -> None:
        """The session may have something to send, or another deadline."""
        ...

    def told(self, session: Ssu2Session, now: float) -> None:
        """``events`` has something new for the owner."""
        ...

    def drop(self, session: Ssu2Session) -> None:
        """Forget the session at once."""
        ...

    def failed(self, session: Ssu2Session, end: Ended | Unreachable, now: float) -> None:
        """The session ended before its data phase: forget it, and judge who tried."""
        ...

    def seen_as(self, session: Ssu2Session, address: SocketAddress, now: float) -> None:
        """The peer sees us at this address."""
        ...

    def block_received(self, session: Ssu2Session, block: Block, now: float) -> None:
        """A block of relay or peer test came, or a relay tag, or the request for one."""
        ...


class Ssu2Session:
    """A :class:`core.transport.ports.Session`.

    One of ``initiator``, ``responder`` and ``connection`` is set, or the first and the last until
    the peer has confirmed. ``local_id``: the 8 bytes that packets to this session begin with.
    ``is_told``: the owner knows of the session, and not yet of its end. ``timer_at``: for which
    deadline the endpoint has an entry. ``dialled_as``: what our dial asked for; ``variant``: of the
    handshake, once it is over.
    """

    transport: ClassVar[str] = "ssu2"

    __slots__ = (
        "_host",
        "_router_info_blocks",
        "_router_info_due",
        "address",
        "connection",
        "dialled_as",
        "events",
        "host_key",
        "initiator",
        "introduced_ids",
        "is_outbound",
        "is_pending",
        "is_told",
        "local_id",
        "number",
        "remote",
        "responder",
        "router_info",
        "subnet_key",
        "timer_at",
        "variant",
        "was_established",
    )

    def __init__(
        self, host: SessionHost, number: int, remote: SocketAddress, is_outbound: bool
    ) -> None:
        self._host = host
        self._router_info_blocks = TokenBucket(ROUTER_INFO_BLOCKS_PER_S, ROUTER_INFO_BLOCKS_MAX)
        self._router_info_due = _NEVER
        self.number = number
        self.remote = remote
        self.host_key = remote.host
        self.subnet_key = remote.host
        self.is_outbound = is_outbound
        self.is_pending = not is_outbound
        self.is_told = is_outbound
        self.was_established = False
        self.local_id = b""
        self.timer_at = _NEVER
        self.dialled_as = PLAIN
        self.variant = PLAIN
        self.router_info: RouterInfo | None = None
        self.address: Ssu2Address | None = None
        self.initiator: Initiator | None = None
        self.responder: Responder | None = None
        self.introduced_ids: ConnectionIds | None = None
        self.connection: Connection | None = None
        self.events: deque[SessionEvent] = deque()

    # For the link table and the gate

    @property
    def kem(self) -> str | None:
        """See :class:`core.transport.ports.Session`."""
        return None if self.variant.kem is None else self.variant.kem.name

    @property
    def router_hash(self) -> bytes | None:
        """Who it is with; None while an inbound handshake has not told."""
        return None if self.router_info is None else self.router_info.hash

    @property
    def remote_host(self) -> str:
        """The IP literal of its other end."""
        return self.remote.host

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
        """True in the data phase, until it ends."""
        return self.was_established and self.is_told

    @property
    def is_in_handshake(self) -> bool:
        """See :class:`core.transport.inbound.InboundSession`."""
        return self.responder is not None

    @property
    def is_unused(self) -> bool:
        """See :class:`core.transport.inbound.InboundSession`."""
        connection = self.connection
        return connection is None or connection.packets_received <= UNUSED_PACKETS

    @property
    def progress(self) -> int:
        """See :class:`core.transport.inbound.InboundSession`: the token was proven."""
        return 1 if self.is_in_handshake else 0

    def wake(self) -> bool:
        """See :class:`core.transport.ports.Session`."""
        if self.connection is None:
            return False
        self._host.mark(self)
        return True

    def admit(self, now: float) -> None:
        """Greet the initiator: our RouterInfo, as it may have an old one, and a token."""
        self._give_token(now)
        self.send_router_info(now)

    def send(self, messages: Sequence[bytes], now: float) -> None:
        """Take short-form messages to be packed into packets."""
        assert self.connection is not None
        self.connection.send(messages, now)

    def ask(self, now: float) -> None:
        """See :class:`core.transport.ports.Session`."""
        if self.connection is not None and self.connection.ask(now):
            self._host.mark(self)

    def take_output(self) -> list[bytes]:
        """Handshake packets to send now; those of the data phase the endpoint pulls itself."""
        machine = self.initiator or self.responder
        if machine is None:
            return []
        packets, machine.output = machine.output, []
        return packets

    def close(self, reason: TerminationReason, now: float) -> None:
        """End it: with a Termination block in the data phase, otherwise without a word."""
        if self.connection is not None:
            self.connection.close(reason, now)
            self._carry(now)
        elif self.is_told or self.responder is not None:
            self._finish(Ended(reason_word(reason), reason, Blame.NOBODY, is_abort=True), now)

    def abort(self) -> None:
        """See :class:`core.transport.ports.Session`."""
        self.is_told = False
        self.events.clear()
        self._host.drop(self)

    def next_event(self) -> SessionEvent | None:
        """See :class:`core.transport.ports.Session`."""
        return self.events.popleft() if self.events else None

    # For the endpoint

    def receive_handshake(self, packet: bytes, source: SocketAddress, now: float) -> list[bytes]:
        """A packet for the handshake; returns messages that came with or before its end."""
        if self.responder is not None:
            return self._receive_as_bob(self.responder, packet, source, now)
        if self.initiator is not None:
            self.initiator.receive(packet, now)
            self._carry_dial(now)
        return []

    def receive_data(self, packet: bytes, source: SocketAddress, now: float) -> list[bytes]:
        """A packet for the data phase; returns the messages in it."""
        connection = self.connection
        assert connection is not None
        messages = connection.receive(packet, source, now)
        if connection.notices:
            self._carry(now)
        return messages

    def handle_timer(self, now: float) -> None:
        """Check the deadlines of this session; early calls do nothing."""
        if self.responder is not None:
            self.responder.handle_timer(now)
            if self.responder.ended is not None:
                self._finish(self.responder.ended, now)
        if self.initiator is not None:
            self.initiator.handle_timer(now)
            self._carry_dial(now)
        if self.connection is not None:
            self.connection.handle_timer(now)
            if self.is_told and now >= self._router_info_due:
                self.send_router_info(now)
            self._carry(now)
        self._host.mark(self)

    def next_timer(self) -> float:
        """When :meth:`handle_timer` has something to do."""
        times = [
            machine.next_timer
            for machine in (self.initiator, self.responder)
            if machine is not None
        ]
        if self.connection is not None:
            times += (self.connection.next_timer(), self._router_info_due)
        return min(times, default=_NEVER)

    def end_dial(self, end: Ended | Unreachable, now: float) -> None:
        """The dial cannot even begin."""
        self._finish(end, now)

    def send_router_info(self, now: float) -> None:
        """Send our current RouterInfo as a DatabaseStore, which may be cut, unlike a block."""
        connection = self.connection
        if connection is None:
            return
        context = self._host.context
        raw = context.local.router_info()
        body = DatabaseStore.of_router_info(RouterInfo.parse(raw)).write()
        message_id = int.from_bytes(context.entropy.random_bytes(4), "big")
        expires_ms = expiration_from(context.wall.now())
        message = make_short(MessageType.DATABASE_STORE, message_id, expires_ms, body)
        connection.send((message,), now)
        self._router_info_due = next_router_info_at(self._host.context.entropy, now)
        self._host.mark(self)

    # The handshake

    def _receive_as_bob(
        self, responder: Responder, packet: bytes, source: SocketAddress, now: float
    ) -> list[bytes]:
        accepted = responder.receive(packet, now)
        if responder.ended is not None:
            self._finish(responder.ended, now)
        if accepted is None:
            return []
        self.responder = None
        self.variant = responder.variant
        self.router_info = accepted.router_info
        self.address = accepted.address
        connection = self.connection = self._host.connect(self, accepted.keys, responder.rtt_s, now)
        self._begin_data_phase(now)
        self.events.append(Skew(responder.skew_s))
        self.events.append(Established(accepted.router_info, accepted.flood))
        self._host.told(self, now)
        messages = self._on_confirmed_blocks(accepted, now)
        if responder.wants_tag:
            self._host.block_received(self, RelayTagRequest(), now)
        for early in responder.early:
            messages += connection.receive(early, source, now)
        self._carry(now)
        return messages

    def _on_confirmed_blocks(self, accepted: Accepted, now: float) -> list[bytes]:
        messages = []
        for kind, data in accepted.blocks:
            if kind == BlockType.I2NP:
                messages.append(data)
            else:
                self._on_block(kind, data, now)
        return [message for message in messages if len(message) > SHORT_HEADER_BYTES]

    def _carry_dial(self, now: float) -> None:
        """What the initiator reports."""
        initiator = self.initiator
        if initiator is None:
            return
        notices, initiator.notices = initiator.notices, []
        for notice in notices:
            if isinstance(notice, Skew):
                self._tell(notice, now)
            elif self.connection is not None:
                self._end_unconfirmed(notice, now)
            else:
                self._finish(notice, now)
        if initiator.keys is not None and self.connection is None and self.is_told:
            self.variant = initiator.variant
            self.connection = self._host.connect(self, initiator.keys, initiator.rtt_s, now)
            self._begin_data_phase(now)
            if initiator.seen_as is not None:
                self._host.seen_as(self, initiator.seen_as, now)
            self._tell(Established(None, False), now)
            self._give_token(now)
            if initiator.relay_tag:
                self._host.block_received(self, RelayTag(initiator.relay_tag), now)
        self._host.mark(self)

    def _end_unconfirmed(self, end: Ended | Unreachable, now: float) -> None:
        """Bob never acknowledged SessionConfirmed: what he got of it, he did not like."""
        self.initiator = None
        self._tell(end, now)
        if self.connection is not None:
            self.connection.close(TerminationReason.INTRA_FRAME_TIMEOUT, now)
            self._carry(now)

    def _begin_data_phase(self, now: float) -> None:
        self.was_established = True
        self.is_told = True
        self._router_info_due = next_router_info_at(self._host.context.entropy, now)

    def _give_token(self, now: float) -> None:
        """A token for the peer's next session with us."""
        context, connection = self._host.context, self.connection
        if connection is None or not context.gives_tokens:
            return
        token = context.mint.new_token(connection.remote)
        block = NewToken(int(context.wall.now()) + NEW_TOKEN_S, token)
        connection.send_block(block.write(), now)

    # The data phase

    def _carry(self, now: float) -> None:
        """What the connection reports."""
        connection = self.connection
        if connection is None:
            return
        notices, connection.notices = connection.notices, []
        for notice in notices:
            if isinstance(notice, Confirmed):
                if self.initiator is not None:
                    self.initiator.confirmed(now)
                    self.initiator = None
                self._tell(notice, now)
            elif isinstance(notice, Skew | Silent | Violation):
                self._tell(notice, now)
            elif isinstance(notice, Ended):
                self._finish(notice, now)
            elif isinstance(notice, SeenAs):
                self._host.seen_as(self, notice.address, now)
            elif isinstance(notice, Moved):
                self.remote = notice.address
            else:
                self._on_block(notice.block_type, notice.data, now)
        self._host.mark(self)

    def _on_block(self, kind: int, data: bytes, now: float) -> None:
        context = self._host.context
        try:
            block = parse_block(kind, data)
            if isinstance(block, RouterInfoOnWire):
                self._on_router_info(block, now)
            elif isinstance(block, NewToken):
                context.tokens.put(self.remote, block.token, block.expires_s)
            elif block is not None:
                self._host.block_received(self, block, now)
        except DecodeError:
            context.stats.blocks_malformed += 1

    def _on_router_info(self, block: RouterInfoOnWire, now: float) -> None:
        context = self._host.context
        if not self._router_info_blocks.take(now):
            return
        try:
            router_info = check_signed(block.router_info(), context.network_id)
        except PeerError as error:
            context.stats.router_infos_refused += 1
            if is_violation(error):
                self._tell(Violation(FALSE_ROUTER_INFO), now)
            return
        known = self.router_info
        if known is not None and router_info.hash == known.hash:
            if router_info.published_ms <= known.published_ms:
                return
            self.router_info = router_info
        self._tell(RouterInfoBlock(router_info, block.flood), now)

    # Ending

    def _finish(self, end: Ended | Unreachable, now: float) -> None:
        """For the owner it is over; a connection may still repeat its last words."""
        self.initiator = self.responder = None
        if self.connection is None:
            self._host.failed(self, end, now)
        self._tell(end, now)

    def _tell(self, event: SessionEvent, now: float) -> None:
        """Tell the owner, unless the session is over for it. Handshakes may tell a skew before."""
        if isinstance(event, Ended | Unreachable):
            if not self.is_told:
                return
            self.is_told = False
        self.events.append(event)
        self._host.told(self, now)
