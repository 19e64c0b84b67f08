"""The sending half of the data phase: packs, paces, seals and remembers packets.

Flat where each packet passes. Acks ride along with what is sent anyway; alone they are neither
remembered nor counted by congestion control.
"""

from __future__ import annotations

from collections.abc import Callable

from core.base.congestion import WINDOW_MIN, Burst, CongestionController
from core.base.pacer import Pacer
from core.base.ports import Entropy, WallClock
from core.base.rtt import RttEstimator
from core.transport.ssu2.acks import ReceivedPackets
from core.transport.ssu2.blocks import DateTime
from core.transport.ssu2.framing import BLOCK_HEADER_BYTES, SocketAddress, write_padding
from core.transport.ssu2.header import FLAG_IMMEDIATE_ACK, PAYLOAD_BYTES_MIN
from core.transport.ssu2.keys import SessionKeys
from core.transport.ssu2.outgoing import Outgoing
from core.transport.ssu2.packets import PacketSealer
from core.transport.ssu2.path_mtu import PathMtu
from core.transport.ssu2.recovery import Recovery, SentPacket
from core.transport.stats import LinkStats

Datagrams = list[tuple[bytes, SocketAddress]]

#: i2pd: with every 256th packet
DATE_TIME_INTERVAL_S = 60.0
#: i2pd: up to as much. The packets of one moment have the same, so that the system can take
#: them all at once
PADDING_MAX = 31
_PADDINGS = tuple(write_padding(count) for count in range(PADDING_MAX + 1))
_LEAST_PADDING = write_padding(PAYLOAD_BYTES_MIN - BLOCK_HEADER_BYTES)
_ENTROPY_BYTES = 64
#: no more than this for acks in a packet with content
_ACK_ROOM = 128
_ROUNDING_S = 1e-6


class PacketSender:
    """``round_trip`` and ``recovery`` are of the current path; ``last_sent`` is monotonic.

    ``has_more``: the owner has messages for which there was no room.
    """

    __slots__ = (
        "_controller",
        "_date_time_at",
        "_entropy",
        "_is_cautious",
        "_pacer",
        "_random",
        "_received",
        "_stats",
        "_wall",
        "congestion",
        "has_more",
        "last_sent",
        "mtu",
        "outgoing",
        "recovery",
        "round_trip",
        "sealer",
    )

    def __init__(
        self,
        keys: SessionKeys,
        mtu: PathMtu,
        received: ReceivedPackets,
        wall: WallClock,
        entropy: Entropy,
        stats: LinkStats,
        now: float,
        rtt_s: float,
        controller: Callable[[float], CongestionController],
    ) -> None:
        self._controller = controller
        self.sealer = PacketSealer(keys)
        self.outgoing = Outgoing(stats)
        self.mtu = mtu
        self.last_sent = now
        self.has_more = False
        self._received = received
        self._wall = wall
        self._entropy = entropy
        self._stats = stats
        self._date_time_at = now + DATE_TIME_INTERVAL_S
        self._is_cautious = False
        self._random = b""
        self.congestion: CongestionController
        self.round_trip: RttEstimator
        self._start_path(rtt_s, now)

    def _start_path(self, rtt_s: float, now: float) -> None:
        self.round_trip = RttEstimator(rtt_s, rtt_s / 2)
        self.congestion = self._controller(rtt_s)
        self._pacer = Pacer(now)
        self.recovery = Recovery(self.congestion, self.round_trip, self.mtu)
        if rtt_s:
            self._received.set_round_trip(rtt_s)

    # The path

    def on_ack(self, runs: list[tuple[int, int]], now: float) -> bool:
        """Process the runs of an ACK block; False if it acknowledges what was never sent."""
        if runs[0][1] >= self.sealer.next_number:
            return False
        recovery = self.recovery
        lost, late = recovery.lost_total, recovery.spurious_total
        if recovery.on_ack(runs, now):
            self._received.set_round_trip(self.round_trip.smoothed)
            self._stats.packets_lost += recovery.lost_total - lost
            self._stats.packets_late += recovery.spurious_total - late
            told, recovery.told = recovery.told, None
            if told is not None:
                self._received.peer_knows(told)
        return True

    def on_timer(self, now: float) -> None:
        """A deadline of :attr:`recovery` has passed."""
        recovery = self.recovery
        lost = recovery.lost_total
        recovery.on_timer(now)
        self._stats.packets_lost += recovery.lost_total - lost

    def be_cautious(self, is_cautious: bool) -> None:
        """Whether next to nothing may be in flight, because nobody may be there."""
        self._is_cautious = is_cautious

    def change_path(self, is_new_host: bool, now: float) -> None:
        """The peer has another address; with another port only, what was measured still holds."""
        self._is_cautious = False
        self.mtu.restart(now)
        old = self.recovery
        old.change_path()
        if is_new_host:
            self._start_path(0.0, now)
            self.recovery.resend = old.resend
            self.recovery.lost = old.lost
            self.recovery.largest_acked = old.largest_acked

    # Sending

    def room(self, now: float) -> int:
        """Bytes of messages that may be pushed now; zero or less: none."""
        recovery = self.recovery
        payload_max = self.mtu.payload_max
        waiting = self.outgoing.bytes + len(recovery.resend) * payload_max
        return self._allowed(now) * payload_max - waiting

    def _allowed(self, now: float) -> int:
        """How many packets may go out now."""
        congestion = self.congestion
        in_flight = len(self.recovery.in_flight)
        window = WINDOW_MIN if self._is_cautious else congestion.window
        allowed = min(int(window) - in_flight, self._pacer.refill(congestion.pacing_rate, now))
        return max(allowed, self.recovery.probes)

    def fill(self, out: Datagrams, remote: SocketAddress, bytes_max: int, now: float) -> None:
        """Append what may leave now, about ``bytes_max`` bytes."""
        recovery, received = self.recovery, self._received
        if recovery.resend or not self.outgoing.is_empty:
            allowed = self._allowed(now)
            if allowed > 0:
                self._send_content(out, remote, allowed, bytes_max, now)
        elif recovery.probes:
            self.ping(out, remote, now)
        if received.due_at and received.due_at <= now + _ROUNDING_S:
            self._send_ack(out, remote, now)

    def _send_content(
        self, out: Datagrams, remote: SocketAddress, allowed: int, bytes_max: int, now: float
    ) -> None:
        recovery, received, outgoing = self.recovery, self._received, self.outgoing
        mtu, sealer, resend = self.mtu, self.sealer, recovery.resend
        in_flight = recovery.in_flight
        payload_max = mtu.payload_max
        head = received.block(_ACK_ROOM) if received.has_news else b""
        if now >= self._date_time_at:
            self._date_time_at = now + DATE_TIME_INTERVAL_S
            head += DateTime.at(self._wall.now()).write()
        padding = self.padding()
        burst: Burst | None = None
        first_number = sealer.next_number
        while allowed > 0 and bytes_max > 0:
            is_resent = bool(resend)
            content = outgoing.next_content(resend, payload_max - len(head), payload_max)
            if not content:
                if not head or (outgoing.is_empty and not resend):
                    break
                # No room beside the ack, which then leaves alone.
                head = b""
                received.acknowledge(now)
                continue
            if burst is None:
                burst = recovery.begin_burst(now)
            told = None
            payload = content
            if head:
                payload = head + content
                head = b""
                if received.has_news:
                    told = received.told()
            if mtu.is_searching and (size := mtu.probe_size(now)):
                payload += write_padding(max(0, size - len(payload) - BLOCK_HEADER_BYTES))
            elif payload_max - len(payload) >= len(padding):
                is_long = len(payload) + len(padding) >= PAYLOAD_BYTES_MIN
                payload += padding if is_long else _LEAST_PADDING
            allowed -= 1
            is_last = allowed <= 0 or (not resend and outgoing.is_empty)
            # The peer should not wait with an ack for which we wait to go on.
            flags = 0
            if is_last and (is_resent or 2 * len(in_flight) >= self.congestion.window):
                flags = FLAG_IMMEDIATE_ACK
            number = sealer.next_number
            datagram = sealer.seal(payload, flags)
            in_flight[number] = SentPacket(burst, content, len(payload), told)
            bytes_max -= len(datagram)
            self._stats.packets_resent += is_resent
            out.append((datagram, remote))
        count = sealer.next_number - first_number
        if count:
            self._pacer.spend(count)
            recovery.probes = 0
            self._stats.packets_sent += count
            self.last_sent = now
        if outgoing.is_empty and not resend and len(in_flight) < self.congestion.window:
            recovery.note_app_limited()

    def _send_ack(self, out: Datagrams, remote: SocketAddress, now: float) -> None:
        received = self._received
        block = received.block(self.mtu.payload_max)
        received.told()
        if block:
            out.append((self.seal(block + self.padding(), now), remote))

    def ping(self, out: Datagrams, remote: SocketAddress, now: float) -> None:
        """Have the peer acknowledge something; i2pd does so for the flag alone."""
        recovery, received = self.recovery, self._received
        burst = recovery.begin_burst(now)
        payload = received.block(_ACK_ROOM)
        told = received.told() if payload else None
        payload += self.padding() if payload else _LEAST_PADDING
        number = self.sealer.next_number
        recovery.probes = 0
        out.append((self.seal(payload, now, FLAG_IMMEDIATE_ACK), remote))
        recovery.in_flight[number] = SentPacket(burst, b"", len(payload), told)

    def seal(self, payload: bytes, now: float, flags: int = 0) -> bytes:
        """A packet of its own that is not sent again; ``payload`` has 8 bytes or more."""
        self.last_sent = now
        self._stats.packets_sent += 1
        return self.sealer.seal(payload, flags)

    def next_at(self) -> float:
        """When :meth:`fill` or :meth:`room` will have something that waits for its time; 0.0 if
        never. Who waits for the window is woken by an ack.
        """
        recovery = self.recovery
        at = self._received.due_at
        if self.has_more or recovery.resend or not self.outgoing.is_empty:
            window = WINDOW_MIN if self._is_cautious else self.congestion.window
            if len(recovery.in_flight) < int(window):
                paced_at = self._pacer.next_at(self.congestion.pacing_rate)
                if paced_at and (not at or paced_at < at):
                    at = paced_at
        return at

    def padding(self) -> bytes:
        """A Padding block of random size, at most 34 bytes."""
        if not self._random:
            self._random = self._entropy.random_bytes(_ENTROPY_BYTES)
        byte = self._random[-1]
        self._random = self._random[:-1]
        return _PADDINGS[byte & PADDING_MAX]
