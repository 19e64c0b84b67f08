"""The sending half of a stream: what is written is cut into packets as window and pacing allow.

Data packets are rebuilt with the current ack when they are resent; signed ones (SYN, CLOSE) are
resent as they are. A choked sender stops and probes; i2pd: never unchokes explicitly, so an ack
that makes progress without the option unchokes as well. A choked peer may be full of what lies
beyond a gap, so gaps are filled all the same, in bursts, as long as that is acknowledged. i2pd also
chokes, with each ack, while it misses more packets than an ack can name: then only what is lost is
sent, until nothing is.
"""

from __future__ import annotations

from collections import deque

from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from core.streaming.bbr import Bbr
from core.streaming.congestion import CongestionController, Cubic
from core.streaming.options import StreamingOptions
from core.streaming.outgoing import OutgoingPacket
from core.streaming.packet import (
    CLOSE,
    DELAY_CHOKE_JAVA,
    DELAY_CHOKE_MIN,
    DELAY_REQUESTED,
    NO_ACK,
    PLAIN_HEADER,
    SYNCHRONIZE,
    build_packet,
)
from core.streaming.receiver import Receiver
from core.streaming.recovery import Recovery, RoundTrip

#: a partly filled packet waits this long for more while others are in flight
COALESCE_S = 0.005
#: a burst may hold what belongs to this much time, and no pacing timer is finer than the quantum
BURST_S = 0.025
BURST_PACKETS = 16
QUANTUM_S = 0.004
#: an ack is asked for eight times per round trip, but not more often than this; and less often
#: while the application limits the rate, since an ack costs a turn of every router on its way
ACK_REQUEST_INTERVAL_S = 0.004
ACK_REQUEST_INTERVAL_IDLE_S = 0.050
#: rounding of the clock must not make a timer fire just too early, again and again
TOKEN_SLACK = 0.01
PERSIST_MIN_S = 0.5
PERSIST_MAX_S = 10.0
CHOKED_WINDOW_MIN = 16
#: what Java, and what i2pd before it has measured, say of their timeout in a SYN
RESEND_DELAY_JAVA_S = 1
RESEND_DELAY_FIRST_S = 9
#: Java: its buffer holds this many packets
JAVA_WINDOW_MAX = 128
#: i2pd: "too many NACKs", a matter of loss and not of a slow reader
_DELAYS_OVERFLOW = (60000, 65535)
#: packets 0 and 1 and what may be sent along until the peer has packet 1. i2pd: silently resets a
#: stream of which it has got three others before packet 1, if its SYN is all it has sent itself.
#: Packet 0 is one of them, so packet 1 goes once more before the third
FIRST_FLIGHT_PACKETS = 16
_REPEATED_BEFORE = 3
#: i2pd: sequences are signed there
SEQUENCE_MAX = 0x7FFFFF00

_pack_plain = PLAIN_HEADER.pack


class Sender:
    """Owned by one stream, which sets ``remote_id`` and ``mtu`` when it learns them.

    ``ports``: the local and the remote one.
    """

    __slots__ = (
        "_ack_request_at",
        "_chunk_offset",
        "_chunks",
        "_close_packet",
        "_hold_until",
        "_is_first_repeated",
        "_is_java",
        "_is_syn_sent",
        "_keys",
        "_local_port",
        "_may_fill",
        "_options",
        "_partial_at",
        "_persist_s",
        "_probe",
        "_receiver",
        "_remote",
        "_remote_port",
        "_signed_packets",
        "_tokens",
        "_tokens_at",
        "_window_limit",
        "bytes_sent",
        "close_sequence",
        "congestion",
        "is_choked",
        "is_close_wanted",
        "is_connecting",
        "is_first_flight",
        "is_inbound",
        "is_keepalive_due",
        "is_mending",
        "local_id",
        "mtu",
        "persist_at",
        "recovery",
        "remote_id",
        "resent",
        "unsent",
    )

    def __init__(
        self,
        keys: PrivateKeys,
        options: StreamingOptions,
        remote: Destination,
        local_id: int,
        ports: tuple[int, int],
        is_inbound: bool,
        receiver: Receiver,
        window_initial: float,
        round_trip: RoundTrip,
        now: float,
    ) -> None:
        self._keys = keys
        self._options = options
        self._remote = remote
        self._receiver = receiver
        self.local_id = local_id
        self._local_port, self._remote_port = ports
        self.remote_id = 0
        self.is_inbound = is_inbound
        self.is_connecting = not is_inbound
        self.mtu = options.mtu
        maker: type[Bbr] | type[Cubic] = Cubic if options.congestion == "cubic" else Bbr
        self.congestion: CongestionController = maker(
            window_initial, options.window_max, round_trip.smoothed
        )
        self.recovery = Recovery(self.congestion, round_trip)
        self._chunks: deque[bytes] = deque()
        self._chunk_offset = 0
        #: written, but not yet in a packet
        self.unsent = 0
        self.bytes_sent = 0
        self.resent = 0
        self._signed_packets: dict[int, bytes] = {}
        self._is_syn_sent = False
        #: the peer may lack packet 1, and has sent nothing that says it would wait for it
        self.is_first_flight = True
        self._is_first_repeated = False
        self._is_java = False
        self.is_close_wanted = False
        #: the sequence CLOSE went with; -1 before
        self.close_sequence = -1
        self._close_packet = b""
        self.is_keepalive_due = False
        self._probe: int | None = None
        #: choked, but what is missing below something acknowledged may be sent once more
        self._may_fill = False
        self._tokens = float(BURST_PACKETS)
        self._tokens_at = now
        self._partial_at = 0.0
        self._hold_until = 0.0
        self._ack_request_at = 0.0
        self._window_limit = float(options.window_max)
        self.is_choked = False
        #: the peer misses too much: new data waits for the lost
        self.is_mending = False
        self.persist_at = 0.0
        self._persist_s = PERSIST_MIN_S

    # -- input

    def write(self, data: bytes) -> int:
        """Take what fits into the buffer; returns how many bytes that is."""
        size = min(len(data), max(0, self._options.send_bytes_max - self.unsent))
        if size:
            self._chunks.append(bytes(data) if size == len(data) else bytes(data[:size]))
            self.unsent += size
        return size

    def on_ack(self, through: int, nacks: tuple[int, ...], now: float) -> bool:
        """True if anything new was acknowledged."""
        recovery = self.recovery
        if not recovery.on_ack(through, nacks, now):
            return False
        if self.is_first_flight and recovery.lowest_unacked > 1:
            self.is_first_flight = False
        if self._signed_packets:
            for sequence in list(self._signed_packets):
                if sequence not in recovery.in_flight and sequence not in recovery.lost:
                    del self._signed_packets[sequence]
        if self.is_choked:
            if recovery.lost:
                self._persist_s = PERSIST_MIN_S
                self.persist_at = now
        elif self._window_limit < self._options.window_max:
            self._window_limit = min(self._options.window_max, self._window_limit + 0.25)
        return True

    def choke(self, delay_ms: int, now: float) -> None:
        """The peer has no room, or misses too much: stop sending new data."""
        assert delay_ms >= DELAY_CHOKE_MIN
        if not (self.is_choked or self.is_mending):
            recovery = self.recovery
            outstanding = float(len(recovery.in_flight) + len(recovery.lost))
            limit = min(self._window_limit, outstanding) * 0.75
            self._window_limit = max(limit, CHOKED_WINDOW_MIN)
        if delay_ms in _DELAYS_OVERFLOW:
            if not self.is_mending and not self.recovery.lost and self.recovery.in_flight:
                self._probe = self.recovery.lowest_unacked
            self.is_mending = True
        elif not self.is_choked:
            self.is_choked = True
            self._persist_s = max(PERSIST_MIN_S, self.recovery.round_trip.timeout)
            self.persist_at = now + self._persist_s
        if self._is_java and delay_ms == DELAY_CHOKE_JAVA:
            self.congestion.limit(JAVA_WINDOW_MAX)

    def note_no_i2pd(self, resend_delay_s: int) -> None:
        """The peer's SYN asked for an ack: it does not need packet 1 twice, and knows Java's choke.

        Ours asks too, but does not say Java's ``resend_delay_s``.
        """
        self._is_first_repeated = True
        self._receiver.choke_ms = DELAY_CHOKE_JAVA
        self._is_java = resend_delay_s == RESEND_DELAY_JAVA_S

    def unchoke(self, now: float) -> None:
        self.is_mending = False
        if self.is_choked:
            self.is_choked = False
            self.persist_at = 0.0
            self.recovery.restart_timer(now)

    def persist(self, now: float) -> None:
        """Choked for long: see whether that still holds, and fill gaps."""
        self._persist_s = min(self._persist_s * 2, PERSIST_MAX_S)
        self.persist_at = now + self._persist_s
        self._probe = self.recovery.lowest_unacked
        self._may_fill = True

    def probe(self, sequence: int) -> None:
        """Resend ``sequence`` in the next :meth:`collect`, whatever the window says."""
        self._probe = sequence

    @property
    def has_arrived(self) -> bool:
        """True if every byte written was acknowledged, whatever else was not."""
        slots = (*self.recovery.in_flight.values(), *self.recovery.lost.values())
        return not self.unsent and not any(payload for payload, _, _ in slots)

    def drop(self) -> None:
        """The stream is dead."""
        self._chunks.clear()
        self.unsent = 0
        self._signed_packets.clear()
        self.recovery.in_flight.clear()
        self.recovery.lost.clear()

    # -- output

    @property
    def _is_close_pending(self) -> bool:
        return self.is_close_wanted and self.close_sequence < 0

    @property
    def _is_close_ready(self) -> bool:
        if not self._is_close_pending or not self.remote_id:
            return False
        return self.unsent <= self.mtu - self._keys.signature_length

    @property
    def _has_new(self) -> bool:
        """Data that was never sent and may be."""
        return bool(self.unsent) and not (self.is_mending and not self.recovery.is_idle)

    def _window(self) -> int:
        window = int(min(self.congestion.window, self._window_limit))
        if self.is_connecting:
            return min(window, self._options.window_unanswered)
        if self.is_first_flight:
            recovery = self.recovery
            outstanding = len(recovery.in_flight)
            if recovery.lost:
                return outstanding + (min(recovery.lost) <= 1)
            return min(window, outstanding + max(0, FIRST_FLIGHT_PACKETS - recovery.next_sequence))
        return window

    def deadline(self) -> float:
        """When :meth:`collect` can go on or the persist timer is due; 0 if never.

        Loss timers are the recovery's own.
        """
        if self.is_choked:
            return self.persist_at
        if self._hold_until:
            return self._hold_until
        has_lost = bool(self.recovery.lost) and not self.is_connecting
        if not (self._has_new or has_lost or self.is_keepalive_due or self._is_close_ready):
            return 0.0
        rate = self.congestion.pacing_rate
        if (
            not rate
            or self._tokens + TOKEN_SLACK >= 1
            or len(self.recovery.in_flight) >= self._window()
        ):
            return 0.0
        quantum = min(max(1.0, rate * QUANTUM_S), BURST_PACKETS)
        return self._tokens_at + (quantum - self._tokens) / rate

    def collect(self, now: float, limit: int, out: list[OutgoingPacket]) -> bool:
        """Append at most ``limit`` packets; True if more could go out right now.

        A probe is sent even with ``limit`` 0: without it a spent budget could never be renewed.
        """
        if not self._is_syn_sent:
            if limit < 1:
                return True
            self._send_syn(now, out)
            limit -= 1
        recovery = self.recovery
        in_flight = recovery.in_flight
        self._hold_until = 0.0
        if self._probe is not None:
            self._send_probe(now, out)
            limit -= 1
        if self.is_choked:
            if self._may_fill:
                self._fill_gaps(now, min(limit, BURST_PACKETS), out)
            return False
        lost = not self.is_connecting and bool(recovery.lost)
        if not (lost or self._has_new or self.is_keepalive_due or self._is_close_pending):
            return False
        window = self._window() - len(in_flight)
        if window <= 0:
            return False
        room = min(window, self._allowance(now), limit)
        if room <= 0:
            return limit <= 0
        before = len(out)
        if lost:
            for sequence in sorted(recovery.lost)[:room]:
                self._resend(sequence, now, out)
        elif self.is_first_flight and not self._is_first_repeated:
            if recovery.next_sequence < _REPEATED_BEFORE:
                room = min(room, _REPEATED_BEFORE - recovery.next_sequence)
            else:
                self._repeat_first(out)
        left = room - (len(out) - before)
        if left > 0 and (self._has_new or self.is_keepalive_due):
            self._send_data(now, left, out)
            left = room - (len(out) - before)
        if left > 0 and self._is_close_ready:
            self._send_close(now, out)
        self._tokens -= len(out) - before
        has_lost = bool(recovery.lost) and not self.is_connecting
        has_more = self._has_new or self._is_close_ready or has_lost
        if len(in_flight) >= self._window():
            return False
        if not has_more:
            recovery.note_app_limited()
        return has_more and not self._hold_until and self._tokens + TOKEN_SLACK >= 1

    def _allowance(self, now: float) -> int:
        """How many packets pacing allows now."""
        rate = self.congestion.pacing_rate
        if not rate:
            return BURST_PACKETS
        burst = max(BURST_PACKETS, rate * BURST_S)
        self._tokens = min(burst, self._tokens + (now - self._tokens_at) * rate)
        self._tokens_at = now
        return int(self._tokens + TOKEN_SLACK)

    def _fill_gaps(self, now: float, room: int, out: list[OutgoingPacket]) -> None:
        self._may_fill = False
        recovery = self.recovery
        gaps = sorted(one for one in recovery.lost if one < recovery.highest_acked)
        for sequence in gaps[: max(0, room)]:
            self._resend(sequence, now, out)

    def _send_syn(self, now: float, out: list[OutgoingPacket]) -> None:
        self._is_syn_sent = True
        payload = self._take(self.mtu)
        is_close = self.is_close_wanted and not self.unsent
        flags = SYNCHRONIZE | (CLOSE if is_close else 0) | (0 if self.is_inbound else NO_ACK)
        packet = build_packet(
            self.remote_id,
            self.local_id,
            0,
            max(0, self._receiver.ack_through),
            recipient_hash=b"" if self.is_inbound else self._remote.hash,
            resend_delay_s=self._resend_delay_s,
            flags=flags,
            # i2pd: acknowledges a repeated reply only if it asks for that.
            delay_ms=0 if self.is_inbound else None,
            sender=self._keys.destination,
            payload_max=self._options.mtu,
            signer=self._keys,
            payload=payload,
        )
        if is_close:
            self.close_sequence = 0
            self._close_packet = packet
        self._send_signed(0, packet, payload, now, out)

    @property
    def _resend_delay_s(self) -> int:
        """i2pd: its timeout, which is 9 s before it has measured. Never what Java says."""
        round_trip = self.recovery.round_trip
        timeout_s = int(round_trip.timeout) if round_trip.smoothed else RESEND_DELAY_FIRST_S
        return timeout_s + (timeout_s == RESEND_DELAY_JAVA_S)

    def _send_close(self, now: float, out: list[OutgoingPacket]) -> None:
        payload = self._take(self.mtu)
        sequence = self.recovery.next_sequence
        packet = build_packet(
            self.remote_id,
            self.local_id,
            sequence,
            max(0, self._receiver.ack_through),
            flags=CLOSE,
            signer=self._keys,
            payload=payload,
        )
        self.close_sequence = sequence
        self._close_packet = packet
        self._send_signed(sequence, packet, payload, now, out)

    def _send_signed(
        self, sequence: int, packet: bytes, payload: bytes, now: float, out: list[OutgoingPacket]
    ) -> None:
        recovery = self.recovery
        self._signed_packets[sequence] = packet
        snapshot = recovery.begin_burst(now)
        recovery.in_flight[sequence] = (payload, snapshot, 1)
        recovery.next_sequence = sequence + 1
        out.append(self._outgoing(packet, False, sequence == 0))
        self._receiver.ack_was_carried()

    def _outgoing(self, packet: bytes, is_resent: bool, compress: bool = False) -> OutgoingPacket:
        return OutgoingPacket(
            self._remote.hash,
            self._local_port,
            self._remote_port,
            packet,
            is_resent,
            True,
            compress,
        )

    def _repeat_first(self, out: list[OutgoingPacket]) -> None:
        self._is_first_repeated = True
        first = self.recovery.in_flight.get(1)
        if first is not None:
            out.append(self._outgoing(self._plain(1, first[0]), True))

    def _send_data(self, now: float, room: int, out: list[OutgoingPacket]) -> None:
        """The hot path: cut what is written into packets."""
        recovery = self.recovery
        in_flight = recovery.in_flight
        remote_hash = self._remote.hash
        local_port, remote_port = self._local_port, self._remote_port
        mtu = self.mtu
        remote_id, local_id = self.remote_id, self.local_id
        # What fits into the CLOSE packet is left to it.
        leave = mtu - self._keys.signature_length if self._is_close_pending and remote_id else 0
        sequence = first = recovery.next_sequence
        snapshot = recovery.begin_burst(now)
        ack = self._receiver.ack_through
        flags = 0
        if ack < 0:
            ack, flags = 0, NO_ACK
        payload = b""
        take = self._take
        while room > 0 and (self.unsent > leave or self.is_keepalive_due):
            if self.unsent < mtu and not self.is_keepalive_due:
                if in_flight and not leave and now < self._partial_at + COALESCE_S:
                    self._hold_until = self._partial_at + COALESCE_S
                    break
                self._partial_at = now
            self.is_keepalive_due = False
            payload = take(mtu)
            packet = _pack_plain(remote_id, local_id, sequence, ack, 0, 0, flags, 0) + payload
            in_flight[sequence] = (payload, snapshot, 1)
            out.append(OutgoingPacket(remote_hash, local_port, remote_port, packet, False, True))
            sequence += 1
            room -= 1
        recovery.next_sequence = sequence
        if sequence == first or flags:
            return
        delay_ms = self._ack_delay_ms(now)
        if delay_ms is not None:
            head = _pack_plain(remote_id, local_id, sequence - 1, ack, 0, 0, DELAY_REQUESTED, 2)
            out[-1].packet = head + delay_ms.to_bytes(2, "big") + payload
        self._receiver.ack_was_carried()

    def _ack_delay_ms(self, now: float) -> int | None:
        """What to ask with the last packet of a burst: an ack after so long; None: nothing.

        i2pd and Java delay acks by fractions of a second unless asked not to.
        """
        recovery = self.recovery
        is_path_limited = (
            self.unsent > 0
            or self.is_first_flight
            or bool(recovery.lost)
            or 5 * len(recovery.in_flight) > 3 * self.congestion.window
        )
        least = ACK_REQUEST_INTERVAL_S if is_path_limited else ACK_REQUEST_INTERVAL_IDLE_S
        interval = max(recovery.round_trip.smoothed / 8, least)
        if now - self._ack_request_at >= interval:
            self._ack_request_at = now
            return 0
        return None if is_path_limited else int(interval * 1000)

    def _send_probe(self, now: float, out: list[OutgoingPacket]) -> None:
        recovery = self.recovery
        sequence, self._probe = self._probe, None
        if sequence is None:
            return
        if sequence in recovery.in_flight or sequence in recovery.lost:
            self._resend(sequence, now, out)
        elif sequence == self.close_sequence:
            out.append(self._outgoing(self._close_packet, True))
        elif self.unsent and recovery.is_idle:
            self._partial_at = 0.0
            self._send_data(now, 1, out)

    def _resend(self, sequence: int, now: float, out: list[OutgoingPacket]) -> None:
        recovery = self.recovery
        payload = recovery.resend(sequence, recovery.begin_burst(now))
        self.resent += 1
        signed = self._signed_packets.get(sequence)
        if signed is not None:
            out.append(self._outgoing(signed, True, sequence == 0))
            return
        out.append(self._outgoing(self._plain(sequence, payload), True))

    def _plain(self, sequence: int, payload: bytes) -> bytes:
        """A data packet that asks for an ack at once."""
        ack = self._receiver.ack_through
        remote_id, local_id = self.remote_id, self.local_id
        if ack < 0:
            return _pack_plain(remote_id, local_id, sequence, 0, 0, 0, NO_ACK, 0) + payload
        head = _pack_plain(remote_id, local_id, sequence, ack, 0, 0, DELAY_REQUESTED, 2)
        return head + b"\0\0" + payload

    def _take(self, count: int) -> bytes:
        """Up to ``count`` bytes from what was written."""
        chunks = self._chunks
        if not chunks:
            return b""
        chunk = chunks[0]
        offset = self._chunk_offset
        end = offset + count
        if end < len(chunk):
            self._chunk_offset = end
            part = chunk[offset:end]
        else:
            part = chunk[offset:] if offset else chunk
            chunks.popleft()
            self._chunk_offset = 0
            if len(part) < count and chunks:
                part = self._gather(part, count)
        self.unsent -= len(part)
        self.bytes_sent += len(part)
        return part

    def _gather(self, part: bytes, count: int) -> bytes:
        chunks = self._chunks
        parts = [part]
        left = count - len(part)
        while left and chunks:
            chunk = chunks[0]
            if len(chunk) > left:
                parts.append(chunk[:left])
                self._chunk_offset = left
                left = 0
            else:
                parts.append(chunk)
                left -= len(chunk)
                chunks.popleft()
        return b"".join(parts)
