"""All streams of one client session: dispatch, handshakes of peers, limits, pings, timers.

Use: ``receive_packets`` or ``handle_timer`` or a call on a stream, then drain ``next_event`` and
``packets_to_send``, then arm one timer for ``next_timer``. Nothing here does I/O.

Who sent a packet is known in two ways: the ratchet session it came through (``source``, a
destination hash) or a signature. SYN, CLOSE, RESET and pings need one of them; where both are there
they must agree. i2pd: peers with "dontSign" leave the signature out of packets in ratchet sessions.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence

from core.base.errors import DecodeError, LocalError, Unavailable
from core.base.filters import DuplicateFilter
from core.base.ports import Entropy, WallClock
from core.base.rates import Bucket, FairShares
from core.data.identity import Destination
from core.data.offline import OfflineSignature
from core.data.private_keys import PrivateKeys
from core.streaming.budgets import Budgets
from core.streaming.connection import Stream
from core.streaming.events import Closed, Event, Reset, StreamOpened
from core.streaming.limits import PeerRates
from core.streaming.measured import PathMemories, PathMemory
from core.streaming.options import StreamingOptions
from core.streaming.outgoing import OutgoingPacket
from core.streaming.packet import (
    CLOSE,
    DELAY_REQUESTED,
    ECHO,
    HEADER_BYTES,
    NO_ACK,
    PLAIN_HEADER,
    RESET,
    SYNCHRONIZE,
    Packet,
    build_packet,
)
from core.streaming.ping import Pings
from core.streaming.remains import EarlyPackets, Remains, answer, build_reset
from core.streaming.state import StreamState

#: packets of one call, and of one stream before the next one has its turn
BATCH_PACKETS_MAX = 1024
QUANTUM_PACKETS = 16
SYN_MEMORY_SECONDS = 600.0
SYN_MEMORY_MAX = 65536
#: answers to strangers: pongs, and RESETs for streams nobody knows
ANSWERS_PER_SECOND = 10.0
ANSWERS_BURST = 30
ANSWERS_MAX = 256
SWEEP_SECONDS = 5.0

_unpack_plain = PLAIN_HEADER.unpack_from


class StreamManager:
    """See the module. ``is_listening`` False refuses streams that peers open."""

    def __init__(
        self, keys: PrivateKeys, options: StreamingOptions, wall: WallClock, entropy: Entropy
    ) -> None:
        self.keys = keys
        self.options = options
        self.is_listening = options.accepts_streams
        #: dropped packets by cause, for the status page
        self.counters: dict[str, int] = {}
        self._wall = wall
        self._entropy = entropy
        self._streams: dict[int, Stream] = {}
        #: streams opened by peers: the peer's stream id, then its hash
        self._inbound: dict[int, dict[bytes, Stream]] = {}
        self._memories = PathMemories()
        self._syns = DuplicateFilter(SYN_MEMORY_SECONDS, SYN_MEMORY_MAX)
        rate = options.new_streams_per_second
        self._new_streams = FairShares(rate, options.new_streams_burst / rate)
        self._peer_rates = PeerRates(options.peer_streams_per_minute)
        self._answer_rate = Bucket(ANSWERS_PER_SECOND, ANSWERS_BURST)
        self._answers: list[OutgoingPacket] = []
        self._remains = Remains(keys, self._answer_rate, options.accepts_streams)
        self._early = EarlyPackets()
        self._pings = Pings(keys, self._answer_rate, options.answer_pings)
        self._events: deque[Event] = deque()
        self._awake: list[Stream] = []
        self._budgets = Budgets()
        self._delivered: dict[bytes, tuple[int, float]] = {}
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

        ``initial`` travels with the SYN as far as it fits, LocalError if it is longer than the
        send buffer. Unavailable if there are too many streams.
        """
        self._now = now
        if len(initial) > self.options.send_bytes_max:
            raise LocalError("more initial data than the send buffer takes")
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
            self._memories.recall(remote.hash, now, self._budgets.window(remote.hash)),
        )
        self._streams[stream.local_id] = stream
        self._budgets.add(stream)
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
        ping_id = self._new_id()
        self._answer(self._pings.send(ping_id, remote_hash, from_port, to_port, payload, now))
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
        """How many packets the way to that peer still takes; None = no limit.

        Every packet made counts it down. Data leaves the last ``ACK_RESERVE`` ones to acks; acks,
        and one probe per timeout, are made even beyond it.
        """
        for stream in self._budgets.set(remote_hash, packets):
            self.wake(stream)

    def in_flight(self, remote_hash: bytes) -> int:
        """Packets that were sent to that peer and neither acknowledged nor found lost."""
        return self._budgets.in_flight(remote_hash)

    def has_first_flight(self, remote_hash: bytes) -> bool:
        """True if a stream to that peer has just begun: its first packets must not be overtaken."""
        return self._budgets.has_first_flight(remote_hash)

    def has_streams(self, remote_hash: bytes) -> bool:
        """True if a stream to that peer lives."""
        return self._budgets.has_streams(remote_hash)

    def probe(self, remote_hash: bytes) -> bool:
        """Have something under way that the peer must acknowledge; False if no stream can."""
        return self._budgets.probe(remote_hash)

    def remotes_to_serve(self) -> set[bytes]:
        """Peers for which there may be something to send, if their budgets allow it."""
        remotes = {stream.remote_hash for stream in self._awake}
        remotes.update(self._budgets.starved)
        remotes.update(answer.remote_hash for answer in self._answers)
        return remotes

    @property
    def starved_remotes(self) -> list[bytes]:
        """Peers whose streams wait for a larger budget."""
        return list(self._budgets.starved)

    def path_changed(self, remote_hash: bytes, now: float) -> None:
        """The peer is reached another way than before; streams that waited need not wait on."""
        for stream in list(self._streams.values()):
            if stream.remote_hash == remote_hash:
                stream.on_path_changed(now)

    def take_delivered(self) -> dict[bytes, tuple[int, float]]:
        """What the peers have acknowledged since the last call, by destination hash.

        Packets, and the latest round trip in seconds.
        """
        delivered, self._delivered = self._delivered, {}
        return delivered

    def next_event(self) -> Event | None:
        """The oldest event, or None."""
        return self._events.popleft() if self._events else None

    def packets_to_send(self, now: float) -> list[OutgoingPacket]:
        """Everything that may go out now, the streams taking turns."""
        self._now = now
        out, self._answers = self._answers, []
        for packet in out:
            self._budgets.spend(packet.remote_hash, 1)
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
        budgets = self._budgets
        before = len(out)
        more = stream.collect(now, budgets.share(remote_hash, share), out)
        budgets.spend(remote_hash, len(out) - before)
        if more:
            if not budgets.is_spent(remote_hash):
                return True
            budgets.starve(stream)
            stream.note_budget_limited()
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
        self._remains.sweep(now)
        self._early.sweep(now)
        self._pings.sweep(now)
        is_needed = len(self._remains) + len(self._early) + len(self._pings) > 0
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

    def learn(self, stream: Stream, memory: PathMemory) -> None:
        """``stream`` has sent everything, and this is what a later one can start from."""
        if memory.smoothed:
            self._memories.keep(stream.remote_hash, memory)

    def _bury(self, stream: Stream, is_reset: bool) -> None:
        now = self._now
        if self._streams.pop(stream.local_id, None) is None:
            return
        self._forget_inbound(stream)
        self._budgets.remove(stream)
        if stream.next_sequence or stream.is_inbound:
            packet = build_reset(stream, self.keys) if is_reset else stream.last_ack(now)
            if packet is not None:
                self._answer(
                    answer(stream.remote_hash, stream.local_port, stream.remote_port, packet)
                )
            self._remains.leave(stream, is_reset, now)
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
            if delivered := stream.take_delivered():
                total = delivered + self._delivered.get(stream.remote_hash, (0, 0.0))[0]
                self._delivered[stream.remote_hash] = total, stream.latest_round_trip_s

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
            owner = source
            if owner is None and packet.sender is not None:
                owner = packet.sender.hash
            stream = self._find_inbound(owner, packet.receive_id)
        if stream is not None:
            self._receive_known(source, stream, packet, now, touched)
        elif packet.send_id:
            late, cause = self._remains.receive(source, from_port, to_port, packet, now)
            self._count(cause)
            self._answer(late)
        elif packet.flags & SYNCHRONIZE and packet.sequence == 0:
            self._receive_syn(source, from_port, to_port, packet, now, touched)
        elif not packet.flags & RESET:
            self._arm_sweep(now)
            if not self._early.keep(source, packet, now):
                self._count("early")

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
            if packet.is_close:
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

    def _find_inbound(self, owner: object, remote_id: int) -> Stream | None:
        """The stream that ``owner`` opened; if unknown who that is, the only one of that number."""
        peers = self._inbound.get(remote_id)
        if not peers:
            return None
        if owner is not None:
            return peers.get(owner) if isinstance(owner, bytes) else None
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
        is_allowed = self._new_streams.take((source,), 1, now)
        if not is_allowed or not self._peer_rates.take(remote.hash, now):
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
            if self.options.accepts_streams and self._answer_rate.take(now):
                reset = build_packet(
                    packet.receive_id, 0, 0, 0, flags=RESET | NO_ACK, signer=self.keys
                )
                self._answer(answer(remote.hash, to_port, from_port, reset))
            return
        stream = Stream(
            self,
            remote,
            self._new_id(),
            to_port,
            from_port,
            True,
            now,
            self._memories.recall(remote.hash, now, self._budgets.window(remote.hash)),
        )
        self._streams[stream.local_id] = stream
        self._budgets.add(stream)
        self._inbound.setdefault(packet.receive_id, {})[remote.hash] = stream
        stream.on_syn(packet)
        if packet.is_close:
            stream.on_close(0)
        stream.on_packet(0, -1, (), -1, packet.payload, now)
        self._events.append(StreamOpened(stream))
        touched[stream] = None
        for early in self._early.take(source, packet.receive_id):
            self._receive_known(source, stream, early, now, touched)

    def _receive_echo(
        self, source: object, from_port: int, to_port: int, packet: Packet, now: float
    ) -> None:
        if not packet.send_id:
            pong = self._pings.receive_pong(source, packet, now)
            if pong is not None:
                self._events.append(pong)
            return

        def is_authentic(ping: Packet) -> bool:
            sender = ping.sender
            return sender is not None and self._is_authentic(source, sender, None, ping)

        reply, cause = self._pings.receive_ping(from_port, to_port, packet, now, is_authentic)
        self._count(cause)
        self._answer(reply)

    # -- small things

    def _answer(self, packet: OutgoingPacket | None) -> None:
        if packet is not None:
            if len(self._answers) < ANSWERS_MAX:
                self._answers.append(packet)
            else:
                self._count("answers")

    def _new_id(self) -> int:
        while True:
            number = int.from_bytes(self._entropy.random_bytes(4), "big")
            if number and number not in self._streams and number not in self._remains:
                return number

    def _count(self, cause: str) -> None:
        self.counters[cause] = self.counters.get(cause, 0) + 1
