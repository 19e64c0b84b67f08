"""The sending half of a stream: what is written is cut into packets as window and pacing allow.

Data packets are rebuilt with the current ack when they are resent; signed ones (SYN, CLOSE) are
resent as they are. What the peer's chokes mean is in :mod:`core.streaming.choke`.
"""

from __future__ import annotations

from core.base.bbr import Bbr
from core.base.congestion import CongestionController, Cubic
from core.base.pacer import BURST_PACKETS, Pacer
from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from core.streaming.ack_requests import AckRequests
from core.streaming.choke import Choke
from core.streaming.options import StreamingOptions
from core.streaming.outgoing import OutgoingPacket
from core.streaming.packet import (
    CLOSE,
    DELAY_CHOKE_JAVA,
    DELAY_REQUESTED,
    NO_ACK,
    PLAIN_HEADER,
    build_packet,
)
from core.streaming.receiver import Receiver
from core.streaming.recovery import Recovery, RoundTrip
from core.streaming.send_buffer import SendBuffer
from core.streaming.syn import RESEND_DELAY_JAVA_S, build_syn, resend_delay_s

#: a partly filled packet waits this long for more while others are in flight
COALESCE_S = 0.005
#: Java: its buffer holds this many packets
JAVA_WINDOW_MAX = 128
#: packets 0 and 1 and what may be sent along until the peer has packet 1. i2pd: silently resets a
#: stream of which it has got three others before packet 1, if its SYN is all it has sent itself.
#: Packet 0 is one of them, so packet 1 goes once more before the third
FIRST_FLIGHT_PACKETS = 16
_FIRST_RETRANSMITTED_BEFORE = 3

_pack_plain = PLAIN_HEADER.pack


class Sender:
    """Owned by one stream, which sets ``remote_id`` and ``mtu`` when it learns them.

    ``ports``: the local and the remote one.
    """

    __slots__ = (
        "_ack_requests",
        "_close_packet",
        "_hold_until",
        "_is_first_retransmitted",
        "_is_java",
        "_is_syn_sent",
        "_keys",
        "_local_port",
        "_options",
        "_pacer",
        "_partial_at",
        "_probe",
        "_receiver",
        "_remote",
        "_remote_port",
        "_signed_packets",
        "buffer",
        "choke",
        "close_sequence",
        "congestion",
        "is_close_wanted",
        "is_connecting",
        "is_first_flight",
        "is_inbound",
        "is_keepalive_due",
        "local_id",
        "mtu",
        "recovery",
        "remote_id",
        "resent",
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
        self.buffer = SendBuffer(options.send_bytes_max)
        self.choke = Choke(options.window_max)
        self.resent = 0
        self._signed_packets: dict[int, bytes] = {}
        self._is_syn_sent = False
        #: the peer may lack packet 1, and has sent nothing that says it would wait for it
        self.is_first_flight = True
        self._is_first_retransmitted = False
        self._is_java = False
        self.is_close_wanted = False
        #: the sequence CLOSE went with; -1 before
        self.close_sequence = -1
        self._close_packet = b""
        self.is_keepalive_due = False
        self._probe: int | None = None
        self._pacer = Pacer(now)
        self._partial_at = 0.0
        self._hold_until = 0.0
        self._ack_requests = AckRequests()

    # -- input

    def on_ack(self, through: int, nacks: tuple[int, ...], now: float) -> bool:
        """True if anything new was acknowledged."""
        recovery = self.recovery
        if not recovery.on_ack(through, nacks, now):
            return False
        if self.is_first_flight and recovery.lowest_unacked > 1:
            self.is_first_flight = False
        if self._signed_packets:
            for sequence in list(self._signed_packets):
                if sequence not in recovery.payloads:
                    del self._signed_packets[sequence]
        self.choke.note_progress(bool(recovery.lost), now)
        return True

    def on_choke(self, delay_ms: int, now: float) -> None:
        """The peer has no room, or misses too much: stop sending new data."""
        recovery = self.recovery
        outstanding = len(recovery.in_flight) + len(recovery.lost)
        is_news = self.choke.begin(delay_ms, outstanding, recovery.round_trip.timeout, now)
        if is_news and recovery.in_flight and not recovery.lost:
            self._probe = recovery.lowest_unacked
        if self._is_java and delay_ms == DELAY_CHOKE_JAVA:
            self.congestion.limit(JAVA_WINDOW_MAX)

    def on_unchoke(self, now: float) -> None:
        """The peer has room, as far as it says."""
        if self.choke.end():
            self.recovery.restart_timer(now)

    def note_no_i2pd(self, resend_delay_s: int) -> None:
        """The peer's SYN asked for an ack: it does not need packet 1 twice, and knows Java's choke.

        Ours asks too, but does not say Java's ``resend_delay_s``.
        """
        self._is_first_retransmitted = True
        self._receiver.choke_ms = DELAY_CHOKE_JAVA
        self._is_java = resend_delay_s == RESEND_DELAY_JAVA_S

    def persist(self, now: float) -> None:
        """Choked for long: see whether that still holds, and fill gaps."""
        self.choke.persist(now)
        self._probe = self.recovery.lowest_unacked

    def probe(self, sequence: int) -> None:
        """Resend ``sequence`` in the next :meth:`collect`, whatever the window says."""
        self._probe = sequence

    @property
    def is_flushed(self) -> bool:
        """True if everything sent was acknowledged, and nothing waits."""
        return not self.buffer.unsent and self.recovery.is_idle

    @property
    def may_ack(self) -> bool:
        """i2pd: takes a plain ack that overtakes our SYN reply for the reply, and then drops the
        data in the real one. The reply itself acknowledges, and it is repeated.
        """
        return not self.is_inbound or self.recovery.highest_acked >= 0

    @property
    def has_arrived(self) -> bool:
        """True if every byte written was acknowledged, whatever else was not."""
        return not self.buffer.unsent and not any(self.recovery.payloads.values())

    def drop(self) -> None:
        """The stream is dead."""
        self.buffer.clear()
        self._signed_packets.clear()
        self.recovery.clear()

    # -- output

    @property
    def _is_close_pending(self) -> bool:
        return self.is_close_wanted and self.close_sequence < 0

    @property
    def _is_close_ready(self) -> bool:
        if not self._is_close_pending or not self.remote_id:
            return False
        return self.buffer.unsent <= self.mtu - self._keys.signature_length

    @property
    def _has_new(self) -> bool:
        """Data that was never sent and may be."""
        is_waiting = self.choke.is_retransmit_only and not self.recovery.is_idle
        return self.buffer.unsent > 0 and not is_waiting

    def _window(self) -> int:
        window = int(min(self.congestion.window, self.choke.window_limit))
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
        if self.choke.is_choked:
            return self.choke.persist_at
        if self._hold_until:
            return self._hold_until
        has_lost = bool(self.recovery.lost) and not self.is_connecting
        if not (self._has_new or has_lost or self.is_keepalive_due or self._is_close_ready):
            return 0.0
        if len(self.recovery.in_flight) >= self._window():
            return 0.0
        return self._pacer.next_at(self.congestion.pacing_rate)

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
        if self.choke.is_choked:
            if self.choke.take_gap_filling():
                self._fill_gaps(now, min(limit, BURST_PACKETS), out)
            return False
        lost = not self.is_connecting and bool(recovery.lost)
        if not (lost or self._has_new or self.is_keepalive_due or self._is_close_pending):
            return False
        window = self._window() - len(in_flight)
        if window <= 0:
            return False
        pacer = self._pacer
        room = min(window, pacer.refill(self.congestion.pacing_rate, now), limit)
        if room <= 0:
            return limit <= 0
        before = len(out)
        if lost:
            for sequence in sorted(recovery.lost)[:room]:
                self._resend(sequence, now, out)
        elif self.is_first_flight and not self._is_first_retransmitted:
            if recovery.next_sequence < _FIRST_RETRANSMITTED_BEFORE:
                room = min(room, _FIRST_RETRANSMITTED_BEFORE - recovery.next_sequence)
            else:
                self._retransmit_first(out)
        left = room - (len(out) - before)
        if left > 0 and (self._has_new or self.is_keepalive_due):
            self._send_data(now, left, out)
            left = room - (len(out) - before)
        if left > 0 and self._is_close_ready:
            self._send_close(now, out)
        pacer.spend(len(out) - before)
        lost = not self.is_connecting and bool(recovery.lost)
        has_more = self._has_new or self._is_close_ready or lost
        if len(in_flight) >= self._window():
            return False
        if not has_more:
            recovery.note_app_limited()
        return has_more and not self._hold_until and pacer.has_token

    def _fill_gaps(self, now: float, room: int, out: list[OutgoingPacket]) -> None:
        recovery = self.recovery
        gaps = sorted(one for one in recovery.lost if one < recovery.highest_acked)
        for sequence in gaps[: max(0, room)]:
            self._resend(sequence, now, out)

    def _send_syn(self, now: float, out: list[OutgoingPacket]) -> None:
        self._is_syn_sent = True
        payload = self.buffer.take(self.mtu)
        if self.is_close_wanted and not self.buffer.unsent:
            self.close_sequence = 0
        self._send_signed(0, self._build_syn(payload), payload, now, out)

    def _build_syn(self, payload: bytes, *, is_repeated: bool = False) -> bytes:
        packet = build_syn(
            self._keys,
            self._remote,
            (self.remote_id, self.local_id),
            ack_through=max(0, self._receiver.ack_through) if self.is_inbound else None,
            delay_s=resend_delay_s(self.recovery.round_trip),
            payload_max=self._options.mtu,
            payload=payload,
            is_close=self.close_sequence == 0,
            is_repeated=is_repeated,
        )
        if self.close_sequence == 0:
            self._close_packet = packet
        return packet

    def _send_close(self, now: float, out: list[OutgoingPacket]) -> None:
        payload = self.buffer.take(self.mtu)
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
        recovery.in_flight[sequence] = recovery.begin_burst(now)
        recovery.payloads[sequence] = payload
        recovery.next_sequence = sequence + 1
        out.append(self._outgoing(packet, False, sequence == 0))
        self._receiver.ack_was_carried()

    def _outgoing(self, packet: bytes, is_resent: bool, compress: bool = False) -> OutgoingPacket:
        to, ports = self._remote.hash, (self._local_port, self._remote_port)
        return OutgoingPacket(to, *ports, packet, is_resent, True, compress)

    def _retransmit_first(self, out: list[OutgoingPacket]) -> None:
        self._is_first_retransmitted = True
        if 1 in self.recovery.in_flight:
            out.append(self._outgoing(self._plain(1, self.recovery.payloads[1]), True))

    def _send_data(self, now: float, room: int, out: list[OutgoingPacket]) -> None:
        """The hot path: cut what is written into packets."""
        recovery = self.recovery
        in_flight, payloads = recovery.in_flight, recovery.payloads
        buffer = self.buffer
        remote_hash = self._remote.hash
        local_port, remote_port = self._local_port, self._remote_port
        mtu = self.mtu
        remote_id, local_id = self.remote_id, self.local_id
        # What fits into the CLOSE packet is left to it.
        leave = mtu - self._keys.signature_length if self._is_close_pending and remote_id else 0
        sequence = first = recovery.next_sequence
        burst = recovery.begin_burst(now)
        ack = self._receiver.ack_through
        flags = 0
        if ack < 0:
            ack, flags = 0, NO_ACK
        payload = b""
        take = buffer.take
        while room > 0 and (buffer.unsent > leave or self.is_keepalive_due):
            if buffer.unsent < mtu and not self.is_keepalive_due:
                if in_flight and not leave and now < self._partial_at + COALESCE_S:
                    self._hold_until = self._partial_at + COALESCE_S
                    break
                self._partial_at = now
            self.is_keepalive_due = False
            payload = take(mtu)
            packet = _pack_plain(remote_id, local_id, sequence, ack, 0, 0, flags, 0) + payload
            in_flight[sequence] = burst
            payloads[sequence] = payload
            out.append(OutgoingPacket(remote_hash, local_port, remote_port, packet, False, True))
            sequence += 1
            room -= 1
        recovery.next_sequence = sequence
        if sequence == first or flags:
            return
        round_trip_s = recovery.round_trip.smoothed
        delay_ms = self._ack_requests.delay_ms(self._is_path_limited, round_trip_s, now)
        if delay_ms is not None:
            head = _pack_plain(remote_id, local_id, sequence - 1, ack, 0, 0, DELAY_REQUESTED, 2)
            out[-1].packet = head + delay_ms.to_bytes(2, "big") + payload
        self._receiver.ack_was_carried()

    @property
    def _is_path_limited(self) -> bool:
        """The path, not the application, limits the rate; or acks matter more than usual."""
        recovery = self.recovery
        return (
            self.buffer.unsent > 0
            or self.is_first_flight
            or bool(recovery.lost)
            or 5 * len(recovery.in_flight) > 3 * self.congestion.window
        )

    def _send_probe(self, now: float, out: list[OutgoingPacket]) -> None:
        recovery = self.recovery
        sequence, self._probe = self._probe, None
        if sequence is None:
            return
        if sequence in recovery.payloads:
            self._resend(sequence, now, out)
        elif sequence == self.close_sequence:
            out.append(self._outgoing(self._close_packet, True))
        elif self.buffer.unsent and recovery.is_idle:
            self._partial_at = 0.0
            self._send_data(now, 1, out)

    def _resend(self, sequence: int, now: float, out: list[OutgoingPacket]) -> None:
        recovery = self.recovery
        payload = recovery.resend(sequence, recovery.begin_burst(now))
        self.resent += 1
        if sequence == 0 and self.is_inbound:
            self._signed_packets[0] = self._build_syn(payload, is_repeated=True)
        packet = self._signed_packets.get(sequence) or self._plain(sequence, payload)
        out.append(self._outgoing(packet, True, sequence == 0))

    def _plain(self, sequence: int, payload: bytes) -> bytes:
        """A data packet that asks for an ack at once."""
        ack = self._receiver.ack_through
        remote_id, local_id = self.remote_id, self.local_id
        if ack < 0:
            return _pack_plain(remote_id, local_id, sequence, 0, 0, 0, NO_ACK, 0) + payload
        head = _pack_plain(remote_id, local_id, sequence, ack, 0, 0, DELAY_REQUESTED, 2)
        return head + b"\0\0" + payload
