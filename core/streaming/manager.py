"""All streams of one client session: limits, pings, timers, and turns at sending.

Use: ``receive_packets`` or ``handle_timer`` or a call on a stream, then drain ``next_event`` and
``packets_to_send``, then arm one timer for ``next_timer``. Nothing here does I/O.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence

from core.base.errors import LocalError, Unavailable
from core.base.ports import Entropy, WallClock
from core.base.rates import TokenBucket
from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from core.streaming.admission import Admission
from core.streaming.budgets import Budgets
from core.streaming.closed_streams import ClosedStreams, build_reset
from core.streaming.connection import Stream
from core.streaming.demux import Demultiplexer
from core.streaming.early_packets import EarlyPackets
from core.streaming.events import Closed, Event, Reset
from core.streaming.measured import PathMemories, PathMemory, StreamTotals
from core.streaming.options import StreamingOptions
from core.streaming.outgoing import OutgoingPacket, answer
from core.streaming.packet import NO_ACK, RESET, Packet, build_packet
from core.streaming.ping import Pings
from core.streaming.table import StreamTable

#: packets of one call, and of one stream before the next one has its turn
BATCH_PACKETS_MAX = 1024
QUANTUM_PACKETS = 16
#: answers to strangers: pongs, and RESETs for streams nobody knows
ANSWERS_PER_SECOND = 10.0
ANSWERS_BURST = 30
ANSWERS_MAX = 256
SWEEP_SECONDS = 5.0

StreamEvent = Event[Stream]


class StreamManager:
    """See the module. ``is_listening`` False refuses streams that peers open."""

    def __init__(
        self, keys: PrivateKeys, options: StreamingOptions, wall: WallClock, entropy: Entropy
    ) -> None:
        self.keys = keys
        self.options = options
        self.is_listening = options.accepts_streams
        #: dropped packets by cause
        self.counters: dict[str, int] = {}
        self.ended = StreamTotals()
        self.on_remote: Callable[[Destination], None] = _ignore
        """Is told of each destination that opens a stream, or is answered."""
        self._entropy = entropy
        self._table = StreamTable()
        self._memories = PathMemories()
        self._answer_rate = TokenBucket(ANSWERS_PER_SECOND, ANSWERS_BURST)
        self._answers: list[OutgoingPacket] = []
        self._closed = ClosedStreams(keys, self._answer_rate, options.accepts_streams)
        self._early = EarlyPackets()
        self._pings = Pings(keys, self._answer_rate, options.answer_pings)
        self._demux = Demultiplexer(
            self,
            self._table,
            Admission(keys.hash, options, wall),
            self._closed,
            self._early,
            self._pings,
            wall,
        )
        self._events: deque[StreamEvent] = deque()
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
        self.on_remote(remote)
        if len(initial) > self.options.send_bytes_max:
            raise LocalError("more initial data than the send buffer takes")
        if len(self._table.by_id) >= self.options.max_streams:
            raise Unavailable("too many streams", code="too_many_streams")
        stream = self._open(remote, (from_port, to_port), 0, now)
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
        self.answer(self._pings.send(ping_id, remote_hash, from_port, to_port, payload, now))
        self.arm_sweep(now)

    @property
    def streams(self) -> list[Stream]:
        """All that live."""
        return list(self._table.by_id.values())

    def shutdown(self, now: float) -> None:
        """Reset every stream; drain ``packets_to_send`` once more afterwards."""
        self.is_listening = False
        for stream in list(self._table.by_id.values()):
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

    def remotes_to_serve(self) -> list[bytes]:
        """Peers for which there may be something to send, if their budgets allow it."""
        remotes = [stream.remote_hash for stream in self._awake]
        remotes += self._budgets.starved
        remotes += [answer.remote_hash for answer in self._answers]
        return list(dict.fromkeys(remotes))

    @property
    def starved_remotes(self) -> list[bytes]:
        """Peers whose streams wait for a larger budget."""
        return list(self._budgets.starved)

    def path_changed(self, remote_hash: bytes, now: float) -> None:
        """The peer is reached another way than before; streams that waited need not wait on."""
        for stream in list(self._table.by_id.values()):
            if stream.remote_hash == remote_hash:
                stream.on_path_changed(now)

    def take_delivered(self) -> dict[bytes, tuple[int, float]]:
        """What the peers have acknowledged since the last call, by destination hash.

        Packets, and the latest round trip in seconds.
        """
        delivered, self._delivered = self._delivered, {}
        return delivered

    def next_event(self) -> StreamEvent | None:
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
            # The budget, not the path, limits this stream: what it measures says little.
            stream.recovery.note_app_limited()
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
            stream = self._table.by_id.get(local_id)
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

    def _sweep(self, now: float) -> None:
        self._closed.sweep(now)
        self._early.sweep(now)
        self._pings.sweep(now)
        is_needed = len(self._closed) + len(self._early) + len(self._pings) > 0
        self._sweep_at = now + SWEEP_SECONDS if is_needed else 0.0

    # -- what streams call (StreamHost)

    def wake(self, stream: Stream) -> None:
        """``stream`` may have something to send, or another deadline."""
        if not stream.is_awake and not stream.is_dead:
            stream.is_awake = True
            self._awake.append(stream)

    def emit(self, event: StreamEvent) -> None:
        """Queue ``event``; a stream that ended leaves the tables."""
        self._events.append(event)
        if isinstance(event, Reset):
            self._remove_stream(event.stream, is_reset=event.why != "peer")
        elif isinstance(event, Closed):
            self._remove_stream(event.stream, is_reset=False)

    def account(self, change: int) -> bool:
        """Held received bytes changed; True if all streams together hold too much."""
        self._held_bytes += change
        return self._held_bytes > self.options.receive_total_bytes_max

    def learn(self, stream: Stream, memory: PathMemory) -> None:
        """``stream`` has sent everything, and this is what a later one can start from."""
        if memory.smoothed:
            self._memories.keep(stream.remote_hash, memory)

    def _remove_stream(self, stream: Stream, is_reset: bool) -> None:
        now = self._now
        if not self._table.remove(stream):
            return
        self.ended.add(stream.stats)
        self._budgets.remove(stream)
        if stream.recovery.next_sequence or stream.is_inbound:
            packet = build_reset(stream, self.keys) if is_reset else stream.last_ack(now)
            if packet is not None:
                self.answer(
                    answer(stream.remote_hash, stream.local_port, stream.remote_port, packet)
                )
            self._closed.add(stream, is_reset, now)
            self.arm_sweep(now)

    # -- receiving

    def receive_packets(self, batch: Sequence[tuple[object, int, int, bytes]], now: float) -> None:
        """Take ``(source, from_port, to_port, packet)`` items.

        ``source`` is the destination hash that the ratchet session belongs to, or None if the
        packet came without. Malformed and unwanted packets are dropped and counted.
        """
        self._now = now
        for stream in self._demux.receive(batch, now):
            stream.end_batch(now)
            if delivered := stream.recovery.take_delivered():
                total = delivered + self._delivered.get(stream.remote_hash, (0, 0.0))[0]
                latest_s = stream.recovery.round_trip.latest
                self._delivered[stream.remote_hash] = total, latest_s

    # -- what the demultiplexer calls (DemuxHost)

    def accept(
        self, packet: Packet, ports: tuple[int, int], source: object, now: float
    ) -> Stream | None:
        """The stream that an authentic SYN opens; None if there must be no more."""
        remote = packet.sender
        assert remote is not None
        self.on_remote(remote)
        if not self.is_listening or len(self._table.by_id) >= self.options.max_streams:
            self.count("refused")
            if self.options.accepts_streams and self._answer_rate.take(now):
                reset = build_packet(
                    packet.receive_id, 0, 0, 0, flags=RESET | NO_ACK, signer=self.keys
                )
                self.answer(answer(remote.hash, *ports, reset))
            return None
        return self._open(remote, ports, packet.receive_id, now)

    def answer(self, packet: OutgoingPacket | None) -> None:
        """Send ``packet`` if there is one: it belongs to no stream."""
        if packet is not None:
            if len(self._answers) < ANSWERS_MAX:
                self._answers.append(packet)
            else:
                self.count("answers")

    def count(self, cause: str) -> None:
        """A packet was dropped, or answered on behalf of no stream."""
        self.counters[cause] = self.counters.get(cause, 0) + 1

    def arm_sweep(self, now: float) -> None:
        """Something is kept that has to be forgotten later."""
        if not self._sweep_at:
            self._sweep_at = now + SWEEP_SECONDS

    # -- inside

    def _open(
        self, remote: Destination, ports: tuple[int, int], remote_id: int, now: float
    ) -> Stream:
        """A stream begins; ``remote_id`` is the peer's number for it, 0 if we open it."""
        stream = Stream(
            self,
            remote,
            self._new_id(),
            *ports,
            remote_id != 0,
            now,
            self._memories.recall(remote.hash, now, self._budgets.window(remote.hash)),
        )
        self._table.add(stream, remote_id)
        self._budgets.add(stream)
        return stream

    def _new_id(self) -> int:
        while True:
            number = int.from_bytes(self._entropy.random_bytes(4), "big")
            if number and number not in self._table.by_id and number not in self._closed:
                return number


def _ignore(_: Destination) -> None:
    """Nobody wants to know."""
