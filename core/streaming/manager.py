"""All streams of one client session: dispatch, handshakes of peers, limits, pings, timers.

Use: ``receive_packets`` or ``handle_timer`` or a call on a stream, then drain ``next_event`` and
``packets_to_send``, then arm one timer for ``next_timer``. Nothing here does I/O.

Who sent a packet is known in two ways: the ratchet session it came through (``source``, a
destination hash) or a signature. SYN, CLOSE, RESET and pings need one of them; where both are there
they must agree. i2pd: peers with "dontSign" leave the signature out of packets in ratchet sessions.

A stream that ended leaves remains for a while: they repeat the last ack, or the RESET, for a peer
that missed it. i2pd: obeys RESET only with the next sequence it expects, so remains read that from
the peer's own packets.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from core.base.errors import DecodeError, Unavailable
from core.base.filters import DuplicateFilter
from core.base.ports import Entropy, WallClock
from core.data.identity import Destination
from core.data.offline import OfflineSignature
from core.data.private_keys import PrivateKeys
from core.streaming.connection import PathMemory, Stream, StreamState, is_close
from core.streaming.events import Closed, Event, OutgoingPacket, Pong, Reset, StreamOpened
from core.streaming.options import StreamingOptions
from core.streaming.packet import (
    CLOSE,
    DELAY_REQUESTED,
    ECHO,
    HEADER_BYTES,
    NO_ACK,
    PING_PAYLOAD_BYTES_MAX,
    PLAIN_HEADER,
    RESET,
    SYNCHRONIZE,
    Packet,
    build_packet,
)

#: packets of one call, and of one stream before the next one has its turn
BATCH_PACKETS_MAX = 1024
QUANTUM_PACKETS = 16
#: of a finite budget, what data leaves to acks
ACK_RESERVE = 2
#: data that overtook its SYN (i2pd keeps it 10 s)
EARLY_SECONDS = 10.0
EARLY_PEERS_MAX = 64
EARLY_PACKETS_MAX = 16
REMAINS_SECONDS = 30.0
REMAINS_MAX = 4096
REMAINS_REPLIES = 8
MEMORY_SECONDS = 300.0
MEMORY_MAX = 1024
PEER_RATES_MAX = 4096
SYN_MEMORY_SECONDS = 600.0
SYN_MEMORY_MAX = 65536
PINGS_MAX = 64
PING_SECONDS = 60.0
#: answers to strangers: pongs, and RESETs for streams nobody knows
ANSWERS_PER_SECOND = 10.0
ANSWERS_BURST = 30
ANSWERS_MAX = 256
SWEEP_SECONDS = 5.0

_unpack_plain = PLAIN_HEADER.unpack_from


@dataclass(slots=True)
class _Remains:
    """What a stream that ended leaves behind, under its local id."""

    expires: float
    remote_hash: bytes
    local_id: int
    remote_id: int
    local_port: int
    remote_port: int
    is_reset: bool
    received_through: int
    replies: int = REMAINS_REPLIES


class _Bucket:
    """So many actions per second, and a burst."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at = 0.0

    def take(self, now: float) -> bool:
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class StreamManager:
    """See the module. ``is_listening`` False refuses streams that peers open."""

    def __init__(
        self, keys: PrivateKeys, options: StreamingOptions, wall: WallClock, entropy: Entropy
    ) -> None:
        self.keys = keys
        self.options = options
        self.is_listening = True
        #: dropped packets by cause, for the status page
        self.counters: dict[str, int] = {}
        self._wall = wall
        self._entropy = entropy
        self._streams: dict[int, Stream] = {}
        #: streams opened by peers: the peer's stream id, then its hash
        self._inbound: dict[int, dict[bytes, Stream]] = {}
        self._remains: dict[int, _Remains] = {}
        self._early: dict[tuple[bytes | None, int], tuple[float, list[tuple[int, int, bytes]]]] = {}
        self._memory: dict[bytes, PathMemory] = {}
        self._peer_rates: dict[bytes, tuple[float, int]] = {}
        self._syns = DuplicateFilter(SYN_MEMORY_SECONDS, SYN_MEMORY_MAX)
        self._new_streams = _Bucket(options.new_streams_per_second, options.new_streams_burst)
        self._answer_rate = _Bucket(ANSWERS_PER_SECOND, ANSWERS_BURST)
        self._answers: list[OutgoingPacket] = []
        self._pings: dict[int, tuple[bytes, float]] = {}
        self._events: deque[Event] = deque()
        self._awake: list[Stream] = []
        self._starved: dict[bytes, set[Stream]] = {}
        self._budgets: dict[bytes, int] = {}
        self._delivered: dict[bytes, int] = {}
        self._timers: list[tuple[float, int]] = []
        self._sweep_at = 0.0
        self._held_bytes = 0
        self._now = 0.0

    # -- the application

    def connect(
        self,
        remote: Destination,
        *,
        to_port: int = 0,
        from_port: int = 0,
        now: float,
        initial: bytes = b"",
    ) -> Stream:
        """Open a stream; ``Connected`` or ``Reset`` follows.

        ``initial`` travels with the SYN as far as it fits; what does not fit into the send buffer
        raises nothing and is left to :meth:`Stream.write`. Unavailable if there are too many.
        """
        self._now = now
        if len(self._streams) >= self.options.max_streams:
            raise Unavailable("too many streams", code="too_many_streams")
        stream = Stream(
            self,
            remote,
            self._new_id(),
            from_port,
            to_port,
            False,
            now,
            self._recall(remote.hash, now),
        )
        self._streams[stream.local_id] = stream
        if initial:
            stream.write(initial)
        self.wake(stream)
        return stream

    def ping(
        self,
        remote_hash: bytes,
        now: float,
        *,
        payload: bytes = b"",
        to_port: int = 0,
        from_port: int = 0,
    ) -> None:
        """Send an echo request; a ``Pong`` event follows, or nothing. At most 32 bytes return."""
        if len(self._pings) >= PINGS_MAX:
            del self._pings[next(iter(self._pings))]
        ping_id = self._new_id()
        self._pings[ping_id] = (remote_hash, now)
        packet = build_packet(
            ping_id,
            0,
            0,
            0,
            flags=ECHO,
            sender=self.keys.destination,
            signer=self.keys,
            payload=payload,
        )
        answer = OutgoingPacket(
            remote_hash, from_port, to_port, packet, None, False, False, compress=True
        )
        self._answers.append(answer)
        self._arm_sweep(now)

    @property
    def streams(self) -> list[Stream]:
        """All that live."""
        return list(self._streams.values())

    def shutdown(self, now: float) -> None:
        """Reset every stream; drain ``packets_to_send`` once more afterwards."""
        self.is_listening = False
        for stream in list(self._streams.values()):
            stream.reset(now)

    # -- from the session to the peers and back

    def set_budget(self, remote_hash: bytes, packets: int | None) -> None:
        """How many packets the ratchet session to that peer still takes; None = no limit.

        Every packet made counts it down. Data leaves the last ones to acks; a probe after a timeout
        is made in any case, one per timeout.
        """
        if packets is None:
            self._budgets.pop(remote_hash, None)
        else:
            self._budgets[remote_hash] = packets
        if packets is None or packets > ACK_RESERVE:
            for stream in self._starved.pop(remote_hash, ()):
                self.wake(stream)

    def is_starved(self, remote_hash: bytes) -> bool:
        """True if a stream to that peer waits for a larger budget."""
        return bool(self._starved.get(remote_hash))

    def take_delivered(self) -> dict[bytes, int]:
        """Packets the peers have acknowledged since the last call, by destination hash."""
        delivered, self._delivered = self._delivered, {}
        return delivered

    def next_event(self) -> Event | None:
        """The oldest event, or None."""
        return self._events.popleft() if self._events else None

    def packets_to_send(self, now: float) -> list[OutgoingPacket]:
        """Everything that may go out now, the streams taking turns."""
        self._now = now
        out, self._answers = self._answers, []
        budgets = self._budgets
        for answer in out:
            if answer.remote_hash in budgets:
                budgets[answer.remote_hash] = max(0, budgets[answer.remote_hash] - 1)
        turn = self._awake
        self._awake = []
        while turn:
            again: list[Stream] = []
            share = QUANTUM_PACKETS if len(turn) > 1 else BATCH_PACKETS_MAX
            for index, stream in enumerate(turn):
                if len(out) >= BATCH_PACKETS_MAX:
                    # The others first next time.
                    self._awake.extend(turn[index:])
                    self._awake.extend(again)
                    return out
                if self._collect(stream, now, share, out):
                    again.append(stream)
            turn = again
        return out

    def _collect(self, stream: Stream, now: float, share: int, out: list[OutgoingPacket]) -> bool:
        """One turn of one stream; True if it should have another one."""
        remote_hash = stream.remote_hash
        budget = self._budgets.get(remote_hash)
        if budget is not None:
            share = max(0, min(share, budget - ACK_RESERVE))
        before = len(out)
        more = stream.collect(now, share, out)
        if budget is not None:
            budget = max(0, budget - len(out) + before)
            self._budgets[remote_hash] = budget
            if more and budget <= ACK_RESERVE:
                self._starved.setdefault(remote_hash, set()).add(stream)
                stream.note_budget_limited()
                more = False
        if more:
            return True
        stream.is_awake = False
        self._schedule(stream)
        return False

    # -- timers

    def next_timer(self) -> float | None:
        """When to call ``handle_timer``; a time in the past means: call ``packets_to_send``."""
        if self._awake or self._answers:
            return self._now
        first = self._timers[0][0] if self._timers else None
        if self._sweep_at and (first is None or self._sweep_at < first):
            return self._sweep_at
        return first

    def handle_timer(self, now: float) -> None:
        """Handle every deadline that has passed."""
        self._now = now
        timers = self._timers
        while timers and timers[0][0] <= now:
            at, local_id = heapq.heappop(timers)
            stream = self._streams.get(local_id)
            if stream is None or stream.scheduled != at:
                continue
            stream.scheduled = 0.0
            deadline = stream.deadline()
            if deadline and deadline <= now:
                stream.on_timer(now)
            else:
                self._schedule(stream)
        if self._sweep_at and now >= self._sweep_at:
            self._sweep(now)

    def _schedule(self, stream: Stream) -> None:
        # One live entry per stream; a later deadline is found when the earlier entry comes up.
        deadline = stream.deadline()
        if deadline and (not stream.scheduled or deadline < stream.scheduled):
            stream.scheduled = deadline
            heapq.heappush(self._timers, (deadline, stream.local_id))

    def _arm_sweep(self, now: float) -> None:
        if not self._sweep_at:
            self._sweep_at = now + SWEEP_SECONDS

    def _sweep(self, now: float) -> None:
        self._remains = {k: r for k, r in self._remains.items() if r.expires > now}
        self._early = {k: e for k, e in self._early.items() if e[0] > now}
        self._pings = {k: p for k, p in self._pings.items() if p[1] + PING_SECONDS > now}
        is_needed = bool(self._remains or self._early or self._pings)
        self._sweep_at = now + SWEEP_SECONDS if is_needed else 0.0

    # -- what streams call (StreamHost)

    def wake(self, stream: Stream) -> None:
        """``stream`` may have something to send, or another deadline."""
        if not stream.is_awake and not stream.is_dead:
            stream.is_awake = True
            self._awake.append(stream)

    def emit(self, event: Event) -> None:
        """Queue ``event``; a stream that ended leaves the tables."""
        self._events.append(event)
        if isinstance(event, Reset):
            self._bury(event.stream, is_reset=event.why != "peer")
        elif isinstance(event, Closed):
            self._bury(event.stream, is_reset=False)

    def account(self, change: int) -> bool:
        """Held received bytes changed; True if all streams together hold too much."""
        self._held_bytes += change
        return self._held_bytes > self.options.receive_total_bytes_max

    def _bury(self, stream: Stream, is_reset: bool) -> None:
        now = self._now
        if self._streams.pop(stream.local_id, None) is None:
            return
        self._forget_inbound(stream)
        for starved in (self._starved.get(stream.remote_hash),):
            if starved is not None:
                starved.discard(stream)
        memory = stream.path_memory(now)
        if memory is not None and stream.state is StreamState.CLOSED:
            self._memory.pop(stream.remote_hash, None)
            self._memory[stream.remote_hash] = memory
            if len(self._memory) > MEMORY_MAX:
                del self._memory[next(iter(self._memory))]
        if stream.next_sequence or stream.is_inbound:
            if is_reset:
                self._answer(
                    stream.remote_hash,
                    stream.local_port,
                    stream.remote_port,
                    stream.build_reset(stream.next_sequence),
                )
            if len(self._remains) >= REMAINS_MAX:
                del self._remains[next(iter(self._remains))]
            self._remains[stream.local_id] = _Remains(
                now + REMAINS_SECONDS,
                stream.remote_hash,
                stream.local_id,
                stream.remote_id,
                stream.local_port,
                stream.remote_port,
                is_reset,
                stream.received_through,
            )
            self._arm_sweep(now)

    def _forget_inbound(self, stream: Stream) -> None:
        if stream.is_inbound:
            peers = self._inbound.get(stream.remote_id, {})
            peers.pop(stream.remote_hash, None)
            if not peers:
                self._inbound.pop(stream.remote_id, None)

    # -- receiving

    def receive_packets(self, batch: Sequence[tuple[object, int, int, bytes]], now: float) -> None:
        """Take ``(source, from_port, to_port, packet)`` items.

        ``source`` is the destination hash that the ratchet session belongs to, or None if the
        packet came without. Malformed and unwanted packets are dropped and counted.
        """
        self._now = now
        streams = self._streams
        touched: dict[Stream, None] = {}
        for source, from_port, to_port, raw in batch:
            size = len(raw)
            if size < HEADER_BYTES:
                self._count("malformed")
                continue
            send_id, _, sequence, ack, nacks, _, flags, options = _unpack_plain(raw)
            if nacks == 0 and (flags == 0 or flags == DELAY_REQUESTED):
                stream = streams.get(send_id)
                start = HEADER_BYTES + options
                if stream is not None and start <= size:
                    if source is not None and source != stream.remote_hash:
                        self._count("foreign")
                        continue
                    delay = -1
                    if flags:
                        if options < 2:
                            self._count("malformed")
                            continue
                        delay = raw[22] << 8 | raw[23]
                    stream.on_packet(sequence, ack, (), delay, raw[start:], now)
                    touched[stream] = None
                    continue
            try:
                packet = Packet.parse(raw)
            except DecodeError:
                packet = None
            if packet is None:
                self._receive_malformed(source, send_id, flags, touched)
            else:
                self._receive(source, from_port, to_port, packet, now, touched)
        for stream in touched:
            stream.end_batch(now)
            delivered = stream.take_delivered()
            if delivered:
                remote_hash = stream.remote_hash
                self._delivered[remote_hash] = self._delivered.get(remote_hash, 0) + delivered

    def _receive_malformed(
        self, source: object, send_id: int, flags: int, touched: dict[Stream, None]
    ) -> None:
        """i2pd: with offline keys it writes the options of CLOSE in a wrong order."""
        stream = self._streams.get(send_id)
        if stream is not None and flags & CLOSE and source == stream.remote_hash:
            stream.on_close(stream.received_through + 1)
            stream.on_packet(stream.received_through + 1, -1, (), -1, b"", self._now)
            touched[stream] = None
        else:
            self._count("malformed")

    def _receive(
        self,
        source: object,
        from_port: int,
        to_port: int,
        packet: Packet,
        now: float,
        touched: dict[Stream, None],
    ) -> None:
        if packet.flags & ECHO:
            self._receive_echo(source, from_port, to_port, packet, now)
            return
        if packet.send_id:
            stream = self._streams.get(packet.send_id)
        else:
            stream = self._find_inbound(source, packet.receive_id)
        if stream is not None:
            self._receive_known(source, stream, packet, now, touched)
        elif packet.send_id:
            self._receive_late(source, from_port, to_port, packet, now)
        elif packet.flags & SYNCHRONIZE and packet.sequence == 0:
            self._receive_syn(source, from_port, to_port, packet, now, touched)
        elif not packet.flags & RESET:
            self._keep_early(source, from_port, to_port, packet, now)

    def _receive_known(
        self,
        source: object,
        stream: Stream,
        packet: Packet,
        now: float,
        touched: dict[Stream, None],
    ) -> None:
        flags = packet.flags
        if source is not None and source != stream.remote_hash:
            self._count("foreign")
            return
        if stream.is_dead:
            return
        ack_through = -1 if flags & NO_ACK else packet.ack_through
        if flags & (SYNCHRONIZE | CLOSE | RESET):
            if packet.sender is not None and packet.sender.hash != stream.remote_hash:
                self._count("foreign")
                return
            if flags & SYNCHRONIZE and (packet.sequence or packet.sender is None):
                self._count("malformed")
                return
            if not self._is_authentic(source, stream.remote, stream.remote_offline, packet):
                self._count("unauthentic")
                return
            if flags & RESET:
                stream.on_peer_reset()
                return
            if flags & SYNCHRONIZE:
                if not packet.send_id:
                    stream.on_syn_again(now)
                    return
                if stream.state is StreamState.CONNECTING:
                    stream.on_syn(packet)
                else:
                    stream.on_syn_again(now)
            if is_close(packet):
                stream.on_close(packet.sequence)
        nacks = () if flags & SYNCHRONIZE else packet.nacks
        delay_ms = -1 if packet.delay_ms is None else packet.delay_ms
        stream.on_packet(packet.sequence, ack_through, nacks, delay_ms, packet.payload, now)
        touched[stream] = None

    def _is_authentic(
        self,
        source: object,
        remote: Destination,
        offline: OfflineSignature | None,
        packet: Packet,
    ) -> bool:
        """Whether a packet that needs it is provably by ``remote``."""
        if packet.offline is not None:
            offline = packet.offline
            if offline.expires_s < self._wall.now() or not offline.is_authorised_by(remote):
                return False
        if source is not None:
            return source == remote.hash
        return packet.is_signed_by(remote, offline)

    def _find_inbound(self, source: object, remote_id: int) -> Stream | None:
        peers = self._inbound.get(remote_id)
        if not peers:
            return None
        if source is not None:
            return peers.get(source) if isinstance(source, bytes) else None
        return next(iter(peers.values())) if len(peers) == 1 else None

    def _receive_syn(
        self,
        source: object,
        from_port: int,
        to_port: int,
        packet: Packet,
        now: float,
        touched: dict[Stream, None],
    ) -> None:
        """A peer opens a stream."""
        remote = packet.sender
        if remote is None or not packet.receive_id or packet.flags & RESET:
            self._count("malformed")
            return
        if not self._new_streams.take(now) or not self._is_peer_rate_allowed(remote.hash, now):
            self._count("flood")
            return
        nack_hash = packet.nack_hash
        if nack_hash is not None and nack_hash != self.keys.hash:
            self._count("replayed")
            return
        if not self._is_authentic(source, remote, None, packet):
            self._count("unauthentic")
            return
        name = int.from_bytes(remote.hash[:8], "big") << 32 | packet.receive_id
        if self._syns.is_duplicate(name, now):
            self._count("replayed")
            return
        if not self.is_listening or len(self._streams) >= self.options.max_streams:
            self._count("refused")
            if self._answer_rate.take(now):
                reset = build_packet(
                    packet.receive_id, 0, 0, 0, flags=RESET | NO_ACK, signer=self.keys
                )
                self._answer(remote.hash, to_port, from_port, reset)
            return
        stream = Stream(
            self,
            remote,
            self._new_id(),
            to_port,
            from_port,
            True,
            now,
            self._recall(remote.hash, now),
        )
        self._streams[stream.local_id] = stream
        self._inbound.setdefault(packet.receive_id, {})[remote.hash] = stream
        stream.on_syn(packet)
        if is_close(packet):
            stream.on_close(0)
        stream.on_packet(0, -1, (), -1, packet.payload, now)
        self._events.append(StreamOpened(stream))
        touched[stream] = None
        for key in ((source if isinstance(source, bytes) else None, packet.receive_id),):
            _, early = self._early.pop(key, (0.0, ()))
            for _, _, raw in early:
                self._receive_known(source, stream, Packet.parse(raw), now, touched)

    def _is_peer_rate_allowed(self, remote_hash: bytes, now: float) -> bool:
        limit = self.options.peer_streams_per_minute
        if not limit:
            return True
        start, count = self._peer_rates.pop(remote_hash, (now, 0))
        if now - start >= 60:
            start, count = now, 0
        self._peer_rates[remote_hash] = (start, count + 1)
        if len(self._peer_rates) > PEER_RATES_MAX:
            del self._peer_rates[next(iter(self._peer_rates))]
        return count < limit

    def _keep_early(
        self, source: object, from_port: int, to_port: int, packet: Packet, now: float
    ) -> None:
        """Data that overtook its SYN."""
        key = (source if isinstance(source, bytes) else None, packet.receive_id)
        entry = self._early.get(key)
        if entry is None:
            if len(self._early) >= EARLY_PEERS_MAX:
                del self._early[next(iter(self._early))]
            entry = self._early[key] = (now + EARLY_SECONDS, [])
            self._arm_sweep(now)
        if len(entry[1]) < EARLY_PACKETS_MAX:
            entry[1].append((from_port, to_port, packet.raw))
        else:
            self._count("early")

    def _receive_late(
        self, source: object, from_port: int, to_port: int, packet: Packet, now: float
    ) -> None:
        """A packet for a stream that ended, or that never was."""
        remains = self._remains.get(packet.send_id)
        if remains is None:
            self._count("unknown")
            is_answerable = isinstance(source, bytes) and not packet.flags & RESET
            if is_answerable and packet.sequence and self._answer_rate.take(now):
                assert isinstance(source, bytes)
                reset = build_packet(
                    packet.receive_id,
                    packet.send_id,
                    self._expected_by(packet),
                    packet.sequence,
                    flags=RESET,
                    signer=self.keys,
                )
                self._answer(source, to_port, from_port, reset)
            return
        if source is not None and source != remains.remote_hash:
            self._count("foreign")
            return
        if packet.flags & RESET or remains.replies <= 0:
            return
        if remains.is_reset:
            answer = build_packet(
                remains.remote_id or packet.receive_id,
                remains.local_id,
                self._expected_by(packet),
                max(0, remains.received_through),
                flags=RESET,
                signer=self.keys,
            )
        elif packet.sequence:
            answer = build_packet(
                remains.remote_id, remains.local_id, 0, max(0, remains.received_through)
            )
        else:
            return
        remains.replies -= 1
        self._answer(remains.remote_hash, remains.local_port, remains.remote_port, answer)

    @staticmethod
    def _expected_by(packet: Packet) -> int:
        """The sequence the sender of ``packet`` waits for."""
        if packet.flags & NO_ACK:
            return 0
        return min(packet.nacks, default=packet.ack_through + 1) & 0xFFFFFFFF

    def _receive_echo(
        self, source: object, from_port: int, to_port: int, packet: Packet, now: float
    ) -> None:
        if not packet.send_id:
            ping = self._pings.get(packet.receive_id)
            if ping is not None and source in (None, ping[0]):
                del self._pings[packet.receive_id]
                self._events.append(Pong(ping[0], packet.payload, now - ping[1]))
            return
        sender = packet.sender
        if sender is None or not self.options.answer_pings or not self._answer_rate.take(now):
            self._count("pings_ignored")
            return
        if not self._is_authentic(source, sender, None, packet):
            self._count("unauthentic")
            return
        payload = packet.payload[:PING_PAYLOAD_BYTES_MAX]
        pong = build_packet(0, packet.send_id, 0, 0, flags=ECHO, payload=payload)
        self._answer(sender.hash, to_port, from_port, pong)

    # -- small things

    def _answer(self, remote_hash: bytes, from_port: int, to_port: int, packet: bytes) -> None:
        if len(self._answers) >= ANSWERS_MAX:
            self._count("answers")
            return
        self._answers.append(
            OutgoingPacket(remote_hash, from_port, to_port, packet, None, False, False)
        )

    def _recall(self, remote_hash: bytes, now: float) -> PathMemory | None:
        memory = self._memory.get(remote_hash)
        return memory if memory is not None and now - memory.at < MEMORY_SECONDS else None

    def _new_id(self) -> int:
        while True:
            number = int.from_bytes(self._entropy.random_bytes(4), "big")
            if number and number not in self._streams and number not in self._remains:
                return number

    def _count(self, cause: str) -> None:
        self.counters[cause] = self.counters.get(cause, 0) + 1
