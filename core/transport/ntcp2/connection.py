"""One NTCP2 connection from its first byte to its last (specs/ntcp2); no sockets, no peer table.

``receive_data`` returns the I2NP messages of a read; everything rarer is put into ``notices``,
which the owner empties after every call. What is to be written collects in ``output``. Peers never
cause an exception here: a violation ends the connection with a notice that says whose fault it was.

How a connection ends: before message 3 was understood, silently and with a reset, after reading a
random number of bytes for a random time so that a prober learns nothing from when we hang up;
afterwards with a Termination block.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.base.errors import DecodeError, PeerError
from core.data.router_info import RouterInfo
from core.transport.admission import (
    ForeignRouterError,
    check_handshake,
    check_signed,
    is_violation,
)
from core.transport.context import CLOCK_SKEW_MAX_S, next_router_info_at
from core.transport.misconduct import BROKEN_BLOCKS, FALSE_ROUTER_INFO
from core.transport.ntcp2 import blocks, handshake
from core.transport.ntcp2.blocks import BlockType, Options, Termination
from core.transport.ntcp2.context import Context
from core.transport.ntcp2.frames import FrameOpener, FrameSealer
from core.transport.ntcp2.keys import SessionKeys
from core.transport.ntcp2.negotiation import Negotiation, Step
from core.transport.ntcp2.padding import Padding
from core.transport.ntcp2.states import HANDSHAKE, TRANSITIONS, State, Trigger
from core.transport.ntcp2.variants import PLAIN, Variant
from core.transport.ports import Blame, Ended, Established, RouterInfoBlock, Skew, Violation
from core.transport.reasons import TerminationReason, reason_word

HANDSHAKE_TIMEOUT_S = 10.0
#: i2pd: 115 to 124 s, Java: 120 s and more.
IDLE_TIMEOUT_S = 120.0
IDLE_TIMEOUT_VARIANCE_S = 30
INTRA_FRAME_TIMEOUT_S = 30.0
DRAIN_BYTES_MAX = 1041
DRAIN_TIMEOUT_S = 10.0
ROUTER_INFO_BLOCKS_MAX = 60

Notice = Established | RouterInfoBlock | Skew | Violation | Ended


class Connection:
    """The machine. Create it with :meth:`initiate` or :meth:`accept`."""

    def __init__(
        self, context: Context, awaited: handshake.Awaited, is_outbound: bool, now: float
    ) -> None:
        self._context = context
        self._negotiation = Negotiation(context, awaited, now)
        self._sealer: FrameSealer | None = None
        self._opener: FrameOpener | None = None
        #: while draining: how it will end
        self.pending_end: Ended | None = None
        self._drain_bytes = 0
        self._padding = Padding(context.entropy)
        self._router_info_blocks = 0
        self._router_info_due = 0.0
        self._deadline = now + HANDSHAKE_TIMEOUT_S
        self._idle_timeout_s = IDLE_TIMEOUT_S + context.entropy.randbelow(IDLE_TIMEOUT_VARIANCE_S)
        self.is_outbound = is_outbound
        self.state = State.AWAIT_CREATED if is_outbound else State.AWAIT_REQUEST
        self.variant = PLAIN
        """Of the handshake, once it is over."""
        self.remote_router_info: RouterInfo | None = None
        self.last_received = now
        self.last_sent = now
        self.output: list[bytes] = []
        self.notices: list[Notice] = []

    @classmethod
    def initiate(
        cls,
        context: Context,
        peer_hash: bytes,
        peer_static: bytes,
        peer_iv: bytes,
        now: float,
        *,
        peer_version: tuple[int, ...] = (),
        variant: Variant = PLAIN,
    ) -> Connection:
        """Alice's side of a TCP connection that is just up.

        ``peer_version``: API version in the peer's RouterInfo; from 0.9.69 on it takes long
        padding. ``variant``: of the handshake, plain or what the peer publishes. DecodeError if
        the published static key is no usable point.
        """
        awaited, request = handshake.initiate(
            context.local,
            peer_hash,
            peer_static,
            peer_iv,
            context.network_id,
            context.wall,
            context.entropy,
            peer_version,
            variant,
        )
        connection = cls(context, awaited, True, now)
        connection.output.append(request)
        return connection

    @classmethod
    def accept(cls, context: Context, now: float) -> Connection:
        """Bob's side of a TCP connection that was just accepted."""
        awaited = handshake.respond(
            context.local, context.network_id, context.wall, context.entropy, context.hybrid
        )
        return cls(context, awaited, False, now)

    @property
    def is_established(self) -> bool:
        """True in the data phase."""
        return self.state is State.ESTABLISHED

    @property
    def is_in_handshake(self) -> bool:
        """True until the data phase, or the end."""
        return self.state in HANDSHAKE

    @property
    def is_request_complete(self) -> bool:
        """Bob: message 1 was genuine and has been answered."""
        return self.state is State.AWAIT_CONFIRMED

    @property
    def last_active(self) -> float:
        """When something was last read or written."""
        return max(self.last_received, self.last_sent)

    @property
    def frames_received(self) -> int:
        """Valid data-phase frames so far."""
        return self._opener.frames if self._opener is not None else 0

    # Receiving

    def receive_data(self, data: bytes | memoryview, now: float) -> list[bytes]:
        """Take what was read; returns the I2NP messages in it, in short form."""
        self.last_received = now
        if self.state is State.ESTABLISHED:
            return self._receive_frames(data, now)
        if self.state in HANDSHAKE:
            left = self._receive_handshake(bytes(data), now)
            return self._receive_frames(left, now) if left else []
        if self.state is State.DRAINING:
            self._drain_bytes -= len(data)
            if self._drain_bytes <= 0:
                self._finish_drain()
        return []

    def _receive_frames(self, data: bytes | memoryview, now: float) -> list[bytes]:
        opener = self._opener
        assert opener is not None
        payloads: list[bytes] = []
        messages: list[bytes] = []
        failure: PeerError | None = None
        try:
            opener.open(data, payloads)
        except PeerError as error:
            failure = error
        others: list[tuple[int, bytes]] = []
        for payload in payloads:
            if not blocks.split_blocks(payload, messages, others):
                self._context.stats.blocks_malformed += 1
                self.notices.append(Violation(BROKEN_BLOCKS))
            if others:
                if self._on_blocks(others, now):
                    return messages
                others.clear()
        if failure is not None:
            # specs/ntcp2, "AEAD Error Handling": no oracle on where the forged frame ended.
            self._drain(
                Ended(str(failure), failure.reason, Blame.PEER, is_abort=False), now, minimum=18
            )
        return messages

    def _on_blocks(self, others: Sequence[tuple[int, bytes]], now: float) -> bool:
        """Handle the rare blocks of a frame; True if the connection ended."""
        context = self._context
        for block_type, data in others:
            if block_type == BlockType.DATE_TIME:
                if len(data) < 4:
                    context.stats.blocks_malformed += 1
                    continue
                skew_s = int.from_bytes(data[:4], "big") - context.wall.now()
                self.notices.append(Skew(skew_s))
                if abs(skew_s) > CLOCK_SKEW_MAX_S + 1:
                    self.close(TerminationReason.CLOCK_SKEW, now, Blame.CLOCK_SKEW)
                    return True
            elif block_type == BlockType.ROUTER_INFO:
                self._on_router_info(data)
            elif block_type == BlockType.OPTIONS:
                try:
                    self._padding.agree(Options.parse(data))
                except PeerError:
                    context.stats.blocks_malformed += 1
            elif block_type == BlockType.TERMINATION:
                code = Termination.parse(data).reason
                self._end(
                    Ended(reason_word(code), code, Blame.NOBODY, False, is_remote=True),
                    Trigger.TERMINATION,
                )
                return True
            else:
                context.stats.blocks_unknown += 1
        return False

    def _on_router_info(self, data: bytes) -> None:
        context = self._context
        known = self.remote_router_info
        if known is not None and data[1:] == known.raw:
            return
        # Every one costs a signature check; nobody needs more than a few in each interval.
        self._router_info_blocks += 1
        if self._router_info_blocks > ROUTER_INFO_BLOCKS_MAX or not data:
            context.stats.router_infos_refused += 1
            return
        try:
            router_info = check_signed(data[1:], context.network_id)
        except PeerError as error:
            context.stats.router_infos_refused += 1
            if is_violation(error):
                self.notices.append(Violation(FALSE_ROUTER_INFO))
            return
        if known is not None and router_info.hash == known.hash:
            if router_info.published_ms <= known.published_ms:
                return
            self.remote_router_info = router_info
        self.notices.append(RouterInfoBlock(router_info, bool(data[0] & blocks.FLAG_FLOOD)))

    # The handshake

    def _receive_handshake(self, data: bytes, now: float) -> bytes:
        """Make the steps that are due; returns data-phase bytes that follow message 3, if any."""
        negotiation = self._negotiation
        negotiation.receive_data(data)
        try:
            while self.state in HANDSHAKE:
                step = negotiation.next_step(now)
                if step is None:
                    return b""
                self._on_step(step, now)
        except (DecodeError, PeerError) as error:
            self._fail_handshake(error, now)
            return b""
        return negotiation.take_rest() if self.is_established else b""

    def _on_step(self, step: Step, now: float) -> None:
        if step.output:
            self.output.append(step.output)
        if step.has_skew:
            self.notices.append(Skew(self._negotiation.skew_s))
        if step.keys is not None:
            self._start_data_phase(step.keys, step.trigger, now)
            if self.is_outbound:
                self.notices.append(Established(None, False))
            else:
                self._on_confirmed(step.keys, now)
        elif step.trigger is Trigger.CLOSE:
            skewed = Ended("clock_skew", TerminationReason.CLOCK_SKEW, Blame.CLOCK_SKEW, True)
            self._end(skewed, Trigger.CLOSE)
        else:
            self._move(step.trigger)

    def _on_confirmed(self, keys: SessionKeys, now: float) -> None:
        """Bob: message 3 is authentic, now check who sent it; from here on errors are answered."""
        context = self._context
        skew_s = self._negotiation.skew_s
        if abs(skew_s) > CLOCK_SKEW_MAX_S:
            self.close(TerminationReason.CLOCK_SKEW, now, Blame.CLOCK_SKEW)
            return
        try:
            flag, raw, options = blocks.parse_confirmed_payload(keys.payload)
            router_info = check_handshake(
                raw,
                keys.remote_static,
                _static_keys,
                context.network_id,
                context.wall.now(),
                context.find_router,
            )
        except ForeignRouterError as error:
            self.close(error.reason, now, Blame.FOREIGN_NETWORK, str(error))
            return
        except PeerError as error:
            self.close(error.reason, now, Blame.PEER, str(error))
            return
        if options is not None:
            self._padding.agree(options)
        self.remote_router_info = router_info
        self.notices.append(Skew(skew_s))
        self.notices.append(Established(router_info, bool(flag & blocks.FLAG_FLOOD)))

    def _start_data_phase(self, keys: SessionKeys, trigger: Trigger, now: float) -> None:
        self._sealer = FrameSealer(keys.send)
        self._opener = FrameOpener(keys.receive)
        self.variant = keys.variant
        self._move(trigger)
        self._router_info_due = next_router_info_at(self._context.entropy, now)

    def _fail_handshake(self, error: DecodeError | PeerError, now: float) -> None:
        failure = HANDSHAKE[self.state]
        is_foreign = isinstance(error, handshake.WrongNetworkError)
        blame = Blame.FOREIGN_NETWORK if is_foreign else failure.violation
        end = Ended(str(error), failure.code, blame, is_abort=True)
        if self.is_outbound:
            self._end(end, Trigger.VIOLATION)
        else:
            self._drain(end, now, minimum=0)

    # Ending

    def _drain(self, end: Ended, now: float, minimum: int) -> None:
        """Read a random number of bytes, or wait a random time, before ``end``."""
        entropy = self._context.entropy
        self._drain_bytes = minimum + entropy.randbelow(DRAIN_BYTES_MAX - minimum)
        self.pending_end = end
        self._move(Trigger.VIOLATION)
        self._deadline = now + 1.0 + entropy.randbelow(1024) / 1024 * (DRAIN_TIMEOUT_S - 1.0)
        if self._drain_bytes == 0:
            self._finish_drain()

    def _finish_drain(self) -> None:
        end = self.pending_end
        assert end is not None
        self.pending_end = None
        if not end.is_abort:
            self._seal_termination(end.code)
        self._end(end, Trigger.DRAINED)

    def _seal_termination(self, code: int) -> None:
        if self._sealer is not None and self._opener is not None:
            block = blocks.write_block(
                BlockType.TERMINATION, Termination(self._opener.frames, code).write()
            )
            self.output.append(self._sealer.seal(block + self._padding.block(len(block))))

    def _move(self, trigger: Trigger) -> None:
        self.state = TRANSITIONS[self.state, trigger]

    def _end(self, end: Ended, trigger: Trigger) -> None:
        self._move(trigger)
        self.notices.append(end)

    def close(
        self, code: int, now: float, blame: Blame = Blame.NOBODY, reason: str | None = None
    ) -> None:
        """End the connection: with a Termination block if the data phase was reached."""
        if self.state is State.CLOSED:
            return
        has_session = self._sealer is not None
        self._seal_termination(code)
        self.last_sent = now
        end = Ended(reason or reason_word(code), code, blame, not has_session)
        self._end(end, Trigger.CLOSE)

    # Sending

    def seal_messages(self, messages: Sequence[bytes], now: float) -> bytes:
        """Frames with these short-form messages, each at most 65,516 bytes, as one write."""
        sealer = self._sealer
        assert sealer is not None
        self.last_sent = now
        return sealer.seal_messages(messages, self._padding.block)

    def send_router_info(self, now: float, flood: bool = False) -> None:
        """Queue a frame with our time and our current RouterInfo, and restart its timer."""
        if self._sealer is None or self.state is not State.ESTABLISHED:
            return
        context = self._context
        payload = blocks.write_date_time(context.wall.now()) + blocks.write_router_info(
            context.local.router_info(), flood
        )
        self.output.append(self._sealer.seal(payload + self._padding.block(len(payload))))
        self._router_info_due = next_router_info_at(self._context.entropy, now)

    # Time

    def handle_timer(self, now: float) -> None:
        """Check every deadline of this connection; calling it early does nothing."""
        state = self.state
        if state is State.ESTABLISHED:
            opener = self._opener
            assert opener is not None
            if now - self.last_active >= self._idle_timeout_s:
                self.close(TerminationReason.IDLE_TIMEOUT, now)
            elif opener.is_inside_frame and now - self.last_received >= INTRA_FRAME_TIMEOUT_S:
                self.close(TerminationReason.INTRA_FRAME_TIMEOUT, now, Blame.PEER)
            elif now >= self._router_info_due:
                self._router_info_blocks = 0
                self.send_router_info(now)
        elif state in HANDSHAKE:
            if now >= self._deadline:
                blame = HANDSHAKE[state].timeout
                end = Ended("timeout", TerminationReason.NORMAL, blame, is_abort=True)
                self._end(end, Trigger.TIMEOUT)
        elif state is State.DRAINING and now >= self._deadline:
            self._finish_drain()


def _static_keys(router_info: RouterInfo) -> list[bytes]:
    return [address.static_key for address in router_info.ntcp2_addresses()]
