"""One stream: handshake, both halves, closing, and its single timer.

Sequence 0 is the SYN (initiator) or the SYN reply (responder), both signed; data, keepalives and
CLOSE take the following numbers; plain acks have sequence 0 and are never resent. Packets are made
only in :meth:`Stream.collect`, so that everything that became known in one batch goes out together.
"""

from __future__ import annotations

from core.base.errors import LocalError
from core.base.trace import Trace
from core.data.identity import Destination
from core.data.offline import OfflineSignature
from core.streaming.events import (
    Acknowledged,
    Closed,
    Connected,
    PathSuspect,
    Readable,
    RemoteClosed,
    Reset,
    Writable,
)
from core.streaming.host import StreamHost
from core.streaming.measured import PathMemory, StreamStats
from core.streaming.options import MTU_MIN
from core.streaming.outgoing import OutgoingPacket, answer
from core.streaming.packet import DELAY_CHOKE_MIN, SEQUENCE_MAX, Packet
from core.streaming.receiver import Receiver
from core.streaming.recovery import RoundTrip
from core.streaming.sender import Sender
from core.streaming.state import TRANSITIONS, StreamChange, StreamState
from core.streaming.timers import CLOSE_UNANSWERED, Timers
from core.streaming.traced import trace_sent

#: how old the unanswered SYN reply must be before a retransmitted SYN has it retransmitted
SYN_REPLY_AGAIN_S = 1.0


class Stream:
    """Both directions of one connection; every method returns at once.

    ``remote`` is the peer's destination. ``write`` and ``read`` take and give what is possible;
    events of the manager tell when more is. ``handle`` is the application's object for this stream.
    """

    def __init__(
        self,
        host: StreamHost[Stream],
        remote: Destination,
        local_id: int,
        local_port: int,
        remote_port: int,
        is_inbound: bool,
        now: float,
        memory: PathMemory | None = None,
    ) -> None:
        options = host.options
        self._host = host
        self.remote, self.remote_hash = remote, remote.hash
        self.local_id, self.local_port, self.remote_port = local_id, local_port, remote_port
        self.is_inbound = is_inbound
        self.state = StreamState.OPEN if is_inbound else StreamState.CONNECTING
        self.is_dead = False
        """True once closed in both directions or reset."""
        #: the peer's transient key, from its SYN
        self.remote_offline: OfflineSignature | None = None
        self.handle: object = None
        self.trace: Trace | None = None
        window = float(options.window_initial)
        round_trip = RoundTrip()
        if memory is not None:
            window = max(window, memory.window)
            round_trip = RoundTrip(memory.smoothed, memory.variance)
        self._receiver = Receiver(options)
        self._buffer = self._receiver.buffer
        self._sender = Sender(
            host.keys,
            options,
            remote,
            local_id,
            (local_port, remote_port),
            is_inbound,
            self._receiver,
            window,
            round_trip,
            now,
        )
        self.recovery = self._sender.recovery
        """Acks and losses of our direction."""
        self._timers = Timers(options, self._sender, self._receiver, now)
        self._is_write_blocked = self._is_remote_closed = False
        self._accounted = self._readable_before = 0
        self._sent = self._received = self._bytes_received = 0
        #: kept by the manager: the time its table holds for this stream, and whether it is queued
        self.scheduled = 0.0
        self.is_awake = False
        self._is_ack_awaited = self._had_arrived = False

    def __repr__(self) -> str:
        return f"Stream({self.local_id:08x}, {self.state.value})"

    # -- what the application does

    @property
    def remote_id(self) -> int:
        """The peer's number for this stream; 0 until it answered."""
        return self._sender.remote_id

    @property
    def readable_bytes(self) -> int:
        """How much :meth:`read` could give now."""
        return self._buffer.readable

    @property
    def writable_bytes(self) -> int:
        """How much :meth:`write` would take now."""
        if self._sender.is_close_wanted or self.is_dead:
            return 0
        return self._sender.buffer.room

    @property
    def is_remote_closed(self) -> bool:
        """True once the peer's CLOSE and everything before it was received."""
        return self._is_remote_closed

    @property
    def at_eof(self) -> bool:
        """True if nothing is left to read and nothing will come."""
        return not self._buffer.readable and (self._is_remote_closed or self.is_dead)

    @property
    def is_flushed(self) -> bool:
        """True if the peer has acknowledged everything that was sent, and nothing waits."""
        return self._sender.is_flushed

    @property
    def heard_at(self) -> float:
        """When the last packet of this stream came; its opening, if none did."""
        return self._timers.heard_at

    @property
    def has_arrived(self) -> bool:
        """True if the peer has acknowledged every byte written; on a dead stream: until its end."""
        return self._had_arrived if self.is_dead else self._sender.has_arrived

    @property
    def ack_due_s(self) -> float:
        """How long an ack may take, losses included, while the path works."""
        return self.recovery.round_trip.ack_due

    @property
    def mtu(self) -> int:
        """Largest payload of one packet, after negotiation."""
        return self._sender.mtu

    @property
    def stats(self) -> StreamStats:
        """What was measured so far."""
        packets = (self._sent, self._received)
        return StreamStats.of(self._sender, self._receiver, packets, self._bytes_received)

    def write(self, data: bytes) -> int:
        """Queue as much of ``data`` as fits; returns how many bytes that is.

        LocalError after :meth:`close` or on a dead stream. After a short write a ``Writable``
        event follows.
        """
        if self._sender.is_close_wanted or self.is_dead:
            raise LocalError("write on a stream that is closed")
        taken = self._sender.buffer.write(data)
        if taken < len(data):
            self._is_write_blocked = True
        if taken:
            self._host.wake(self)
        return taken

    def read(self, limit: int = 65536) -> bytes:
        """Up to ``limit`` bytes; empty if nothing is there (see :attr:`at_eof`)."""
        data = self._buffer.read(limit)
        if data:
            self._readable_before = self._buffer.readable
            self._account()
            if self._receiver.note_read() and not self.is_dead:
                self._host.wake(self)
        return data

    def request_ack(self) -> None:
        """Have an ack for all that was written: ``Acknowledged`` or ``Reset`` follows."""
        self._is_ack_awaited = True
        if self.is_flushed:
            self.probe_path()

    def close(self, now: float, *, reading: bool = True) -> None:
        """End our direction after everything written was sent; the other one goes on.

        With ``reading`` False nothing more is wanted from the peer either: what arrives is dropped
        and a peer that does not close in time is reset. i2pd: closes its direction as soon as it
        sees ours closed, even if it had more to send.
        """
        if self.is_dead:
            return
        if not reading:
            self._receiver.is_reading = False
            self._buffer.discard()
            self._account()
            self._receiver.note_read()
        self._sender.is_close_wanted = True
        self._check_finished(now)
        self._host.wake(self)

    def reset(self, now: float, why: str = "local") -> None:
        """Drop everything and tell the peer, if ``why`` is not ``"peer"``; see :class:`Reset`."""
        if not self.is_dead:
            self._change(StreamChange.RESET)
            self._die()
            self._host.emit(Reset(self, why))

    # -- what arrives (called by the manager)

    def on_syn(self, packet: Packet) -> None:
        """The first SYN, or the reply to ours. The manager has checked who signed it."""
        sender = self._sender
        if packet.asks_for_ack:
            sender.note_no_i2pd(packet.resend_delay_s)
        sender.remote_id = packet.receive_id
        self.remote_offline = packet.offline
        if packet.payload_max is not None:
            sender.mtu = max(MTU_MIN, min(sender.mtu, packet.payload_max))
        if self.state is StreamState.CONNECTING:
            sender.is_connecting = False
            self._change(StreamChange.SYN_REPLY)
            self._host.emit(Connected(self))
            if self._timers.close_acked_at:
                self._change(StreamChange.CLOSE_ACKED)

    def on_syn_again(self, now: float) -> None:
        """The peer did not get our reply: give it once more if it is old enough."""
        sent_at = self.recovery.sent_at(0)
        if sent_at is None:
            self._receiver.ack_soon(now)
        elif now - sent_at >= SYN_REPLY_AGAIN_S:
            self._sender.probe(0)
        self._host.wake(self)

    def on_close(self, sequence: int) -> None:
        """A verified CLOSE; the data before it may still be missing."""
        if self._buffer.end is None and sequence >= self._buffer.next_sequence:
            self._buffer.end = sequence

    def on_packet(
        self,
        sequence: int,
        ack_through: int,
        nacks: tuple[int, ...],
        delay_ms: int,
        payload: bytes,
        now: float,
    ) -> None:
        """Any packet of this stream; ``ack_through`` and ``delay_ms`` are -1 if absent.

        Sequence 0 is a plain ack but for the first SYN, which :meth:`on_syn` has seen: an ack may
        overtake the reply to ours. :meth:`end_batch` must follow.
        """
        self._received += 1
        if self.trace is not None:
            self.trace.event("packet_received", now, sequence=sequence, size=len(payload))
        recovery = self.recovery
        sender = self._sender
        is_progress = False
        if ack_through > recovery.highest_acked or nacks or recovery.has_holes:
            is_progress = ack_through >= 0 and sender.on_ack(ack_through, nacks, now)
        if delay_ms >= 0:
            if delay_ms >= DELAY_CHOKE_MIN:
                sender.on_choke(delay_ms, now)
            else:
                sender.on_unchoke(now)
                if delay_ms == 0:
                    self._receiver.ack_on_request(now, recovery.round_trip.smoothed)
        elif is_progress and (sender.choke.is_choked or sender.choke.is_retransmit_only):
            sender.on_unchoke(now)
        if sequence or (not sender.is_connecting and not self._buffer.next_sequence):
            self._bytes_received += len(payload)
            if sequence:
                sender.is_first_flight = False
            self._receiver.add(sequence, payload, now, recovery.round_trip.smoothed)
            if 0 < delay_ms < DELAY_CHOKE_MIN:
                self._receiver.ack_on_delay(now, delay_ms / 1000)
        else:
            self._receiver.note_plain(now)

    def end_batch(self, now: float) -> None:
        """After the last packet of a batch: events, then a wake-up."""
        self._timers.active_at = self._timers.heard_at = now
        if self.is_dead:
            return
        if self._receiver.take_unheard():
            self._host.emit(PathSuspect(self, 0))
        buffer = self._buffer
        if buffer.readable > self._readable_before:
            self._host.emit(Readable(self))
        self._readable_before = buffer.readable
        self._account()
        if buffer.is_ended and not self._is_remote_closed:
            self._is_remote_closed = True
            self._change(StreamChange.CLOSE_RECEIVED)
            self._receiver.ack_close(now)
            self._host.emit(RemoteClosed(self))
        if self._is_ack_awaited and self.is_flushed and not self._sender.is_keepalive_due:
            self._is_ack_awaited = False
            self._host.emit(Acknowledged(self))
        self._check_finished(now)
        self._host.wake(self)

    def _account(self) -> None:
        held = self._buffer.buffered
        if held != self._accounted:
            self._receiver.is_crowded = self._host.account(held - self._accounted)
            self._accounted = held

    # -- what is sent

    def collect(self, now: float, limit: int, out: list[OutgoingPacket]) -> bool:
        """Append at most ``limit`` packets, and one more if an ack or a probe is due.

        True if more could go out now.
        """
        if self.is_dead:
            return False
        before = len(out)
        sender = self._sender
        more = sender.collect(now, limit, out)
        if len(out) > before:
            self._timers.active_at = now
            if self._is_write_blocked and sender.buffer.is_half_empty:
                self._is_write_blocked = False
                if not sender.is_close_wanted:
                    self._host.emit(Writable(self))
            if self.recovery.next_sequence > SEQUENCE_MAX:
                self.reset(now)
                return False
        receiver = self._receiver
        if sender.may_ack and receiver.is_ack_due(now):
            smoothed = self.recovery.round_trip.smoothed
            packet = receiver.build_ack(sender.remote_id, self.local_id, now, smoothed)
            out.append(answer(self.remote_hash, self.local_port, self.remote_port, packet))
        self._sent += len(out) - before
        if self.trace is not None and len(out) > before:
            trace_sent(self.trace, now, out[before:], self.stats)
        return more

    @property
    def is_first_flight(self) -> bool:
        """Until the peer has acknowledged the first packets."""
        return self._sender.is_first_flight

    @property
    def window(self) -> float:
        """Packets that may be in flight as far as the path is concerned."""
        return self.recovery.congestion.window

    @property
    def claimed_window(self) -> float:
        """The same until everything is sent and acknowledged, the end of our direction too."""
        return 0.0 if self._timers.close_acked_at else self.window

    def last_ack(self, now: float) -> bytes | None:
        """The ack that a stream which just ended still owes."""
        if not self._receiver.ack_at:
            return None
        return self._receiver.build_ack(self._sender.remote_id, self.local_id, now, 0.0)

    @property
    def received_through(self) -> int:
        """The highest sequence received with nothing missing below it; -1 before the SYN."""
        return self._receiver.received_through

    # -- time

    def deadline(self) -> float:
        """When :meth:`on_timer` or :meth:`collect` has something to do; 0 if never."""
        if self.is_dead:
            return 0.0
        return self._timers.deadline()

    def on_timer(self, now: float) -> None:
        """Handle what is due; too early or late calls do no harm."""
        if self.is_dead:
            return
        timeouts = self.recovery.timeouts
        outcome = self._timers.fire(now, self._is_remote_closed)
        if self.trace is not None and self.recovery.timeouts > timeouts:
            self.trace.event("timeout", now, count=self.recovery.timeouts)
        if self._timers.suspect_timeouts:
            self._host.emit(PathSuspect(self, self._timers.suspect_timeouts))
        if not outcome:
            self._host.wake(self)
        elif outcome == CLOSE_UNANSWERED:
            self._change(StreamChange.CLOSE_UNANSWERED)
            self._finish()
        else:
            self.reset(now, outcome)

    def on_path_changed(self, now: float) -> None:
        """Another path to the peer is in use: what went unanswered is tried again at once."""
        if self.is_dead or not self.recovery.timeouts:
            return
        oldest = self.recovery.retry_now(now)
        if oldest is not None:
            self._sender.probe(0 if self._sender.is_connecting else oldest)
        self._host.wake(self)

    def probe_path(self) -> bool:
        """Send an empty packet that must be acknowledged; False once our direction has ended."""
        sender = self._sender
        is_possible = not (self.is_dead or sender.is_connecting) and sender.close_sequence < 0
        sender.is_keepalive_due = is_possible
        self._host.wake(self)
        return is_possible

    # -- the end

    def _check_finished(self, now: float) -> None:
        sequence = self._sender.close_sequence
        if sequence < 0 or self.is_dead or self.recovery.lowest_unacked <= sequence:
            return
        if not self._timers.close_acked_at:
            self._timers.note_close_acked(now)
            self._host.learn(self, PathMemory.of(self.recovery, now))
            self._change(StreamChange.CLOSE_ACKED)
        if self.state is StreamState.CLOSED:
            self._finish()

    def _finish(self) -> None:
        self._die()
        self._host.emit(Closed(self))

    def _change(self, change: StreamChange) -> None:
        self.state = TRANSITIONS[self.state, change]

    def _die(self) -> None:
        self._had_arrived = self.has_arrived
        self.is_dead = True
        self._sender.drop()
        self._buffer.drop_early()
        if self.state is StreamState.RESET or not self._receiver.is_reading:
            self._buffer.discard()
        self._account()
        self._host.wake(self)
